import t from 'tap';
import { RateLimit, ReplayGuard } from '../../../central/rules/limits.js';
import { ManualClock } from '../../../platform/clock.js';

const takes = (limit: RateLimit, device: string, times: number) =>
  Array.from({ length: times }, () => limit.take(device)).filter(Boolean).length;

t.test('a device may ask in a burst, then at its rate; another one is not its concern', async (t) => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, { perSecond: 2, burst: 6 });
  t.equal(takes(limit, 'a', 9), 6);
  t.equal(takes(limit, 'b', 9), 6);
  clock.advance(499);
  t.equal(limit.take('a'), false);
  clock.advance(1);
  t.equal(takes(limit, 'a', 9), 1);
  clock.advance(3_600_000);
  t.equal(takes(limit, 'a', 9), 6, 'it saves up no more than a burst');
});

t.test('a rate below the floor of an honest gate is raised to it', async (t) => {
  const clock = new ManualClock();
  const limit = new RateLimit(clock, { perSecond: 0, burst: 0 });
  t.equal(takes(limit, 'a', 9), 5);
  clock.advance(1_000);
  t.equal(takes(limit, 'a', 9), 1);
});

t.test('a counter is new, then a resend once, then a replay', async (t) => {
  const guard = new ReplayGuard();
  for (const expected of ['new', 'resend', 'replayed', 'replayed'] as const) {
    t.equal(guard.look('s', 7), expected);
    if (expected !== 'replayed') guard.answered('s', 7);
  }
  t.equal(guard.look('s', 6), 'new', 'an earlier one may come later');
  t.equal(guard.look('other', 7), 'new', 'counters are of one session');
});

t.test('a counter that was forgotten counts as used up', async (t) => {
  const guard = new ReplayGuard();
  for (let counter = 1; counter <= 65; counter++) guard.answered('s', counter);
  t.same(
    [0, 1, 2, 65, 66].map((counter) => guard.look('s', counter)),
    ['replayed', 'replayed', 'resend', 'resend', 'new'],
  );
});
