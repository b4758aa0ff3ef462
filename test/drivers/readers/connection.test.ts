import t from 'tap';
import { portPair } from '../../../drivers/simulated/portPair.js';
import { Bench, CARD, of, turn } from './bench.js';

t.test('a line that breaks in the middle of a card voids its text, and is opened again', async (t) => {
  const bench = new Bench({ baud: 115_200 });
  await bench.start();
  bench.module.put(CARD);
  while (of(bench.events, 'text').length === 0) await bench.run(1);
  await bench.far?.close();
  await bench.run(5);
  t.match(of(bench.events, 'failed'), [{ reason: 'line-lost', afterText: true, final: true }]);
  t.same(bench.take(), ['found', 'text', 'failed', 'absent', 'lost']);
  await bench.run(1000);
  t.equal(bench.take()[0], 'ready');
  t.equal(bench.reader.counters.reopens, 1);
  await bench.reader.stop();
});

t.test('a port that cannot be opened is tried again after 0.5 s, doubling to 5 s', async (t) => {
  const bench = new Bench({ random: () => 0 });
  bench.refuse = true;
  bench.reader.start();
  await bench.run(20_000);
  const gaps = bench.openedAtMs.slice(1).map((atMs, index) => atMs - (bench.openedAtMs[index] ?? 0));
  t.same(gaps, [250, 500, 1000, 2000, 2500, 2500, 2500, 2500, 2500, 2500], 'half of it is jitter');
  t.same(bench.events, [
    { type: 'state', state: 'opening' },
    { type: 'state', state: 'lost', reason: 'port.refused' },
  ]);
  bench.refuse = false;
  await bench.run(3000);
  t.equal(bench.take().at(-1), 'ready');
  await bench.run(10_000);
  bench.near?.close();
  await bench.run(300);
  t.same(bench.take(), ['lost', 'ready'], 'after a good connection it begins at 0.5 s again');
  await bench.reader.stop();
});

t.test('a port that breaks as soon as it is ready is opened less and less often', async (t) => {
  const bench = new Bench({ random: () => 0 });
  bench.reader.start();
  for (let passed = 0; passed < 20_000; passed += 50) {
    await bench.run(50);
    await bench.near?.close();
  }
  t.ok(bench.openedAtMs.length <= 12, `${bench.openedAtMs.length} times in 20 s`);
  await bench.reader.stop();
});

t.test('jitter never makes the wait longer than 5 s', async (t) => {
  const bench = new Bench({ random: () => 0.999999 });
  bench.refuse = true;
  bench.reader.start();
  await bench.run(21_000);
  const gaps = bench.openedAtMs.slice(1).map((atMs, index) => atMs - (bench.openedAtMs[index] ?? 0));
  t.same(gaps, [500, 1000, 2000, 4000, 5000, 5000]);
  await bench.reader.stop();
});

const MOMENTS: readonly { readonly when: string; readonly until: (bench: Bench) => Promise<void> }[] = [
  { when: 'before it was started', until: async () => {} },
  {
    when: 'while it waits between two looks for a card',
    until: (bench) => bench.start(),
  },
  {
    when: 'in the middle of a card',
    until: async (bench) => {
      await bench.start();
      bench.module.put(CARD);
      while (of(bench.events, 'text').length === 0) await bench.run(1);
    },
  },
  {
    when: 'while a mute module is waited for',
    until: async (bench) => {
      await bench.start();
      bench.module.mute(true);
      await bench.run(1040);
    },
  },
  {
    when: 'while it waits to open the port again',
    until: async (bench) => {
      bench.refuse = true;
      bench.reader.start();
      await bench.run(100);
    },
  },
];
for (const { when, until } of MOMENTS) {
  t.test(`stopped ${when}, a reader leaves no timer and no open port behind`, async (t) => {
    const bench = new Bench({ baud: 115_200 });
    await until(bench);
    await bench.reader.stop();
    bench.events.length = 0;
    // What the simulated module still has to send is its own.
    await bench.run(200);
    t.equal(bench.clock.pending.size, 0);
    t.same(bench.events, []);
    if (bench.near !== undefined)
      await t.rejects(bench.near.write(Uint8Array.of(1)), { code: 'port.closed' });
    bench.reader.start();
    await turn();
    t.same(bench.events, [], 'and cannot be started again');
  });
}

t.test('stopped while the port is being opened, it closes the port once it is open', async (t) => {
  const { near } = portPair();
  let opened: () => void = () => {};
  const bench = new Bench({
    open: () =>
      new Promise((resolve) => {
        opened = () => resolve(near);
      }),
  });
  bench.reader.start();
  await bench.reader.stop();
  t.same(bench.take(), ['opening'], 'it does not wait for a port that may never open');
  opened();
  await turn();
  t.same(bench.take(), []);
  await t.rejects(near.write(Uint8Array.of(1)), { code: 'port.closed' });
  t.equal(bench.clock.pending.size, 0);
});

t.test('stopped by the listener of its own event, it still ends at once', async (t) => {
  let stopped: Promise<void> | undefined;
  const bench = new Bench({
    onEvent: (event) => {
      if (event.type === 'state' && event.state === 'lost') stopped = bench.reader.stop();
    },
  });
  bench.refuse = true;
  bench.reader.start();
  await bench.run(1);
  await stopped;
  t.equal(bench.clock.pending.size, 0);
});
