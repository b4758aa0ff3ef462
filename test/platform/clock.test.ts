import fc from 'fast-check';
import t from 'tap';
import { ManualClock, systemClock } from '../../platform/clock.js';

t.test('calls come in the order of their times, each at its own time', async (t) => {
  const clock = new ManualClock();
  const calls: string[] = [];
  const note = (name: string) => () => calls.push(`${name} at ${clock.monotonicMs()}`);
  clock.schedule(30, note('c'));
  clock.schedule(10, note('a'));
  clock.schedule(10, note('b'));
  clock.schedule(31, note('later'));
  clock.advance(30);
  t.same(calls, ['a at 10', 'b at 10', 'c at 30']);
  t.equal(clock.monotonicMs(), 30);
});

t.test('a call may schedule another that falls due in the same advance', async (t) => {
  const clock = new ManualClock();
  const atMs: number[] = [];
  const again = () => {
    atMs.push(clock.monotonicMs());
    clock.schedule(10, again);
  };
  clock.schedule(10, again);
  clock.advance(35);
  t.same(atMs, [10, 20, 30]);
});

t.test('a cancelled call does not come; cancelling late or twice is harmless', async (t) => {
  const clock = new ManualClock();
  let calls = 0;
  const cancel = clock.schedule(10, () => calls++);
  const done = clock.schedule(5, () => calls++);
  clock.advance(5);
  done();
  cancel();
  cancel();
  clock.advance(100);
  t.equal(calls, 1);
});

t.test('a call may cancel one that is due at the same time', async (t) => {
  const clock = new ManualClock();
  let calls = 0;
  let cancel = () => {};
  clock.schedule(10, () => cancel());
  cancel = clock.schedule(10, () => calls++);
  clock.advance(10);
  t.equal(calls, 0);
});

t.test('a delay below zero is due at once, and never in the past', async (t) => {
  const clock = new ManualClock();
  clock.advance(50);
  let atMs = -1;
  clock.schedule(-10, () => {
    atMs = clock.monotonicMs();
  });
  clock.advance(0);
  t.equal(atMs, 50);
});

t.test('time never goes back, also when a call moves it on itself', async (t) => {
  const clock = new ManualClock();
  clock.schedule(10, () => clock.advance(100));
  clock.advance(20);
  t.equal(clock.monotonicMs(), 110);
  clock.advance(-50);
  t.equal(clock.monotonicMs(), 110);
});

t.test('the wall clock moves with the other, from where it was set', async (t) => {
  const clock = new ManualClock(1_000_000);
  clock.advance(123);
  t.equal(clock.wallMs(), 1_000_123);
});

t.test('whatever is scheduled comes once, and in order', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 100 })), fc.array(fc.nat({ max: 60 })), (delays, steps) => {
      const clock = new ManualClock();
      const came: number[] = [];
      for (const delay of delays) clock.schedule(delay, () => came.push(clock.monotonicMs()));
      for (const step of steps) clock.advance(step);
      clock.advance(100);
      return came.join() === delays.toSorted((a, b) => a - b).join();
    }),
  );
});

t.test("the machine's clock goes forward and knows the year", async (t) => {
  const first = systemClock.monotonicMs();
  t.ok(systemClock.monotonicMs() >= first);
  t.ok(Math.abs(systemClock.wallMs() - Date.now()) < 1000);
  let came = false;
  const cancel = systemClock.schedule(0, () => {
    came = true;
  });
  cancel();
  await new Promise<void>((resolve) => {
    const alive = setInterval(() => {}, 1000);
    systemClock.schedule(5, () => {
      clearInterval(alive);
      resolve();
    });
  });
  t.notOk(came);
});
