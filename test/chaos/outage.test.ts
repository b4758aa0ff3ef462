import t from 'tap';
import { testSeed } from '../support/seed.js';
import { liveOutage } from './outage.js';

const SEED = testSeed();
/** `scripts/chaos --outage` lives 24 hours with 20,000 taps. */
const OUTAGE = { seed: SEED, hours: 1.2, taps: 900, powerCuts: 3 };

t.test('hours without network and three power cuts: every tap is at central once', async (t) => {
  t.comment(`scripts/chaos --outage --hours ${OUTAGE.hours} --taps ${OUTAGE.taps} --seed ${SEED}`);
  const result = await liveOutage(OUTAGE);
  const { violations, tapsAtCentral, lost, doubled, records, files, bytes, drainMs, starts, tookMs } = result;
  t.comment(`${tapsAtCentral} taps, ${records} records, ${files} files, ${bytes} bytes, ${starts} starts`);
  t.comment(`drained in ${drainMs} ms of simulated time; lived in ${tookMs} ms`);
  t.same(violations, []);
  t.same({ lost, doubled }, { lost: 0, doubled: 0 });
  t.equal(starts, 1 + OUTAGE.powerCuts);
});
