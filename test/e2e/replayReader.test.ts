import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Child, cardpad, startCardpad } from './support/child.js';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

const person = elder(77, { healthCode: 'green' });

const portOf = async (reader: Child): Promise<string> =>
  `tcp://127.0.0.1:${/:(\d+);/.exec(await reader.line(/listening on/))?.[1]}`;

t.test('a session that was recorded from one gate opens another when it is played again', async (t) => {
  const site = await Site.open(t, { people: [person] });
  const session = join(site.folder, 'session.ndjson');
  const listen = ['simulate', 'reader', '--listen', 'tcp://127.0.0.1:0'];

  const recorded = startCardpad(t, [...listen, '--baud', '115200', '--record', session]);
  await recorded.line(/recording to .*holds all that the cards say, so record simulated cards only/);
  const first = await TestGate.open(site, { device: 'gate-1', port: await portOf(recorded) });
  recorded.say(`put ${person.idNumber}`);
  const lived = await first.stored(0);
  recorded.say('lift');
  await recorded.line(/card lifted/);
  await first.process.end('SIGTERM');
  recorded.say('quit');
  t.same(await recorded.exited, { code: 0, signal: null });
  t.equal(statSync(session).mode & 0o777, 0o600, 'for its owner alone');
  t.match(readFileSync(session, 'utf8'), /^\{"cardpad":"reader-session","version":1\}\n\{"ms":/);

  const replayed = startCardpad(t, [...listen, '--replay', session]);
  const second = await TestGate.open(site, { device: 'gate-2', port: await portOf(replayed) });
  const again = await second.stored(0);
  t.match(again.verdict, { outcome: 'pass', action: 'open', decidedBy: 'central' });
  t.equal(again.tap.subject, lived.tap.subject, 'the same person');
  replayed.say('quit');
  t.same(await replayed.exited, { code: 0, signal: null });
});

const LISTEN = ['simulate', 'reader', '--listen', 'tcp://127.0.0.1:0'];
const SESSION = '{"cardpad":"reader-session","version":1}\n';

t.test('simulate reader names what is wrong with a recording, and writes over none', async (t) => {
  const folder = t.testdir({ 'good.ndjson': SESSION, 'bad.ndjson': `${SESSION}{"ms":1}\n` });
  const [good, bad] = [join(folder, 'good.ndjson'), join(folder, 'bad.ndjson')];
  const WRONG: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['--replay', bad], 1, /bad\.ndjson, line 2: .*session\.shape/],
    [['--replay', join(folder, 'none')], 1, /none/],
    [['--record', good], 1, /cannot make .*EEXIST.*session\.write/],
    [['--replay', good, '--cards', 'x'], 2, /--cards has no place beside --replay/],
    [['--replay', good, '--speed', '0'], 2, /--speed takes a whole number/],
    [['--speed', '2'], 2, /--speed has a place beside --replay only/],
  ];
  for (const [argv, exit, says] of WRONG) {
    const { code, stderr } = await cardpad(t, [...LISTEN, ...argv]);
    t.equal(code, exit, argv.join(' '));
    t.match(stderr, says);
  }
  t.equal(readFileSync(good, 'utf8'), SESSION);
});
