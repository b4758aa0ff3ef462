import t from 'tap';
import { TimeKeeper } from '../../daemon/time.js';
import { ManualClock } from '../../platform/clock.js';

const FLOOR_MS = Date.UTC(2026, 0, 1);
const CENTRAL_MS = Date.UTC(2026, 5, 1, 12);

t.test("until central has told the time, the system's is used and not trusted", async (t) => {
  const clock = new ManualClock(Date.UTC(2026, 2, 1));
  const time = new TimeKeeper(clock);
  clock.advance(1000);
  t.equal(time.trusted, false);
  t.equal(time.wallMs(), Date.UTC(2026, 2, 1) + 1000);
});

t.test('a board that believes in 1970 is not believed below the floor', async (t) => {
  t.equal(new TimeKeeper(new ManualClock(0)).wallMs(), FLOOR_MS);
  t.equal(new TimeKeeper(new ManualClock(0)).today(), '20260101');
});

t.test(
  "central's time counts from half-way of the exchange that told it, whatever the system's clock does",
  async (t) => {
    const clock = new ManualClock(0);
    const time = new TimeKeeper(clock);
    clock.advance(500);
    time.learn({ wallMs: CENTRAL_MS, helloSentMs: 300, welcomeCameMs: 700 });
    t.equal(time.trusted, true);
    clock.advance(2000);
    t.equal(time.wallMs(), CENTRAL_MS + 2000);
  },
);

for (const [what, wallMs, tookMs, trusted] of [
  ['answered in 5 s', CENTRAL_MS, 5000, true],
  ['that took longer than 5 s', CENTRAL_MS, 5001, false],
  ['below the floor', FLOOR_MS - 1, 0, false],
  ['at the floor', FLOOR_MS, 0, true],
  ['beyond what a date can be', Number.MAX_SAFE_INTEGER, 0, false],
  ['of the year 10000', Date.UTC(10_000, 0, 1), 0, false],
] as const) {
  t.test(`a welcome ${what} is ${trusted ? '' : 'not '}believed`, async (t) => {
    const clock = new ManualClock();
    const time = new TimeKeeper(clock);
    clock.advance(tookMs);
    time.learn({ wallMs, helloSentMs: 0, welcomeCameMs: tookMs });
    t.equal(time.trusted, trusted);
    t.match(time.today(), /^20\d{6}$/);
  });
}

t.test('what is not believed leaves what was believed before', async (t) => {
  const time = new TimeKeeper(new ManualClock());
  time.learn({ wallMs: CENTRAL_MS, helloSentMs: 0, welcomeCameMs: 0 });
  time.learn({ wallMs: FLOOR_MS - 1, helloSentMs: 0, welcomeCameMs: 0 });
  t.equal(time.wallMs(), CENTRAL_MS);
});

t.test('a system clock beyond all dates does not stop a gate', async (t) => {
  t.match(new TimeKeeper(new ManualClock(Number.MAX_SAFE_INTEGER)).today(), /^\d{8}$/);
});

for (const [utc, day] of [
  [Date.UTC(2026, 5, 1, 15, 59, 59, 999), '20260601'],
  [Date.UTC(2026, 5, 1, 16), '20260602'],
  [Date.UTC(2026, 11, 31, 16), '20270101'],
] as const) {
  t.test(`at ${new Date(utc).toISOString()} it is ${day} in China`, async (t) => {
    t.equal(new TimeKeeper(new ManualClock(utc)).today(), day);
  });
}

t.test(
  'records are told when the time is first known, and when it moved by more than welcomes differ',
  async (t) => {
    const time = new TimeKeeper(new ManualClock());
    const learn = (wallMs: number, tookMs = 0) =>
      time.learn({ wallMs, helloSentMs: 0, welcomeCameMs: tookMs });
    const YEAR_MS = 365 * 24 * 3_600_000;
    t.equal(learn(FLOOR_MS - 1), false, 'not believed');
    t.equal(learn(CENTRAL_MS, 5_000), true, 'first known');
    t.equal(learn(CENTRAL_MS + 2_500), false, 'half of two round trips');
    t.equal(learn(CENTRAL_MS + 5 * YEAR_MS), true, 'years ahead');
    t.equal(learn(CENTRAL_MS), true, 'and years back');
  },
);
