import * as fc from 'fast-check';
import t from 'tap';
import { encodeVerdict } from '../../../protocol/wire/messages.js';
import { upTopic } from '../../../protocol/wire/topics.js';
import { settle } from '../../support/waiting.js';
import { DEVICE, LinkBench } from './bench.js';

async function asking(): Promise<LinkBench> {
  const bench = await LinkBench.ready();
  bench.central.answersQuestions = false;
  bench.ask(1);
  await settle();
  return bench;
}

function asked(bench: LinkBench, index = 0) {
  const question = bench.central.questions[index];
  if (question === undefined) throw new Error('central was not asked');
  return question;
}

t.test('a question goes at QoS 0 and says what was presented', async (t) => {
  const bench = await asking();
  const [message] = bench.sent('verify');
  t.equal(message?.qos, 0);
  t.equal(message?.retain, false);
  t.same(asked(bench).question, bench.question(101));
  t.same(bench.central.problems, []);
});

t.test('the same bytes go once more at a third of the deadline, and never again', async (t) => {
  const bench = await asking();
  bench.central.answersHello = false;
  await bench.run(499, 499);
  t.equal(bench.sent('verify').length, 1);
  await bench.run(1);
  t.equal(bench.sent('verify').length, 2);
  const [first, second] = bench.sent('verify');
  t.ok(first !== undefined && second?.payload.equals(first.payload));
  await bench.run(5_000);
  t.equal(bench.sent('verify').length, 2);
});

t.test('nothing goes again behind an answer, nor for a tap that nobody waits for', async (t) => {
  const bench = await asking();
  bench.central.send('verdict', bench.central.verdict(asked(bench)));
  await settle();
  t.same(bench.told, ['1 pass']);
  bench.ask(2);
  bench.link.forget(2, false);
  await bench.run(5_000);
  t.equal(bench.sent('verify').length, 2);
});

t.test('a verdict says how long its question was under way, from the first sending', async (t) => {
  const bench = await asking();
  bench.central.answersHello = false;
  await bench.run(512);
  t.equal(bench.sent('verify').length, 2);
  bench.central.send('verdict', bench.central.verdict(asked(bench)));
  await settle();
  t.same(
    bench.verdicts.map(({ tap, networkMs }) => [tap, Math.round(networkMs)]),
    [[1, 512]],
  );
});

t.test('and so it does where the answer is that of a new session', async (t) => {
  const bench = await asking();
  await bench.run(900, 100);
  const { central } = bench;
  central.send('verdict', central.verdict(asked(bench, 2)));
  await settle();
  t.same(
    bench.verdicts.map(({ tap, networkMs }) => [tap, Math.round(networkMs)]),
    [[1, 900]],
  );
});

t.test('a question in a ticket that opens no more is asked in a new session, in time', async (t) => {
  const bench = await LinkBench.ready();
  bench.central.forgetSessions();
  bench.ask(1);
  await bench.run(1_000, 100);
  t.same(bench.told, ['1 pass']);
  t.equal(bench.central.hellos.length, 2);
  t.match(
    bench.central.problems.map(String),
    [/ticket is not ours/, /ticket is not ours/],
    'asked twice in vain',
  );
});

t.test('asked in two sessions, the first answer counts, and the other one is late', async (t) => {
  for (const first of [0, 2]) {
    const bench = await asking();
    await bench.run(900, 100);
    const { central } = bench;
    t.equal(central.questions.length, 3, 'asked, asked again, asked in the new session');
    for (const index of [first, 2 - first]) central.send('verdict', central.verdict(asked(bench, index)));
    await settle();
    t.same(bench.told, ['1 pass']);
  }
});

t.test('given up, the answers of both sessions are told as late', async (t) => {
  const bench = await asking();
  await bench.run(900, 100);
  bench.link.forget(1, true);
  const { central } = bench;
  for (const index of [0, 2]) central.send('verdict', central.verdict(asked(bench, index)));
  await settle();
  t.same(bench.told, ['late 1 pass', 'late 1 pass']);
});

t.test('a lost question is answered at its second sending', async (t) => {
  const bench = await LinkBench.ready();
  let lost = 0;
  bench.broker.onPass = (message) => {
    const drop = message.topic === upTopic(DEVICE, 'verify') && lost++ === 0;
    return drop ? [] : [message];
  };
  bench.ask(1);
  await bench.run(500);
  t.same(bench.told, ['1 pass']);
});

t.test('asked twice, central’s two answers count once', async (t) => {
  const bench = await LinkBench.ready();
  bench.broker.onPass = (message) => [message, message];
  bench.ask(1);
  await settle();
  t.same(bench.told, ['1 pass']);
});

t.test('an answer that comes too late decides nothing, and is told once', async (t) => {
  const bench = await asking();
  bench.link.forget(1, true);
  const late = bench.central.verdict(asked(bench));
  bench.drops();
  bench.central.send('verdict', late);
  await settle();
  t.same(bench.told, ['late 1 pass']);
  t.same(bench.drops(), ['verdict-late']);
  bench.central.send('verdict', late);
  await settle();
  t.same(bench.told, ['late 1 pass'], 'replayed it says nothing about the way to central');
});

t.test('answers are paired with their questions, in whatever order they come', async (t) => {
  const bench = await asking();
  bench.ask(2);
  bench.ask(3);
  await settle();
  for (const index of [2, 0, 1]) bench.central.send('verdict', bench.central.verdict(asked(bench, index)));
  await settle();
  t.same(bench.told, ['3 pass', '1 pass', '2 pass']);
});

t.test('a verdict that is not the answer to this very question is dropped by name', async (t) => {
  const bench = await asking();
  const { central } = bench;
  central.answersHello = false;
  const question = asked(bench);
  const { session } = question;
  const other = await (async () => {
    const elsewhere = await asking();
    return { session: asked(elsewhere).session, payload: elsewhere.central.verdict(asked(elsewhere)) };
  })();
  const plain = encodeVerdict({
    re: question.counter,
    tap: question.question.tap,
    outcome: 'pass',
    reasons: [],
    asOfMs: 0,
    validForMs: 0,
  });
  const good = JSON.parse(central.verdict(question).toString());
  const flipped = Buffer.from(good.sealed, 'base64');
  flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;

  const cases: [string, string, Buffer][] = [
    ['another tap', 'verdict-foreign', central.verdict(question, { tap: { epoch: 1, seq: 102 } })],
    ['another epoch', 'verdict-foreign', central.verdict(question, { tap: { epoch: 2, seq: 101 } })],
    ['another counter', 'verdict-late', central.verdict(question, { re: question.counter + 1 })],
    ['another session', 'verdict-unknown-session', other.payload],
    [
      'another session’s keys',
      'verdict-forged',
      central.seal({ id: session.id, keys: other.session.keys }, 'verdict', plain),
    ],
    ['another device', 'verdict-forged', central.seal(session, 'verdict', plain, 'gz-bus-a2')],
    ['another kind of message', 'verdict-forged', central.seal(session, 'ack', plain)],
    [
      'our own question sent back',
      'verdict-forged',
      central.seal(
        { id: session.id, keys: { up: session.keys.down, down: session.keys.up } },
        'verdict',
        plain,
      ),
    ],
    [
      'one bit altered',
      'verdict-forged',
      Buffer.from(JSON.stringify({ ...good, sealed: flipped.toString('base64') })),
    ],
    ['sealed nonsense', 'verdict-not-json', central.seal(session, 'verdict', Buffer.from('{'))],
    [
      'an outcome of the future',
      'verdict-wrong-shape',
      central.verdict(question, { outcome: 'maybe' as 'pass' }),
    ],
    ['not JSON', 'verdict-not-json', Buffer.from([0xff, 0])],
    ['nothing', 'verdict-not-json', Buffer.alloc(0)],
    ['too much', 'verdict-too-long', Buffer.alloc(200_000, 0x20)],
  ];
  for (const [what, reason, payload] of cases) {
    // Each reason is logged once a minute.
    bench.clock.advance(60_000);
    bench.drops();
    bench.inject('verdict', payload);
    await settle();
    t.ok(bench.drops().includes(reason), `${what}: ${reason}`);
    t.same(bench.told, [], what);
  }
  central.send('verdict', central.verdict(question));
  await settle();
  t.same(bench.told, ['1 pass'], 'none of them cost the true one its effect');
  bench.clock.advance(60_000);
  bench.drops();
  central.send('verdict', central.verdict(question, { outcome: 'refuse' }));
  await settle();
  t.same(bench.told, ['1 pass'], 'nor does a second one');
  t.same(bench.drops(), ['verdict-late']);
});

t.test('no bytes from outside throw, whatever they are', async (t) => {
  const bench = await asking();
  const texts = fc.oneof(
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((text) => Buffer.from(text)),
    fc
      .record({ session: fc.constantFrom(asked(bench).session.id, 'x'), sealed: fc.base64String() })
      .map((body) => Buffer.from(JSON.stringify(body))),
    fc
      .uint8Array({ maxLength: 200 })
      .map((bytes) => bench.central.seal(asked(bench).session, 'verdict', Buffer.from(bytes))),
  );
  await fc.assert(
    fc.asyncProperty(texts, fc.constantFrom('verdict', 'ack', 'welcome'), async (payload, kind) => {
      bench.inject(kind as 'verdict', payload);
      await settle(1);
    }),
    { numRuns: 200 },
  );
  for (const topic of ['cardpad/v1/d/other/down/verdict', 'cardpad/v1/central/one/state', 'x', '']) {
    bench.broker.inject(topic, Buffer.from('{"state":1}'));
  }
  await settle();
  t.same(bench.told, []);
  bench.central.send('verdict', bench.central.verdict(asked(bench)));
  await settle();
  t.same(bench.told, ['1 pass']);
});

t.test('without a session the question waits, and is asked when one opens', async (t) => {
  const bench = await LinkBench.start();
  bench.central.answersHello = false;
  await bench.run(10);
  bench.ask(1, 60_000);
  bench.ask(2, 60_000);
  bench.link.forget(2, false);
  await settle();
  t.equal(bench.sent('verify').length, 0);
  t.same(bench.told, []);
  bench.central.answersHello = true;
  await bench.run(8_000, 200);
  t.same(bench.told, ['1 pass'], 'and not the one that was given up');
});

t.test('without a connection a tap hears so at once', async (t) => {
  const bench = await LinkBench.ready();
  bench.broker.reachable = false;
  bench.ask(1);
  t.same(bench.told, ['1 sys.offline']);
});

t.test('a connection lost with questions out tells each of them at once', async (t) => {
  const bench = await asking();
  bench.ask(2);
  bench.broker.reachable = false;
  t.same(bench.told, ['1 sys.offline', '2 sys.offline']);
  bench.broker.reachable = true;
  await bench.run(5_000);
  t.equal(bench.sent('verify').length, 2, 'and none goes again');
  t.same(bench.told, ['1 sys.offline', '2 sys.offline']);
});

t.test('a flood of given-up questions leaves nothing behind that grows', async (t) => {
  const bench = await LinkBench.ready();
  bench.central.answersQuestions = false;
  for (let tap = 1; tap <= 100; tap++) {
    bench.ask(tap);
    bench.link.forget(tap, false);
  }
  await settle();
  bench.central.send('verdict', bench.central.verdict(asked(bench, 0)));
  bench.central.send('verdict', bench.central.verdict(asked(bench, 99)));
  await settle();
  t.same(bench.told, ['late 100 pass'], 'the last 32 are remembered');
});
