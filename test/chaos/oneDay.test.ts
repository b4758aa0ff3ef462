import { randomBytes } from 'node:crypto';
import t from 'tap';
import { planDay } from './day.js';
import { liveDay } from './liveDay.js';

const FIXED_SEED = 20_261_122;

t.test('a day that nobody has seen before', async (t) => {
  const seed = randomBytes(4).readUInt32BE(0);
  t.comment(`seed ${seed}: scripts/chaos --day ${seed}`);
  t.same((await liveDay(seed)).violations, [], `scripts/chaos --day ${seed}`);
});

t.test('on a day without a fault central decides everything', async (t) => {
  const seed = FIXED_SEED;
  const plan = { ...planDay(seed), faults: [], isColdStart: false };
  const { violations, byLocal, byCentral, openings } = await liveDay(seed, { plan });
  t.same(violations, []);
  t.ok(byCentral > 10 && openings > 5, `${byCentral} verdicts, ${openings} openings`);
  t.ok(byLocal <= 1, 'save one who came before the first session stood');
});

t.test('the same seed gives the same day, to the millisecond', async (t) => {
  const seed = FIXED_SEED + 3;
  const first = await liveDay(seed);
  t.same((await liveDay(seed)).story, first.story);
});
