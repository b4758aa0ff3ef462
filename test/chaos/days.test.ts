import t from 'tap';
import { seedsFrom } from './cli/report.js';
import { liveDay } from './liveDay.js';

/** These are lived at every change; `scripts/chaos` lives a thousand others. */
const FIXED_SEED = 20_261_122;
const FIXED_DAYS = 10;

t.test('ten days of a gate, each with faults of its own, hold to every invariant', async (t) => {
  for (const seed of seedsFrom(FIXED_SEED, FIXED_DAYS)) {
    const { violations, taps } = await liveDay(seed);
    t.same(violations, [], `scripts/chaos --day ${seed}`);
    t.ok(taps > 0, `${taps} taps`);
  }
});
