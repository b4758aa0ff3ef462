import t from 'tap';
import { encodeAck } from '../../../protocol/wire/messages.js';
import { settle } from '../../support/waiting.js';
import { DEVICE, LinkBench } from './bench.js';

const HOUR_MS = 3_600_000;

const upTo = (last: number, epoch = 1) => Array.from({ length: last }, (_, i) => `${epoch}/${i + 1}`);

t.test('the whole journal goes up in order, each record once', async (t) => {
  const bench = await LinkBench.ready();
  await bench.append(200);
  await bench.run(10);
  t.same(bench.central.received, upTo(202));
  t.ok(bench.sent('events').every(({ retain }) => !retain));
  t.same(bench.central.problems, []);
});

t.test('new records go up when they are durable, without being asked for', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  const before = bench.central.received.length;
  bench.disk.holdSyncs();
  await Promise.race([bench.append(1), settle()]);
  t.equal(bench.central.received.length, before);
  bench.disk.releaseSyncs();
  await settle();
  t.equal(bench.central.received.length, before + 1);
});

t.test('a sealed batch stays within 64 KiB', async (t) => {
  const bench = await LinkBench.start({ centralUp: false });
  await bench.append(400);
  bench.central.connect();
  await bench.run(10_000, 200);
  t.same(bench.central.received, upTo(402));
  for (const { sealedBytes } of bench.central.batches) t.ok(sealedBytes <= 64 * 1024, `${sealedBytes}`);
  for (const { payload } of bench.sent('events')) t.ok(payload.length <= 96 * 1024, `${payload.length}`);
});

t.test('a batch is kept until central’s own word: without one it goes again', async (t) => {
  const bench = await LinkBench.start();
  bench.central.acknowledges = false;
  await bench.run(1);
  t.same(bench.central.received, ['1/1', '1/2']);
  await bench.append(1);
  await bench.run(4_900, 100);
  t.same(bench.central.received, ['1/1', '1/2'], 'one batch at a time');
  await bench.run(5_000, 100);
  t.same(bench.central.received, ['1/1', '1/2', '1/1', '1/2', '1/3']);
  bench.central.acknowledges = true;
  await bench.run(12_000, 100);
  t.same(bench.central.received.slice(-3), ['1/1', '1/2', '1/3']);
  const total = bench.central.received.length;
  await bench.run(60_000, 1_000);
  t.equal(bench.central.received.length, total, 'and then is done with');
});

t.test('a lost acknowledgement costs no repetition: the next welcome says it too', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  let lost = 0;
  bench.broker.onPass = (message) => (message.topic.endsWith('/ack') && lost++ === 0 ? [] : [message]);
  await bench.append(1);
  await bench.run(10_000, 100);
  t.same(bench.central.received, ['1/1', '1/2', '1/3']);
  await bench.append(1);
  t.same(bench.central.received, upTo(4));
});

t.test('a batch in a ticket that opens no more goes up in a new session, and no tap is needed', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  bench.central.forgetSessions();
  await bench.append(3);
  await bench.run(6_000, 100);
  t.same(bench.central.received, upTo(5));
  t.equal(bench.central.hellos.length, 2);
});

t.test('a batch that central refuses for good costs it a session now and then', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  bench.central.acknowledges = false;
  await bench.append(1);
  await bench.run(1_200_000, 1_000);
  const { length } = bench.central.hellos;
  t.ok(length >= 4 && length <= 8, `${length} in 20 minutes`);
  t.match(bench.lines.join('\n'), /central does not take the journal/, 'and somebody is told');
});

t.test('whatever is not central’s word on this very batch moves nothing', async (t) => {
  const bench = await LinkBench.start();
  const { central } = bench;
  central.acknowledges = false;
  await bench.run(1);
  const [batch] = central.batches;
  if (batch === undefined) throw new Error('nothing came');
  const { session, counter: re, last } = batch;
  const elsewhere = await LinkBench.ready();
  const foreign = elsewhere.central.sessions[0];
  if (foreign === undefined) throw new Error('no session');
  const ack = encodeAck({ re, place: last });
  const naming = (place: Partial<typeof last>, to = re) =>
    central.seal(session, 'ack', encodeAck({ re: to, place: { ...last, ...place } }));
  const cases: [string, string, Buffer][] = [
    ['ack-forged', 'another’s keys', central.seal({ id: session.id, keys: foreign.keys }, 'ack', ack)],
    ['ack-forged', 'another kind', central.seal(session, 'verdict', ack)],
    ['ack-forged', 'another device', central.seal(session, 'ack', ack, 'gz-bus-a2')],
    ['ack-unknown-session', 'another session', central.seal(foreign, 'ack', ack)],
    ['ack-beyond', 'more than was sent', naming({ seq: 3 })],
    ['ack-beyond', 'an epoch to come', naming({ epoch: 2 })],
    ['ack-wrong-head', 'another chain', naming({ head: '00'.repeat(32) })],
    ['ack-wrong-head', 'another chain, earlier', naming({ seq: 1, head: '00'.repeat(32) })],
    ['ack-unasked', 'to another batch', naming({}, re + 1)],
    ['ack-not-json', 'not JSON', Buffer.from('ack')],
    ['ack-wrong-shape', 'sealed nonsense', central.seal(session, 'ack', Buffer.from('{}'))],
  ];
  await bench.append(1);
  for (const [reason, what, payload] of cases) {
    bench.inject('ack', payload);
    await settle();
    // Logged once a minute by reason, so only the first of each is seen here.
    const first = cases.find(([other]) => other === reason)?.[1] === what;
    if (first) t.same(bench.drops(), [reason], what);
    t.equal(central.received.length, 2, `${what}: nothing follows`);
  }
  central.acknowledge(session, last);
  await settle();
  t.same(central.received, ['1/1', '1/2', '1/3'], 'the true one counts');
});

t.test('an acknowledgement that nobody waits for is dropped', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  const [batch] = bench.central.batches;
  if (batch === undefined) throw new Error('nothing came');
  bench.drops();
  bench.central.acknowledge(batch.session, batch.last);
  await settle();
  t.same(bench.drops(), ['ack-unasked']);
  await bench.append(1);
  t.same(bench.central.received, ['1/1', '1/2', '1/3']);
});

t.test('central may take a part of a batch: the rest goes on from there', async (t) => {
  const bench = await LinkBench.ready();
  await bench.append(5);
  const whole = bench.central.batches.at(-1);
  const places = new Map(bench.central.batches.map(({ last }) => [last.seq, last]));
  t.equal(whole?.last.seq, 7);
  const middle = places.get(2);
  if (middle === undefined || whole === undefined) throw new Error('no place');

  bench.central.acknowledges = false;
  await bench.append(2);
  // As a central does that was restored from a backup: back to what it has.
  bench.central.acknowledge(whole.session, middle);
  bench.central.acknowledges = true;
  await bench.run(4_000, 50);
  t.same(bench.central.received.slice(-7), ['1/3', '1/4', '1/5', '1/6', '1/7', '1/8', '1/9']);
});

t.test('an answer to an older batch, said again, moves nothing', async (t) => {
  const bench = await LinkBench.ready();
  await bench.append(3);
  const [older] = bench.central.batches;
  bench.central.acknowledges = false;
  await bench.append(1);
  const newest = bench.central.batches.at(-1);
  if (older === undefined || newest === undefined) throw new Error('nothing came');
  bench.central.acknowledge(newest.session, older.last, older.counter);
  await settle();
  t.same(bench.drops(), ['ack-unasked']);
  bench.central.acknowledge(newest.session, newest.last);
  bench.central.acknowledges = true;
  const before = bench.central.received.length;
  await bench.append(1);
  t.same(bench.central.received.slice(before), ['1/7'], 'only what is new goes up');
});

t.test('a central that goes back again and again is not answered in a tight loop', async (t) => {
  const bench = await LinkBench.start();
  const { central } = bench;
  central.acknowledges = false;
  await bench.run(1);
  let answered = 0;
  for (let passed = 0; passed < 20_000; passed += 50) {
    const batch = central.batches[answered];
    if (batch !== undefined) {
      answered += 1;
      central.acknowledge(batch.session, null);
    }
    await bench.run(50, 50);
  }
  t.ok(answered >= 3 && answered <= 30, `${answered} in 20 s`);
});

t.test('from card found to verdict no batch goes up', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  bench.link.pauseUploads(true);
  const before = bench.sent('events').length;
  await bench.append(3);
  await bench.run(30_000, 500);
  t.equal(bench.sent('events').length, before);
  bench.link.pauseUploads(false);
  await settle();
  t.same(bench.central.received, upTo(5));
});

t.test('paused with a batch out, it takes the answer and sends no next one', async (t) => {
  const bench = await LinkBench.start();
  bench.central.acknowledges = false;
  await bench.run(1);
  await bench.append(1);
  bench.link.pauseUploads(true);
  const [batch] = bench.central.batches;
  if (batch !== undefined) bench.central.acknowledge(batch.session, batch.last);
  await bench.run(20_000, 500);
  t.same(bench.central.received, ['1/1', '1/2']);
  bench.central.acknowledges = true;
  bench.link.pauseUploads(false);
  await settle();
  t.same(bench.central.received, ['1/1', '1/2', '1/3']);
});

t.test('a new session goes on from where central says that it is', async (t) => {
  const bench = await LinkBench.ready();
  await bench.append(4);
  const place = bench.central.batches.find(({ last }) => last.seq === 2)?.last ?? null;
  t.not(place, null);
  bench.central.place = place;
  await bench.run(0.85 * HOUR_MS);
  t.equal(bench.central.sessions.length, 2);
  t.same(bench.central.received.slice(-4), ['1/3', '1/4', '1/5', '1/6']);
  t.same(bench.central.problems, []);
});

t.test('uploads that nobody answers make the gate doubt its session, though nobody taps', async (t) => {
  const bench = await LinkBench.ready();
  const { central } = bench;
  const [first] = central.sessions;
  await settle();
  // As a central whose ticket keys were replaced: what it cannot open it drops.
  bench.broker.onPass = (message) =>
    message.topic.endsWith('/events') && central.sessions.at(-1) === first ? [] : [message];
  await bench.append(1);
  await bench.run(60_000, 500);
  t.equal(central.sessions.length, 2);
  t.ok(central.received.includes('1/3'));
});

t.test('a central whose place is not on this disk gets all that is here', async (t) => {
  const bench = await LinkBench.start();
  bench.central.place = { epoch: 7, seq: 70, head: 'ab'.repeat(32) };
  await bench.run(1);
  t.same(bench.central.received.slice(0, 2), ['1/1', '1/2']);
  t.match(bench.lines.join('\n'), /not on this disk/);
});

t.test('a central with nothing gets everything', async (t) => {
  const bench = await LinkBench.ready();
  await bench.append(2);
  bench.central.place = null;
  bench.central.batches.length = 0;
  await bench.run(0.85 * HOUR_MS);
  t.same(bench.central.received, upTo(4));
});

t.test('a disk that cannot be read as the session opens does not keep the journal back', async (t) => {
  const bench = await LinkBench.start();
  bench.central.place = bench.journal.newest;
  const { read } = bench.disk;
  let failures = 0;
  bench.disk.read = (name) => {
    failures += 1;
    return failures <= 2 ? Promise.reject(new Error('EIO')) : read.call(bench.disk, name);
  };
  await bench.run(1);
  await bench.append(1);
  await bench.run(20_000, 500);
  t.ok(bench.central.received.includes('1/3'));
});

t.test('a connection lost in the middle goes on where it was, and nothing is missing', async (t) => {
  const bench = await LinkBench.ready();
  let passed = 0;
  bench.broker.onPass = (message) => {
    // Every third message of either direction is lost.
    passed += 1;
    return message.topic.includes('/d/') && passed % 3 === 0 ? [] : [message];
  };
  for (let round = 0; round < 6; round++) {
    await bench.append(70);
    bench.broker.reachable = false;
    await bench.run(1_000, 500);
    bench.broker.reachable = true;
    await bench.run(10_000, 250);
  }
  bench.broker.onPass = (message) => [message];
  await bench.run(60_000, 500);
  // 420 taps, the start, and the key and the next one.
  t.same([...new Set(bench.central.received)].length, 6 * 70 + 3);
  t.same(
    bench.central.problems.filter((problem) => !/ticket/.test(String(problem))),
    [],
  );
});

t.test(
  'what an outage has left behind goes up at once when the connection is back, however long it was',
  async (t) => {
    for (const outageMs of [1_000, 6_000, 11_000, 16_000, 23_000, 31_000]) {
      const bench = await LinkBench.ready();
      bench.central.acknowledges = false;
      await bench.append(1);
      bench.broker.reachable = false;
      bench.central.acknowledges = true;
      await bench.append(2);
      await bench.run(outageMs, 250);
      bench.broker.reachable = true;
      await bench.run(100, 10);
      t.same([...new Set(bench.central.received)], upTo(5), `after ${outageMs} ms`);
    }
  },
);

t.test('a timer that goes off a moment before its time strands nothing', async (t) => {
  const bench = await LinkBench.ready();
  const schedule = bench.clock.schedule.bind(bench.clock);
  // As Node's do: they count whole milliseconds, the monotonic clock does not.
  bench.clock.schedule = (delayMs, call) => schedule(delayMs > 1 ? delayMs - 0.4 : 1, call);
  bench.central.acknowledges = false;
  await bench.append(1);
  const before = bench.sent('events').length;
  await bench.run(30_000, 250);
  t.ok(bench.sent('events').length >= before + 3, 'it is sent again and again');
});

t.test('a broker that freezes with a batch in its hands holds nothing up when it is back', async (t) => {
  const bench = await LinkBench.ready();
  bench.broker.frozen = true;
  await bench.append(1);
  await bench.run(20_000, 500);
  bench.broker.frozen = false;
  bench.broker.reachable = false;
  bench.broker.reachable = true;
  await bench.run(12_000, 250);
  t.same([...new Set(bench.central.received)], upTo(3));
});

t.test('a broker that hands on and never acknowledges holds nothing up', async (t) => {
  const bench = await LinkBench.ready();
  const take = bench.broker.take.bind(bench.broker);
  bench.broker.take = (message) => take(message) && message.qos === 0;
  for (let i = 0; i < 3; i++) {
    await bench.append(1);
    await bench.run(100, 10);
  }
  t.same([...new Set(bench.central.received)], upTo(5), 'central has said that it has them');
});

t.test('a broker that ends the connection over long batches gets shorter ones', async (t) => {
  const bench = await LinkBench.ready();
  bench.central.acknowledges = false;
  await bench.append(60);
  bench.central.acknowledges = true;
  bench.broker.onPass = (message) => {
    if (!message.topic.endsWith('/events') || message.payload.length < 16 * 1024) return [message];
    queueMicrotask(() => {
      bench.broker.kill(`cardpad-${DEVICE}`);
      bench.broker.reachable = true;
    });
    return [];
  };
  await bench.run(60_000, 250);
  t.equal(bench.central.received.at(-1), '1/62');
});

t.test('two starts of a gate are sent one behind the other', async (t) => {
  const first = await LinkBench.start({ centralUp: false });
  await first.append(3);
  await first.journal.close();
  const bench = await LinkBench.ready({ disk: first.disk.cut() });
  await settle();
  t.same(bench.central.received, [...upTo(5), ...upTo(2, 2)]);
});
