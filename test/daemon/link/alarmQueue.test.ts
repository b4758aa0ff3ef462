import t from 'tap';
import { sm3 } from '../../../protocol/sm/sm3.js';
import { encodeAck } from '../../../protocol/wire/messages.js';
import { settle } from '../../support/waiting.js';
import { LinkBench } from './bench.js';

/** As whoever raises one does. @returns `epoch/seq` of its record */
function raise(bench: LinkBench, alarm = 'central.silent', detail?: Record<string, string>): string {
  const content = detail === undefined ? { alarm } : { alarm, detail };
  const { id } = bench.journal.append({ kind: 'alarm', content });
  return `${id.epoch}/${id.seq}`;
}

/** Places of the alarms that came, in order. */
const cameTo = (bench: LinkBench): string[] =>
  bench.central.alarms.map(({ message: { epoch, seq } }) => `${epoch}/${seq}`);

/** No batch goes, so that only the alarm's own way is open. */
async function withoutRecords(): Promise<LinkBench> {
  const bench = await LinkBench.ready();
  await settle();
  bench.link.pauseUploads(true);
  return bench;
}

t.test('an alarm goes at QoS 1 with its code, its detail and the digest of its record', async (t) => {
  const bench = await LinkBench.ready();
  const place = raise(bench, 'identity.duplicate', { boot: 'aa', other: 'bb' });
  await bench.run(10);
  t.same(cameTo(bench), [place]);
  const [received] = bench.central.alarms;
  const record = bench.central.bodies.find((body) => JSON.parse(body.toString()).kind === 'alarm');
  t.same(received?.message, {
    epoch: 1,
    seq: 3,
    digest: sm3(record ?? Buffer.alloc(0)).toString('hex'),
    alarm: 'identity.duplicate',
    detail: { boot: 'aa', other: 'bb' },
  });
  const [sent] = bench.sent('alarm');
  t.same([sent?.qos, sent?.retain], [1, false]);
  t.notMatch(sent?.payload.toString(), /identity/, 'sealed');
  t.same(bench.central.problems, []);
});

t.test('an alarm behind a backlog is at central before the backlog is', async (t) => {
  const bench = await LinkBench.start({ centralUp: false });
  await bench.append(600);
  const place = raise(bench);
  await bench.append(1);
  bench.central.connect();
  await bench.run(5_000, 50);
  t.same(cameTo(bench), [place]);
  const order = bench.broker.messages.map(({ topic }) => topic.split('/').at(-1));
  t.ok(order.indexOf('alarm') < order.indexOf('events'), 'ahead of the first batch');
  t.ok(bench.central.received.includes(place), 'its record comes as well');
});

t.test('an alarm goes while uploads are paused for a card', async (t) => {
  const bench = await withoutRecords();
  const batches = bench.sent('events').length;
  const place = raise(bench);
  await bench.run(1_000, 50);
  t.same(cameTo(bench), [place]);
  t.equal(bench.sent('events').length, batches);
});

t.test('an alarm raised without network goes first when it is back', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  bench.broker.reachable = false;
  const places = [raise(bench), raise(bench, 'journal.dropping')];
  await bench.append(100);
  await bench.run(20_000, 500);
  t.same(cameTo(bench), []);
  const before = bench.broker.messages.length;
  bench.broker.reachable = true;
  await bench.run(1_000, 50);
  t.same(cameTo(bench), places, 'in their order');
  const order = bench.broker.messages.slice(before).map(({ topic }) => topic.split('/').at(-1));
  t.ok(order.indexOf('alarm') < order.indexOf('events'));
});

t.test('an alarm waits for its record to be durable, but not for a disk that hangs', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  bench.disk.holdSyncs();
  const place = raise(bench);
  await bench.run(490, 10);
  t.same(cameTo(bench), []);
  await bench.run(20, 10);
  t.same(cameTo(bench), [place]);
  t.notOk(bench.central.received.includes(place), 'a batch holds only what is durable');
  bench.disk.releaseSyncs();
  await bench.run(100, 10);
  t.ok(bench.central.received.includes(place));
});

t.test('an alarm goes at once where the disk takes nothing', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  bench.disk.fail = () => 'ENOSPC';
  raise(bench);
  await bench.run(10, 1);
  t.equal(bench.central.alarms.length, 1);
});

t.test('what is not acknowledged goes again, ever more rarely, and stops when it is', async (t) => {
  const bench = await withoutRecords();
  bench.central.acknowledgesAlarms = false;
  raise(bench);
  await bench.run(4_900, 100);
  t.equal(cameTo(bench).length, 2, 'random is 0.5 here: after 3.75 s');
  await bench.run(600_000, 250);
  const { length } = cameTo(bench);
  t.ok(length >= 10 && length <= 20, `${length} in ten minutes`);
  const sealed = bench.sent('alarm').map(({ payload }) => payload.toString());
  t.equal(new Set(sealed).size, sealed.length, 'sealed anew each time');
  bench.central.acknowledgesAlarms = true;
  await bench.run(61_000, 250);
  t.equal(cameTo(bench).length, length + 1);
  await bench.run(300_000, 1_000);
  t.equal(cameTo(bench).length, length + 1, 'and then is done with');
});

t.test('a lost acknowledgement costs a repetition', async (t) => {
  const bench = await withoutRecords();
  let lost = 0;
  bench.broker.onPass = (message) => (message.topic.endsWith('/ack') && lost++ === 0 ? [] : [message]);
  const place = raise(bench);
  await bench.run(60_000, 250);
  t.same(cameTo(bench), [place, place]);
});

t.test('a central of before this topic is asked no more when it has the record', async (t) => {
  const bench = await LinkBench.ready();
  bench.central.acknowledgesAlarms = false;
  const place = raise(bench);
  await bench.run(10, 1);
  t.ok(bench.central.received.includes(place));
  t.equal(cameTo(bench).length, 1);
  await bench.run(120_000, 1_000);
  t.equal(cameTo(bench).length, 1);
});

t.test('an alarm that central never answers costs no session', async (t) => {
  const bench = await withoutRecords();
  bench.central.acknowledgesAlarms = false;
  raise(bench);
  await bench.run(600_000, 1_000);
  t.equal(bench.central.hellos.length, 1);
});

t.test('a new session sends again what is not acknowledged, at once', async (t) => {
  const bench = await withoutRecords();
  bench.central.acknowledgesAlarms = false;
  const place = raise(bench);
  await bench.run(100_000, 1_000);
  const before = cameTo(bench).length;
  bench.central.forgetSessions();
  bench.central.boot = 'ffeeddccbbaa9988';
  await bench.central.disconnect();
  bench.central.connect();
  await bench.run(2_000, 50);
  t.same(cameTo(bench).slice(before), [place]);
});

t.test('one alarm after the other does not put off the next try of the first', async (t) => {
  const bench = await withoutRecords();
  const first = raise(bench);
  bench.broker.onPass = (message) => (message.topic.endsWith('/alarm') ? [] : [message]);
  await bench.run(3_000, 100);
  raise(bench);
  bench.broker.onPass = (message) => [message];
  await bench.run(1_000, 100);
  t.ok(cameTo(bench).includes(first));
});

t.test('of very many alarms the newest are kept, and it is said that there were more', async (t) => {
  const bench = await LinkBench.ready();
  await settle();
  bench.broker.reachable = false;
  const places = Array.from({ length: 70 }, (_, at) => raise(bench, `test.alarm-${at}`));
  await bench.run(1_000, 100);
  bench.central.acknowledges = false;
  bench.broker.reachable = true;
  await bench.run(2_000, 20);
  t.same(cameTo(bench), places.slice(6));
  t.match(bench.lines.join('\n'), /dropped kind=alarm who=\S+ reason=queue-full/);
});

t.test('whatever is not central’s word on an alarm ends nothing', async (t) => {
  const bench = await withoutRecords();
  bench.central.acknowledgesAlarms = false;
  raise(bench);
  await bench.run(10, 1);
  const [received] = bench.central.alarms;
  if (received === undefined) throw new Error('nothing came');
  const { session, message } = received;
  const elsewhere = await LinkBench.ready();
  const foreign = elsewhere.central.sessions[0];
  if (foreign === undefined) throw new Error('no session');
  const ack = encodeAck({ alarm: { epoch: message.epoch, seq: message.seq } });
  const { central } = bench;
  const cases: [string, Buffer][] = [
    ['ack-forged', central.seal({ id: session.id, keys: foreign.keys }, 'ack', ack)],
    ['ack-forged', central.seal(session, 'verdict', ack)],
    ['ack-unknown-session', central.seal(foreign, 'ack', ack)],
    ['ack-unasked', central.seal(session, 'ack', encodeAck({ alarm: { epoch: 1, seq: 99 } }))],
    ['ack-wrong-shape', central.seal(session, 'ack', Buffer.from('{"alarm":{"epoch":1}}'))],
  ];
  const reasons = new Set<string>();
  for (const [reason, payload] of cases) {
    bench.inject('ack', payload);
    await settle();
    // Each is logged once a minute.
    if (!reasons.has(reason)) t.same(bench.drops(), [reason]);
    reasons.add(reason);
  }
  await bench.run(5_000, 100);
  t.equal(cameTo(bench).length, 2, 'it still goes again');
  central.acknowledgeAlarm(received);
  await bench.run(120_000, 1_000);
  t.equal(cameTo(bench).length, 2);
});
