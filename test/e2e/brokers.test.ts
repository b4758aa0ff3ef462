import t from 'tap';
import { BROKERS } from '../support/brokers.js';
import type { Captured } from './support/capture.js';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { type EventLine, Site } from './support/site.js';

const green = elder(110, { healthCode: 'green' });
const yellow = elder(111, { healthCode: 'yellow' });
const red = elder(112, { healthCode: 'red' });
const away = elder(113, { healthCode: 'green' });
const back = elder(114, { healthCode: 'green' });
const struck = elder(115, { healthCode: 'green' });
const people = [green, yellow, red, away, back, struck];

/** The expiry, the response topic and the correlation of the first message of a kind. */
function saidBeside(messages: readonly Captured[], kind: string) {
  const { properties } = messages.find(({ topic }) => topic === `cardpad/v1/d/gate-1/${kind}`) ?? {};
  return {
    // Mosquitto counts it down, in whole seconds.
    expires: properties?.messageExpiryInterval !== undefined,
    answerTo: properties?.responseTopic,
    correlation: properties?.correlationData?.toString('hex'),
  };
}

for (const kind of BROKERS) {
  t.test(kind.name, async (t) => {
    const site = await Site.open(t, { people, broker: kind });
    const capture = await site.lookOn(t);
    const gate = await TestGate.open(site, { device: 'gate-1' });

    t.test(`gate and central speak MQTT ${kind.speaks}`, async (t) => {
      const connected = new RegExp(`connected .*mqtt=${kind.speaks.replaceAll('.', '\\.')}$`);
      t.match(await gate.process.line(/broker: connected/), connected);
      t.match(await site.service.line(/ connected /), connected);
    });

    t.test('green opens, yellow calls, red is held', async (t) => {
      for (const [person, lamp, action] of [
        [green, 'green', 'open'],
        [yellow, 'yellow', 'call-staff'],
        [red, 'red', 'hold+call-staff'],
      ] as const) {
        const { verdict } = await gate.visit(person, lamp);
        t.match(verdict, { reasons: [`health.${lamp}`], action, decidedBy: 'central' });
      }
    });

    t.test('questions and answers can be paired by who looks on, where MQTT can say it', async (t) => {
      const silent = { expires: false, answerTo: undefined, correlation: undefined };
      for (const [ask, answer, expires] of [
        ['up/hello', 'down/welcome', true],
        ['up/verify', 'down/verdict', true],
        ['up/events', 'down/ack', false],
      ] as const) {
        const asked = saidBeside(capture.messages, ask);
        const answered = saidBeside(capture.messages, answer);
        if (kind.speaks !== '5') t.same([asked, answered], [silent, silent]);
        else {
          const { correlation } = asked;
          t.match(correlation, /^[0-9a-f]{16}$/);
          t.same(asked, { expires, answerTo: `cardpad/v1/d/gate-1/${answer}`, correlation });
          t.same(answered, { expires, answerTo: undefined, correlation });
        }
      }
    });

    t.test('the broker dies and comes back: everything arrives, once, in order', async (t) => {
      const said = { gate: gate.process.written, central: site.service.written };
      await site.pullNetwork();
      await gate.process.line(/connection lost/, said.gate);
      const from = gate.edges.count;
      gate.put(away);
      await gate.edges.edge('gate', 1, from);
      gate.lift();
      t.same(gate.lamps(from), ['green'], 'registered, and let in');

      await site.restoreNetwork();
      const isLocal = ({ decidedBy }: EventLine) => decidedBy === 'local';
      const local = await site.record(
        'gate-1',
        (lines) => lines.find(isLocal),
        'the verdict without network',
      );
      t.match(local, { outcome: 'undetermined', action: 'open' });
      await site.service.line(/central ready/, said.central);
      await gate.process.line(/broker: connected/, said.gate);
      const { verdict } = await gate.visit(back, 'green');
      t.match(verdict, { outcome: 'pass', decidedBy: 'central' });
      const lines = await site.events('gate-1');
      t.same(
        lines.map(({ seq }) => seq),
        [...new Set(lines.map(({ seq }) => seq))].sort((a, b) => a - b),
        'nothing twice, in order',
      );
      t.equal(lines.filter(({ kind }) => kind === 'tap').length, 5);
    });

    t.test('kill -9, and start again', async (t) => {
      const from = gate.edges.count;
      gate.put(struck);
      await gate.edges.edge('gate', 1, from);
      await gate.process.end('SIGKILL');
      gate.lift();
      gate.startAgain();
      await gate.ready();
      // Where the struck gate had not come to it, the new start writes the verdict.
      const told = (lines: readonly EventLine[]) =>
        lines.filter(({ kind }) => kind === 'verdict').length === 6;
      await site.record('gate-1', told, 'the verdict on the struck tap');
      await gate.visit(green, 'green');
      const taps = (await site.events('gate-1')).filter(({ kind }) => kind === 'tap');
      t.same(
        taps.map(({ epoch }) => epoch),
        [1, 1, 1, 1, 1, 1, 2],
        'the tap that opened the gate was on disk, and came',
      );
    });

    t.test('a clean stop says goodbye', async (t) => {
      const late = await site.lookOn(t);
      t.same(await gate.process.end('SIGTERM'), { code: 0, signal: null });
      const state = await late.retained('cardpad/v1/d/gate-1/up/state', /"disconnected"/);
      t.match(JSON.parse(state), { state: 'disconnected' });
      t.same(await site.service.end('SIGTERM'), { code: 0, signal: null });
      const { code, stdout } = await site.verify();
      t.equal(code, 0, stdout);
    });
  });
}
