import t from 'tap';
import { encodeState, type State } from '../../../protocol/wire/messages.js';
import { upTopic } from '../../../protocol/wire/topics.js';
import { settle } from '../../support/waiting.js';
import { DEVICE, LinkBench } from './bench.js';

const BOOT = '0123456789abcdef';
const OTHER = 'bbbbbbbbbbbbbbbb';
const TOPIC = upTopic(DEVICE, 'state');
const MINUTE_MS = 60_000;

const state = (word: State['state'], connection: number, boot = BOOT) =>
  encodeState({ state: word, connection, boot });

async function inject(bench: LinkBench, payload: Buffer, retain = true): Promise<void> {
  bench.broker.inject(TOPIC, payload, { retain });
  await settle();
}

const errors = (bench: LinkBench) => bench.lines.filter((line) => / error /.test(line));

t.test(
  'a birth carries the number of its connection, and the will of that connection the same',
  async (t) => {
    const bench = await LinkBench.ready();
    for (let connection = 1; connection <= 3; connection++) {
      t.equal(bench.states().at(-1), `ready ${connection}`);
      t.same(bench.retainedState(), { state: 'ready', connection, boot: BOOT });
      bench.broker.kill(`cardpad-${DEVICE}`);
      t.equal(bench.states().at(-1), `lost ${connection}`);
      bench.broker.reachable = true;
      await settle();
    }
    await bench.link.close();
    t.same(bench.retainedState(), { state: 'disconnected', connection: 4, boot: BOOT });
  },
);

t.test('its own words, come back from the broker, move nothing', async (t) => {
  const bench = await LinkBench.ready();
  await bench.run(MINUTE_MS);
  t.same(bench.states(), ['ready 1']);
  t.same(bench.drops(), []);
});

t.test('an old will that comes after the new birth is corrected', async (t) => {
  const bench = await LinkBench.ready();
  const oldWill = bench.reconnect();
  await settle();
  t.same(bench.retainedState(), { state: 'ready', connection: 2, boot: BOOT });
  oldWill();
  await settle();
  t.same(bench.retainedState(), { state: 'ready', connection: 2, boot: BOOT });
  t.same(bench.states(), ['ready 1', 'ready 2', 'lost 1', 'ready 2']);
  t.same(errors(bench), [], 'its own old will is no second gate');
});

for (const [what, payload] of [
  ['the will of a start before this one', state('lost', 9, OTHER)],
  ['a goodbye in its name', state('disconnected', 1)],
  ['the right words with another number', state('ready', 2)],
  ['another standing', state('degraded', 1)],
  ['no state at all', Buffer.from('x')],
  ['the retained message taken away', Buffer.alloc(0)],
  ['too much', Buffer.alloc(2_000, 0x20)],
] as const) {
  t.test(`${what}: the last word on a gate is its own`, async (t) => {
    const bench = await LinkBench.ready();
    await inject(bench, payload);
    t.same(bench.retainedState(), { state: 'ready', connection: 1, boot: BOOT });
    t.equal(bench.drops().filter((reason) => reason.startsWith('state-')).length, 1);
    t.same(errors(bench), []);
    t.ok(bench.link.ready, 'and nothing else changes');
  });
}

t.test('whoever publishes all the time makes it answer once in 5 s, and the last is corrected', async (t) => {
  const bench = await LinkBench.ready();
  for (let i = 0; i < 200; i++) {
    await inject(bench, state('lost', 0));
    bench.clock.advance(100);
  }
  await bench.run(5_000, 1_000);
  t.same(bench.retainedState(), { state: 'ready', connection: 1, boot: BOOT });
  const corrections = bench.states().length - 1;
  t.ok(corrections >= 4 && corrections <= 6, `${corrections} corrections in 25 s`);
});

t.test('a change is told at once, and then at most once a second', async (t) => {
  const bench = await LinkBench.ready();
  const { conditions } = bench;
  conditions.set('reader.lost', true);
  await settle();
  t.same(bench.states(), ['ready 1', 'degraded 1']);
  for (let i = 0; i < 21; i++) {
    conditions.set('reader.lost', i % 2 === 1);
    await settle();
  }
  t.same(bench.states(), ['ready 1', 'degraded 1']);
  await bench.run(1_000);
  t.same(bench.states(), ['ready 1', 'degraded 1', 'ready 1']);
});

t.test('a new connection is born with what holds now', async (t) => {
  const bench = await LinkBench.ready();
  bench.broker.kill(`cardpad-${DEVICE}`);
  bench.conditions.set('journal.failing', true);
  bench.broker.reachable = true;
  await settle();
  t.same(bench.states(), ['ready 1', 'lost 1', 'degraded 2']);
});

t.test(
  'while a question may be out nothing is said: an acknowledgement would hold the verdict back',
  async (t) => {
    const bench = await LinkBench.ready();
    bench.link.pauseUploads(true);
    bench.conditions.set('reader.lost', true);
    await inject(bench, state('lost', 0));
    await bench.run(8_000);
    t.same(bench.states(), ['ready 1']);
    bench.link.pauseUploads(false);
    await settle();
    t.same(bench.states(), ['ready 1', 'degraded 1']);
  },
);

t.test('after its goodbye a gate corrects nothing', async (t) => {
  const bench = await LinkBench.ready();
  await bench.link.close();
  await inject(bench, state('lost', 0));
  await bench.run(MINUTE_MS);
  t.same(bench.states(), ['ready 1', 'disconnected 1']);
});

t.test(
  'another gate with its keys that is up: named once, an alarm, and over after ten quiet minutes',
  async (t) => {
    const bench = await LinkBench.ready();
    await inject(bench, state('ready', 1, OTHER));
    t.equal(errors(bench).length, 1);
    t.match(errors(bench)[0], new RegExp(`two gates run with the keys of ${DEVICE}.*provision`));
    t.match(errors(bench)[0], new RegExp(`device=${DEVICE} boot=${BOOT} otherBoot=${OTHER}`));
    await bench.run(1_000);
    t.same(bench.retainedState(), { state: 'alert', connection: 1, boot: BOOT });
    await inject(bench, state('alert', 2, OTHER));
    await bench.run(10_000);
    t.equal(errors(bench).length, 1);
    t.equal(bench.recordsOf('alarm'), 1);
    await bench.run(10 * MINUTE_MS);
    t.same(bench.retainedState(), { state: 'ready', connection: 1, boot: BOOT });
    t.ok(bench.link.ready, 'a hint changes nothing of what the gate decides');
  },
);

t.test('two that throw each other off the broker are found by what the other leaves behind', async (t) => {
  const bench = await LinkBench.ready();
  for (let connection = 1; connection <= 2; connection++) {
    bench.broker.kill(`cardpad-${DEVICE}`);
    await inject(bench, state('ready', connection, OTHER));
    await inject(bench, state('lost', connection, OTHER));
    t.equal(errors(bench).length, 0);
    bench.broker.reachable = true;
    await settle();
  }
  t.equal(errors(bench).length, 1);
  t.match(errors(bench)[0], OTHER);
});

t.test('what the process before this one has left is no second gate, however it comes', async (t) => {
  const bench = await LinkBench.start();
  await bench.link.close();
  const again = await LinkBench.ready({ broker: bench.broker, boot: OTHER });
  t.match(again.retainedState(), { state: 'ready', boot: OTHER });
  bench.broker.inject(TOPIC, state('lost', 1), { retain: true });
  await settle();
  t.match(again.retainedState(), { state: 'ready', boot: OTHER });
  again.reconnect();
  await settle();
  t.same(errors(again), []);
});

t.test('thrown off twice by somebody with its name, says the broker: named', async (t) => {
  const bench = await LinkBench.ready();
  bench.reconnect(true)();
  await settle();
  t.equal(errors(bench).length, 0);
  bench.reconnect(true)();
  await settle();
  t.equal(errors(bench).length, 1);
  t.match(errors(bench)[0], /otherBoot=unknown/);
});

t.test('central silent and the broker not: an alarm record, and alert until the next answer', async (t) => {
  const bench = await LinkBench.ready();
  bench.central.answersQuestions = false;
  for (let tap = 1; tap <= 3; tap++) {
    bench.ask(tap);
    await bench.run(1_500);
    bench.link.forget(tap, true);
    await settle();
  }
  await bench.run(5_000);
  t.match(errors(bench)[0], /three questions in a row had no answer although the broker answers/);
  t.equal(errors(bench).length, 1);
  t.equal(bench.recordsOf('alarm'), 1);
  t.match(bench.retainedState(), { state: 'alert' });
  const late = bench.central.questions.at(-1);
  if (late === undefined) throw new Error('central was not asked');
  bench.central.send('verdict', bench.central.verdict(late));
  await bench.run(1_000);
  t.match(bench.retainedState(), { state: 'ready' });
  t.ok(bench.lines.some((line) => /central answers again/.test(line)));
});

t.test('a frozen broker, and the same three questions: no alarm', async (t) => {
  const bench = await LinkBench.ready();
  bench.broker.frozen = true;
  for (let tap = 1; tap <= 3; tap++) {
    bench.ask(tap);
    await bench.run(1_500);
    bench.link.forget(tap, true);
  }
  await bench.run(5_000);
  t.same(errors(bench), []);
  bench.broker.frozen = false;
  await bench.append(1);
  await bench.run(30_000);
  t.equal(bench.recordsOf('alarm'), 0);
});
