import { format, inspect } from 'node:util';
import t from 'tap';
import { Personal } from '../../protocol/personal.js';

const NUMBER = '11010519491231002X';
const who = new Personal(NUMBER);

for (const [way, text] of [
  ['a template', `${who}`],
  ['concatenation', `a ${String(who)}`],
  ['String', String(who)],
  ['join', [who, who].join()],
  ['JSON', JSON.stringify({ who, list: [who] })],
  ['inspect', inspect(who)],
  ['inspect, deep and with everything hidden', inspect({ a: [who] }, { showHidden: true, depth: null })],
  ['inspect without custom inspection', inspect(who, { customInspect: false, showHidden: true })],
  ['format %s %o %O %j', format('%s %o %O %j', who, who, who, who)],
  ['an error message', new Error(`bad ${who}`).message],
  ['Object.entries', JSON.stringify(Object.entries(who))],
  ['a copy of its properties', inspect({ ...who })],
  ['a structured clone', inspect(structuredClone(who), { customInspect: false })],
  ['Number', String(Number(who))],
] as const) {
  t.test(`${way} does not show what is personal`, async (t) => t.notMatch(text, /1101|002X/));
}

t.test('text made of it says that something was masked', async (t) => {
  t.equal(`${who}`, '[personal]');
  t.equal(JSON.stringify(who), '"[personal]"');
  t.equal(inspect(who), '[personal]');
});

t.test('whoever asks for the value gets it', async (t) => t.equal(who.reveal(), NUMBER));
