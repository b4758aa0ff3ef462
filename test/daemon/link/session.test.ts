import t from 'tap';
import { parseSigned } from '../../../protocol/wire/signed.js';
import { settle } from '../../support/waiting.js';
import { DEVICE, LinkBench } from './bench.js';

const HOUR_MS = 3_600_000;

/** The hello that is waiting for its welcome. */
async function helloOf(bench: LinkBench): Promise<Buffer> {
  const payload = bench.sent('hello').at(-1)?.payload;
  const signed = payload === undefined ? undefined : parseSigned(payload);
  if (signed?.ok !== true) throw new Error('no hello');
  return signed.value.body;
}

t.test('a session is opened ahead of the first tap, and no tap pays for SM2', async (t) => {
  const bench = await LinkBench.ready();
  t.same(bench.sm2Calls, ['generate', 'sign', 'verify', 'decrypt']);
  bench.ask(1);
  await settle();
  t.same(bench.told, ['1 pass']);
  t.equal(bench.sm2Calls.length, 4);
  t.same(bench.central.problems, []);
});

t.test('a hello says who, how far the journal is, and draws a new key and nonce each time', async (t) => {
  const bench = await LinkBench.start();
  bench.central.answersHello = false;
  await bench.run(30_000, 250);
  const hellos = bench.central.hellos.map(({ hello }) => hello);
  t.ok(hellos.length >= 3);
  t.same(hellos[0]?.place, bench.journal.newest);
  t.ok(hellos.every(({ device, versions }) => device === DEVICE && versions.join() === '1'));
  t.equal(new Set(hellos.map(({ sessionKey }) => sessionKey)).size, hellos.length);
  t.equal(new Set(hellos.map(({ nonce }) => nonce)).size, hellos.length);
});

t.test('whatever is not the whole, signed answer to our last hello is dropped by name', async (t) => {
  const bench = await LinkBench.start();
  const { central } = bench;
  central.answersHello = false;
  await bench.run(1);
  const hello = await helloOf(bench);
  const good = await central.welcome(hello);
  const altered = Buffer.from(good);
  const signed = parseSigned(good);
  if (!signed.ok) throw new Error('not signed');
  const flipped = Buffer.from(signed.value.body);
  flipped[40] = (flipped[40] ?? 0) ^ 1;

  const cases: [string, Buffer][] = [
    ['welcome-not-json', Buffer.from('{')],
    ['welcome-not-json', altered.subarray(0, altered.length - 1)],
    ['welcome-wrong-shape', Buffer.from('{"v":1}')],
    ['welcome-too-long', Buffer.alloc(200_000, 0x20)],
    ['welcome-unknown-key', await central.welcome(hello, { key: 'ffffffffffffffff' })],
    ['welcome-forged', await central.welcome(hello, { signer: central.otherKey })],
    [
      'welcome-forged',
      Buffer.from(JSON.stringify({ ...JSON.parse(good.toString()), body: flipped.toString('base64') })),
    ],
    ['welcome-foreign', await central.welcome(hello, { core: { device: 'gz-bus-a2' } })],
    ['welcome-foreign', await central.welcome(hello, { core: { hello: '00'.repeat(32) } })],
    ['welcome-foreign', await central.welcome(hello, { core: { version: 2, versions: [2] } })],
    ['welcome-wrong-shape', await central.welcome(hello, { core: { lifetimeMs: 0 } })],
  ];
  const seen = new Set<string>();
  for (const [reason, payload] of cases) {
    bench.drops();
    bench.inject('welcome', payload);
    await settle();
    // Each reason is logged once a minute.
    if (!seen.has(reason)) t.same(bench.drops(), [reason]);
    seen.add(reason);
    t.equal(bench.link.ready, false, reason);
  }
  bench.inject('welcome', good);
  await settle();
  t.equal(bench.link.ready, true, 'the true one still counts');

  bench.inject('welcome', good);
  await settle();
  t.same(bench.drops(), ['welcome-unasked'], 'a replay');
  t.equal(central.sessions.length > 1, true);
});

t.test('a retained welcome is not taken: an old one must not greet a new connection', async (t) => {
  const bench = await LinkBench.start();
  bench.central.answersHello = false;
  await bench.run(1);
  const good = await bench.central.welcome(await helloOf(bench));
  bench.broker.reachable = false;
  bench.broker.inject(`cardpad/v1/d/${DEVICE}/down/welcome`, Buffer.from('{'), { retain: true });
  bench.broker.reachable = true;
  await settle();
  t.match(bench.drops(), ['retained']);
  bench.inject('welcome', good);
  await settle();
  t.equal(bench.link.ready, false, 'the hello of the lost connection has ended with it');
});

t.test('at a stop the gate says what it has dropped in all', async (t) => {
  const bench = await LinkBench.ready();
  for (let n = 0; n < 3; n++) bench.inject('verdict', Buffer.from('{'));
  await settle();
  const reason = bench.drops()[0];
  await bench.link.close();
  t.match(bench.lines.at(-1), new RegExp(` info {2}dropped in all down\\.${reason}=3$`));
});

t.test('a welcome that comes after its time-out is dropped, and the next hello counts', async (t) => {
  const bench = await LinkBench.start();
  bench.central.answersHello = false;
  await bench.run(1);
  const late = await bench.central.welcome(await helloOf(bench));
  await bench.run(5_000);
  bench.inject('welcome', late);
  await settle();
  t.equal(bench.link.ready, false);
  t.match(bench.drops(), [/welcome-(unasked|foreign)/]);
  bench.central.answersHello = true;
  await bench.run(6_000);
  t.equal(bench.link.ready, true);
});

t.test('without a welcome the next hello comes after a back-off that chance spreads', async (t) => {
  const times = async (chance: number) => {
    const bench = await LinkBench.start({ random: () => chance });
    bench.central.answersHello = false;
    const sentMs: number[] = [];
    let seen = 0;
    for (let passed = 0; passed < 40_000; passed += 100) {
      await bench.run(100, 100);
      const count = bench.sent('hello').length;
      if (count > seen) sentMs.push(bench.clock.monotonicMs());
      seen = count;
    }
    return sentMs.map((ms, i) => ms - (sentMs[i - 1] ?? 0)).slice(1);
  };
  const early = await times(0);
  const late = await times(0.999);
  t.ok(
    early.every((gap) => gap >= 5_000 && gap <= 5_200),
    early.join(),
  );
  t.ok(
    late.every((gap) => gap > 5_500 && gap <= 10_100),
    late.join(),
  );
});

t.test('the session is renewed before its end while the old one still serves', async (t) => {
  const bench = await LinkBench.ready();
  const { central } = bench;
  await bench.run(0.7 * HOUR_MS);
  t.equal(central.hellos.length, 1);
  central.answersHello = false;
  await bench.run(0.11 * HOUR_MS);
  t.ok(bench.sent('hello').length >= 2, 'asked again at four fifths of its life at the latest');
  bench.ask(1);
  await settle();
  t.same(bench.told, ['1 pass'], 'the old one serves');
  central.answersHello = true;
  await bench.run(20_000, 500);
  t.equal(new Set(central.sessions.map(({ id }) => id)).size, 2);
  bench.ask(2);
  await settle();
  t.same(bench.told, ['1 pass', '2 pass']);
  t.equal(central.questions[1]?.session.id, central.sessions[1]?.id, 'the new one is used');
});

t.test('a session that has ended serves no more', async (t) => {
  const bench = await LinkBench.ready();
  bench.central.answersHello = false;
  await bench.run(HOUR_MS);
  t.equal(bench.link.ready, false);
  bench.ask(1);
  await settle();
  t.equal(bench.central.questions.length, 0);
});

t.test('an answer to the session before the renewal still counts', async (t) => {
  const bench = await LinkBench.ready();
  const { central } = bench;
  central.answersQuestions = false;
  bench.ask(1, 4 * HOUR_MS);
  await settle();
  const asked = central.questions[0];
  await bench.run(0.85 * HOUR_MS);
  t.equal(central.sessions.length, 2);
  if (asked !== undefined) central.send('verdict', central.verdict(asked));
  await settle();
  t.same(bench.told, ['1 pass']);
});

t.test('a card on the pad does not wait for its turn in a street’s greeting', async (t) => {
  const bench = await LinkBench.start({ firstHelloWithinMs: 30_000 });
  await bench.run(10_000);
  t.equal(bench.sent('hello').length, 0, 'also where central stands there, retained, since yesterday');
  bench.ask(1);
  await settle();
  t.equal(bench.sent('hello').length, 1);
  t.same(bench.told, ['1 pass']);
});

t.test('the first hello of many gates spreads over the time that is given', async (t) => {
  for (const [chance, expectedMs] of [
    [0, 0],
    [0.5, 15_000],
    [0.99, 29_700],
  ] as const) {
    const bench = await LinkBench.start({ firstHelloWithinMs: 30_000, random: () => chance });
    if (expectedMs > 0) {
      await bench.run(expectedMs - 1);
      t.equal(bench.sent('hello').length, 0, `not before ${expectedMs}`);
    }
    await bench.run(2);
    t.equal(bench.sent('hello').length, 1, `at ${expectedMs}`);
  }
});

t.test('a connection that goes and comes back keeps its session', async (t) => {
  const bench = await LinkBench.ready();
  bench.broker.reachable = false;
  t.equal(bench.link.ready, false);
  await bench.run(10_000);
  bench.broker.reachable = true;
  await settle();
  t.equal(bench.link.ready, true);
  bench.ask(1);
  await settle();
  t.same(bench.told, ['1 pass']);
  t.equal(bench.central.hellos.length, 1);
});

t.test('a connection lost with a hello under way greets again when it is back', async (t) => {
  const bench = await LinkBench.start();
  bench.central.answersHello = false;
  await bench.run(1);
  bench.broker.reachable = false;
  await settle();
  bench.central.answersHello = true;
  bench.broker.reachable = true;
  await bench.run(10);
  t.equal(bench.link.ready, true);
});

t.test('what a session was made of is on no disk', async (t) => {
  const bench = await LinkBench.ready();
  await bench.append(5);
  const files = Buffer.concat(bench.disk.names.map((name) => bench.disk.bytesOf(name)));
  const everything = `${files.toString('latin1')}${bench.lines.join()}`;
  for (const { keys } of bench.central.sessions) {
    for (const key of [keys.up.cipherKey, keys.up.macKey, keys.down.cipherKey, keys.down.macKey]) {
      const secret = Buffer.from(key);
      const forms = [secret.toString('latin1'), secret.toString('hex'), secret.toString('base64')];
      for (const text of forms) t.notOk(everything.includes(text));
    }
  }
});

t.test('a gate that stops says goodbye and greets nobody any more', async (t) => {
  const bench = await LinkBench.ready();
  await bench.link.close();
  const before = bench.sent('hello').length;
  await bench.run(2 * HOUR_MS);
  t.equal(bench.sent('hello').length, before);
  const states = bench.sent('state').map(({ payload }) => JSON.parse(payload.toString()).state);
  t.same(states, ['ready', 'disconnected']);
  t.ok(bench.sent('state').every(({ retain }) => retain));
});

t.test('a gate that stops leaves no timer behind', async (t) => {
  const bench = await LinkBench.ready();
  const pending = new Set<() => void>();
  const schedule = bench.clock.schedule.bind(bench.clock);
  bench.clock.schedule = (delayMs, call) => {
    const cancel = schedule(delayMs, () => {
      pending.delete(stop);
      call();
    });
    const stop = () => {
      pending.delete(stop);
      cancel();
    };
    pending.add(stop);
    return stop;
  };
  bench.reconnect();
  await bench.run(1);
  for (let n = 0; n < 3; n++) bench.link.forget(n, true);
  bench.broker.frozen = true;
  bench.ask(4);
  await bench.append(1);
  t.ok(pending.size >= 3, 'a question and a batch are out, and the broker was asked');
  bench.broker.frozen = false;
  await bench.link.close();
  await bench.journal.close();
  await settle();
  t.equal(pending.size, 0);
});

t.test('a gate that dies is told as lost by its will', async (t) => {
  const bench = await LinkBench.ready();
  bench.broker.kill(`cardpad-${DEVICE}`);
  t.match(JSON.parse(bench.sent('state').at(-1)?.payload.toString() ?? ''), { state: 'lost' });
});

t.test('a broker that has gone silent does not hold up a gate that stops', async (t) => {
  const bench = await LinkBench.ready();
  bench.broker.frozen = true;
  let closed = false;
  const closing = bench.link.close().then(() => {
    closed = true;
  });
  await bench.run(1_500, 100);
  t.equal(closed, true);
  await closing;
});
