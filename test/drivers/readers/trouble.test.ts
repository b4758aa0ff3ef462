import t from 'tap';
import { makeCard } from '../../../drivers/simulated/cards.js';
import { encodeIdCard } from '../../../protocol/card/idCard.js';
import { Bench, CARD, OTHER_CARD, of, reply } from './bench.js';

const states = (bench: Bench) =>
  of(bench.events, 'state').map(({ state, reason }) => (reason === undefined ? state : `${state} ${reason}`));

const cardReply = (number: string) =>
  reply(
    0x90,
    Buffer.concat([Buffer.from('01000400', 'hex'), encodeIdCard(makeCard(number)), Buffer.alloc(1024)]),
  );

t.test('a module says who it is once it is asked', async (t) => {
  const bench = new Bench();
  t.equal(bench.reader.samNumber, undefined);
  bench.reader.start();
  await bench.run(20);
  t.equal(bench.reader.samNumber, '05.03-20120629-0000202551-1234567890');
  t.same(states(bench), ['opening', 'ready']);
  t.same(
    bench.requests.map(({ command }) => command),
    ['11ff', '12ff', '2001'],
  );
  await bench.reader.stop();
});

t.test('an idle reader looks for a card every 300 ms', async (t) => {
  const bench = new Bench({ pollMs: 300 });
  await bench.start();
  await bench.run(3000);
  t.equal(bench.requests.filter(({ command }) => command === '2001').length, 11);
  t.same(bench.take(), []);
  await bench.reader.stop();
});

t.test('a reply to a question not asked is dropped', async (t) => {
  const bench = new Bench({
    onRequest: (command, send) => {
      if (command === '2001') send(cardReply(OTHER_CARD));
      return false;
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(400);
  t.same(
    of(bench.events, 'whole').map(({ card }) => card.reveal().number),
    [CARD],
  );
  t.ok(bench.reader.counters.mismatched >= 2);
  await bench.reader.stop();
});

t.test(
  'a text that was told from a reply to another question is never vouched for by the next',
  async (t) => {
    let first = true;
    const bench = new Bench({
      refind: 'always',
      onRequest: (command, send) => {
        if (command !== '3001' || !first) return false;
        first = false;
        // A late reply to 30 10, which has a third length before its text; its end comes in one piece with the answer.
        const lengths = Buffer.from('010004000400', 'hex');
        const body = [lengths, encodeIdCard(makeCard(OTHER_CARD)), Buffer.alloc(2048)];
        const late = reply(0x90, Buffer.concat(body));
        send(late.subarray(0, 1000));
        bench.clock.schedule(5, () => send(Buffer.concat([late.subarray(1000), cardReply(CARD)])));
        return true;
      },
    });
    await bench.start();
    bench.module.put(CARD);
    await bench.run(600);
    t.match(
      bench.events.filter(({ type }) => type === 'text' || type === 'failed' || type === 'whole').slice(0, 4),
      [
        { type: 'text' },
        { type: 'failed', reason: 'damaged', afterText: true, final: false },
        { type: 'text' },
        { type: 'whole' },
      ],
    );
    t.same(
      of(bench.events, 'text')
        .slice(0, 2)
        .map(({ card }) => card.reveal().number),
      [OTHER_CARD, CARD],
    );
    await bench.reader.stop();
  },
);

t.test('a frame that comes while nothing is asked is dropped', async (t) => {
  const bench = new Bench();
  await bench.start();
  await bench.far?.write(cardReply(OTHER_CARD));
  await bench.run(400);
  t.same(bench.take(), []);
  t.equal(bench.reader.counters.unsolicited, 1);
  await bench.reader.stop();
});

t.test('a reply that comes after its time-out never answers a later question', async (t) => {
  let late = false;
  const bench = new Bench({
    refind: 'always',
    onRequest: (command, send) => {
      if (command !== '3001' || late) return false;
      late = true;
      // The read times out after 3 s; its answer begins 50 ms later and takes 112 ms.
      const frame = cardReply(OTHER_CARD);
      for (let part = 0; part < 8; part++) {
        const bytes = frame.subarray(part * 162, (part + 1) * 162);
        bench.clock.schedule(3050 + part * 14, () => send(bytes));
      }
      return true;
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(3700);
  t.equal(bench.reader.counters.timeouts, 1);
  t.equal(bench.reader.counters.unsolicited, 1);
  const [, readAt] = bench.requests.filter(({ command }) => command === '3001').map(({ atMs }) => atMs);
  const firstReadAt = bench.requests.find(({ command }) => command === '3001')?.atMs ?? 0;
  t.ok((readAt ?? 0) >= firstReadAt + 3050 + 98 + 100, 'asked only after 100 quiet ms');
  t.same(
    of(bench.events, 'text').map(({ card }) => card.reveal().number),
    [CARD],
  );
  await bench.reader.stop();
});

t.test('a line that is never quiet holds nobody up for more than a second', async (t) => {
  const bench = new Bench({ refind: 'always' });
  await bench.start();
  bench.module.damage('mute');
  bench.module.put(CARD);
  const babble = () => {
    bench.far?.write(Uint8Array.of(0x55)).catch(() => {});
    bench.clock.schedule(20, babble);
  };
  babble();
  await bench.run(4600);
  t.equal(of(bench.events, 'whole').length >= 1, true);
  await bench.reader.stop();
});

t.test('a mute module is reset, then reopened, then well again', async (t) => {
  const bench = new Bench();
  await bench.start();
  bench.module.mute(true);
  await bench.run(7000);
  t.same(states(bench), ['degraded sam.no-answer', 'lost sam.mute']);
  t.equal(bench.requests.filter(({ command }) => command === '10ff').length, 1);
  t.equal(bench.reader.counters.timeouts, 4, 'three questions and the reset');
  bench.module.mute(false);
  await bench.run(1000);
  t.same(states(bench).at(-1), 'ready');
  t.equal(bench.reader.counters.reopens, 1);
  await bench.reader.stop();
});

t.test('a line on which no answer is whole any more is told of, until one is', async (t) => {
  let spoiled = false;
  const bench = new Bench({
    onReply: (bytes, send) => {
      const copy = Buffer.from(bytes);
      if (spoiled) copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1);
      send(copy);
    },
  });
  await bench.start();
  spoiled = true;
  await bench.run(1500);
  t.same(states(bench), [], 'a few are a burst of noise');
  await bench.run(8500);
  t.same(states(bench), ['degraded sam.damaged']);
  spoiled = false;
  await bench.run(2500);
  t.same(states(bench), ['degraded sam.damaged', 'ready']);
  t.equal(bench.openedAtMs.length, 1);
  await bench.reader.stop();
});

t.test('a module that a reset wakes is not reopened', async (t) => {
  const bench = new Bench({
    onRequest: (command) => {
      if (command === '10ff') bench.module.mute(false);
      return false;
    },
  });
  await bench.start();
  bench.module.mute(true);
  await bench.run(5000);
  t.same(states(bench), ['degraded sam.no-answer', 'ready']);
  t.equal(bench.reader.counters.resets, 1);
  t.equal(bench.openedAtMs.length, 1);
  await bench.reader.stop();
});

t.test('two lost answers are no reason for a reset', async (t) => {
  const bench = new Bench();
  await bench.start();
  bench.module.mute(true);
  await bench.run(2300);
  bench.module.mute(false);
  await bench.run(5000);
  t.equal(bench.reader.counters.resets, 0);
  t.same(states(bench), []);
  await bench.reader.stop();
});

t.test('a failed self-test is answered by one reset', async (t) => {
  let failing = true;
  const bench = new Bench({
    onRequest: (command, send) => {
      if (command === '10ff') failing = false;
      if (command !== '11ff' || !failing) return false;
      send(reply(0x60));
      return true;
    },
  });
  bench.reader.start();
  await bench.run(50);
  t.same(states(bench), ['opening', 'ready']);
  t.equal(bench.reader.counters.resets, 1);
  await bench.reader.stop();
});

t.test('a self-test that goes on failing is said, and looked at again', async (t) => {
  let failing = true;
  const bench = new Bench({
    onRequest: (command, send) => {
      if (command !== '11ff' || !failing) return false;
      send(reply(0x60));
      return true;
    },
  });
  bench.reader.start();
  await bench.run(3000);
  t.same(states(bench), ['opening', 'degraded sam.self-test-failed']);
  t.equal(bench.requests.filter(({ command }) => command === '2001').length, 0, 'no card is looked for');
  failing = false;
  await bench.run(3000);
  t.same(states(bench).at(-1), 'ready');
  await bench.reader.stop();
});

t.test('an unauthorized module is said to be one until it reads a card', async (t) => {
  let unauthorized = true;
  const bench = new Bench({
    refind: 'always',
    onRequest: (command, send) => {
      if (command !== '3001' || !unauthorized) return false;
      send(reply(0x66));
      return true;
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(1500);
  t.same(states(bench), ['degraded sam.not-authorized'], 'said once');
  t.match(of(bench.events, 'failed'), [{ reason: 'status', status: 'not-authorized', final: true }]);
  unauthorized = false;
  await bench.run(500);
  t.same(states(bench).at(-1), 'ready');
  await bench.reader.stop();
});

t.test('a module that cannot look for cards is asked less often', async (t) => {
  let failing = true;
  const bench = new Bench({
    onRequest: (command, send) => {
      if (command !== '2001' || !failing) return false;
      send(reply(0x66));
      return true;
    },
  });
  bench.reader.start();
  await bench.run(10_000);
  t.same(states(bench), ['opening', 'ready', 'degraded sam.not-authorized']);
  t.ok(bench.requests.filter(({ command }) => command === '2001').length <= 7);
  failing = false;
  await bench.run(2500);
  t.same(states(bench).at(-1), 'ready');
  await bench.reader.stop();
});

t.test('a request that the module found damaged is sent again, twice at most', async (t) => {
  for (const { bad, asked, told } of [
    { bad: 2, asked: 3, told: ['found', 'text', 'whole'] },
    { bad: 9, asked: 3, told: ['found', 'failed'] },
  ]) {
    let left = bad;
    const bench = new Bench({
      readRetries: 0,
      onRequest: (command, send) => {
        if (command !== '3001' || left-- <= 0) return false;
        send(reply(0x10));
        return true;
      },
    });
    await bench.start();
    bench.module.put(CARD);
    await bench.run(350);
    t.same(bench.take(), told);
    t.equal(bench.requests.filter(({ command }) => command === '3001').length, asked);
    t.equal(bench.reader.counters.resends, 2);
    await bench.reader.stop();
  }
});
