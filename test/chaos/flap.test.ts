import t from 'tap';
import { testSeed } from '../support/seed.js';
import { liveFlap } from './flap/flap.js';

const SEED = testSeed();
/** `scripts/chaos --flap` does this for minutes. */
const SECONDS = 10;

t.test('all connections to the broker go once a second: every tap is at central once', async (t) => {
  t.comment(`scripts/chaos --flap 1 --seed ${SEED}`);
  const { violations, ...figures } = await liveFlap(t, { seed: SEED, seconds: SECONDS });
  t.comment(JSON.stringify(figures));
  t.same(violations, []);
  t.ok(figures.visits >= 4, `${figures.visits} cards`);
});
