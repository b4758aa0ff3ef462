import t from 'tap';
import { encodeState } from '../../../protocol/wire/messages.js';
import { centralStateTopic } from '../../../protocol/wire/topics.js';
import { settle } from '../../support/waiting.js';
import { LinkBench } from './bench.js';

t.test('a hello goes at once when a central comes up', async (t) => {
  const bench = await LinkBench.start({ centralUp: false, random: () => 0.999 });
  // Two hellos went to nobody, and the second still waits for its welcome.
  await bench.run(8_000, 100);
  bench.central.connect();
  await bench.run(2_000, 100);
  t.equal(bench.link.ready, true, 'a session within 2 s of broker and central both being there');
});

t.test('centrals that come up again and again cost a hello a second at most', async (t) => {
  const bench = await LinkBench.start();
  bench.central.answersHello = false;
  await bench.run(1);
  const state = bench.broker.retained.get('cardpad/v1/central/one/state');
  if (state === undefined) throw new Error('no state');
  const before = bench.sent('hello').length;
  for (let i = 0; i < 100; i++) {
    bench.broker.inject(state.topic, state.payload);
    await bench.run(50, 50);
  }
  t.ok(bench.sent('hello').length - before <= 6, `${bench.sent('hello').length - before}`);
  bench.central.answersHello = true;
  bench.broker.inject(state.topic, state.payload);
  await bench.run(2_000, 100);
  t.equal(bench.link.ready, true);
});

t.test(
  'a question without an answer renews the session in the background, one hello at a time',
  async (t) => {
    const bench = await LinkBench.ready();
    const { central } = bench;
    central.answersQuestions = false;
    bench.ask(1);
    await settle();
    bench.link.forget(1, false);
    await settle();
    t.equal(central.hellos.length, 1, 'given up for a newer card is no doubt');
    central.answersHello = false;
    for (const tap of [2, 3, 4]) {
      bench.ask(tap);
      await settle();
      bench.link.forget(tap, true);
      await settle();
    }
    t.equal(central.hellos.length, 2);
    t.equal(bench.link.ready, true, 'the old session goes on meanwhile');
  },
);

t.test(
  'a central that comes up new is greeted beside the session that stands, spread by chance',
  async (t) => {
    for (const [chance, earliestMs, latestMs] of [
      [0, 0, 100],
      [0.5, 450, 600],
      [0.999, 900, 1_100],
    ] as const) {
      const bench = await LinkBench.ready({ random: () => chance });
      const { central } = bench;
      await central.disconnect();
      central.forgetSessions();
      central.boot = 'ffeeddccbbaa9988';
      central.connect();
      if (earliestMs > 0) {
        await bench.run(earliestMs, 100);
        t.equal(central.sessions.length, 1, `not within ${earliestMs} ms`);
        t.ok(bench.link.ready, 'the old session serves meanwhile');
      }
      await bench.run(latestMs - earliestMs, 50);
      t.equal(central.sessions.length, 2, `within ${latestMs} ms`);
      bench.ask(1);
      await settle();
      t.same(bench.told, ['1 pass'], 'and no tap had to find out');
      await bench.run(60_000, 1_000);
      t.equal(central.hellos.length, 2);
    }
  },
);

t.test('a central that only lost its connection is not greeted anew', async (t) => {
  const bench = await LinkBench.ready();
  await bench.central.disconnect();
  bench.central.connect();
  await bench.run(10_000, 500);
  t.equal(bench.central.hellos.length, 1);
});

t.test('a central that came up new while the gate was away is greeted when it is back', async (t) => {
  const bench = await LinkBench.ready();
  const { central } = bench;
  bench.broker.reachable = false;
  bench.broker.reachable = true;
  await bench.run(5_000, 500);
  t.equal(central.hellos.length, 1, 'the same one is there');
  const topic = 'cardpad/v1/central/one/state';
  bench.broker.inject(topic, Buffer.from('{"state":"ready","connection":1,"boot":"ffeeddccbbaa9988"}'), {
    retain: true,
  });
  await bench.run(2_000, 100);
  t.equal(central.hellos.length, 2);
});

t.test(
  'starts of centrals that somebody invents cost a few hellos, and then one in half a minute',
  async (t) => {
    const bench = await LinkBench.ready();
    for (let i = 0; i < 600; i++) {
      const boot = i.toString(16).padStart(16, '0');
      bench.broker.inject(
        'cardpad/v1/central/one/state',
        Buffer.from(JSON.stringify({ state: 'ready', connection: 1, boot })),
      );
      await bench.run(500, 500);
    }
    const { length } = bench.central.hellos;
    t.ok(length >= 5 && length <= 17, `${length} in five minutes`);
  },
);

t.test('nor do they cost more where central takes its time to answer', async (t) => {
  const bench = await LinkBench.ready();
  const { central, clock } = bench;
  central.answersHello = false;
  const ANSWER_MS = 300;
  const sentMs: number[] = [];
  let answered = 0;
  for (let i = 0; i < 600; i++) {
    const boot = i.toString(16).padStart(16, '0');
    bench.broker.inject(centralStateTopic('x'), encodeState({ state: 'ready', connection: 1, boot }));
    await bench.run(100, 100);
    // The first hello is that of the session which stands.
    for (const _ of central.hellos.slice(1 + sentMs.length)) sentMs.push(clock.monotonicMs());
    if ((sentMs[answered] ?? Number.POSITIVE_INFINITY) + ANSWER_MS > clock.monotonicMs()) continue;
    answered += 1;
    const hello = central.hellos[answered];
    if (hello !== undefined) central.send('welcome', await central.welcome(hello.body));
  }
  t.ok(answered >= 5 && answered <= 9, `${answered} in a minute`);
});

t.test(
  'a central that was away while questions were asked gets its hello within 2 s of its return',
  async (t) => {
    for (const awayMs of [200, 3_000, 7_000, 20_000, 45_000]) {
      const bench = await LinkBench.ready({ random: () => 0.999 });
      const { central } = bench;
      await central.disconnect();
      bench.ask(1);
      await bench.run(1_500, 100);
      bench.link.forget(1, true);
      await bench.run(awayMs, 100);
      central.forgetSessions();
      central.boot = 'ffeeddccbbaa9988';
      central.connect();
      await bench.run(2_000, 100);
      t.equal(central.sessions.length, 2, `away for ${awayMs} ms`);
    }
  },
);

t.test('a doubt is not forgotten with the connection', async (t) => {
  const bench = await LinkBench.ready();
  const { central } = bench;
  central.answersHello = false;
  central.answersQuestions = false;
  bench.ask(1);
  await bench.run(1_500, 100);
  bench.link.forget(1, true);
  bench.broker.reachable = false;
  central.answersHello = true;
  bench.broker.reachable = true;
  await bench.run(2_000, 100);
  t.equal(central.sessions.length, 2);
});

t.test('who says "ready" all the time throws away one hello on its way, and no more', async (t) => {
  const bench = await LinkBench.start({ centralUp: false });
  const { central, clock } = bench;
  central.connect();
  central.answersHello = false;
  const ready = (boot: string) => encodeState({ state: 'ready', connection: 1, boot });
  for (let second = 0; second < 4; second++) {
    bench.broker.inject(centralStateTopic('x'), ready(`${second}`.padStart(16, '0')));
    await bench.run(1_000, 100);
  }
  const hellos = bench.sent('hello').length;
  t.ok(hellos <= 2, `${hellos} hellos in 4 s`);
  const last = central.hellos.at(-1);
  if (last === undefined) throw new Error('no hello');
  central.send('welcome', await central.welcome(last.body));
  await bench.run(100);
  t.equal(bench.link.ready, true, 'its welcome is taken, though it came late');
  t.ok(clock.monotonicMs() < 5_000);
});

t.test('forged welcomes by the hundred do not keep the one thread from the true one', async (t) => {
  const bench = await LinkBench.start({ centralUp: false });
  const { central } = bench;
  central.connect();
  central.answersHello = false;
  await bench.run(100, 10);
  const hello = central.hellos.at(-1);
  if (hello === undefined) throw new Error('no hello');
  const forged = await central.welcome(hello.body, { signer: central.otherKey });
  const verified = () => bench.sm2Calls.filter((call) => call === 'verify').length;
  const before = verified();
  for (let i = 0; i < 200; i++) bench.inject('welcome', forged);
  await settle();
  t.ok(verified() - before <= 8, 'a few at a time');
});
