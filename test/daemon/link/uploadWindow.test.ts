import t from 'tap';
import { LinkBench } from './bench.js';

/** A gate with a backlog of some ten batches, and a central that is not there yet. */
async function withBacklog() {
  const bench = await LinkBench.start({ centralUp: false });
  await bench.append(500);
  return bench;
}

t.test('a backlog goes up with four batches out at once, and at QoS 0 but for its end', async (t) => {
  const bench = await withBacklog();
  let out = 0;
  let most = 0;
  bench.broker.onPass = (message) => {
    if (message.topic.endsWith('/events')) out += 1;
    if (message.topic.endsWith('/ack')) out -= 1;
    most = Math.max(most, out);
    return [message];
  };
  bench.central.connect();
  await bench.run(5_000, 50);
  t.same(bench.central.received, [...new Set(bench.central.received)], 'each once');
  t.same(bench.central.holes, 0);
  t.equal(bench.central.received.length, bench.journal.newest.seq);
  const qos = bench.sent('events').map((message) => message.qos);
  t.same(qos, [...qos.slice(1).map(() => 0), 1]);
  t.ok(most <= 4, `${most} out`);
});

t.test('on a slow line one batch is out at a time: a question would wait behind more', async (t) => {
  const bench = await withBacklog();
  const late: (() => void)[] = [];
  bench.broker.onPass = (message) => {
    if (!message.topic.endsWith('/events')) return [message];
    late.push(() => bench.broker.pass(message));
    return [];
  };
  bench.central.connect();
  await bench.run(1_000, 50);
  for (let second = 0; second < 8; second++) {
    t.equal(late.length, 1);
    late.shift()?.();
    await bench.run(1_000, 100);
  }
  t.equal(bench.central.holes, 0);
});

t.test(
  'a batch lost from the middle of those that are out is sent again, with what followed it',
  async (t) => {
    const bench = await withBacklog();
    let events = 0;
    bench.broker.onPass = (message) => {
      if (message.topic.endsWith('/events')) events += 1;
      return events === 3 && message.topic.endsWith('/events') ? [] : [message];
    };
    bench.central.connect();
    await bench.run(30_000, 100);
    t.equal(new Set(bench.central.received).size, bench.journal.newest.seq);
    t.same(bench.central.problems, []);
  },
);

t.test('one ack may answer all that is out', async (t) => {
  const bench = await withBacklog();
  let acks = 0;
  bench.broker.onPass = (message) => {
    if (!message.topic.endsWith('/ack')) return [message];
    acks += 1;
    // Of each four, three are lost.
    return acks > 1 && acks % 4 !== 0 ? [] : [message];
  };
  bench.central.connect();
  await bench.run(60_000, 100);
  t.equal(new Set(bench.central.received).size, bench.journal.newest.seq);
});
