import { fileURLToPath } from 'node:url';
import t from 'tap';
import { LeftAlone } from './support/leftAlone.js';

const CLOCK = fileURLToPath(new URL('./support/shiftedClock.js', import.meta.url));
const YEAR_MS = 365.25 * 24 * 3_600_000;

const alone = await LeftAlone.open(t, 230);
const { site, gate } = alone;

t.test('before anything breaks', (t) => alone.decidedByCentral(t));

for (const years of [10, -10]) {
  t.test(`its clock wrong by ${years} years, and set right while it runs`, async (t) => {
    const before = await alone.records();
    await site.service.end('SIGTERM');
    process.env.CARDPAD_TEST_SHIFT_MS = `${years * YEAR_MS}`;
    const saidBefore = gate.process.written;
    await site.startCentral(site.central, ['--import', CLOCK]);
    await alone.greeted(t, saidBefore);
    const wrong = await alone.decidedByCentral(t);
    const ahead = Date.parse(wrong.at) - Date.now();
    // Below 2026 central's time is not believed.
    t.equal(Math.round(ahead / YEAR_MS), Math.max(0, years), wrong.at);

    const said = gate.process.written;
    site.service.signal('SIGUSR2');
    await alone.greeted(t, said);
    const right = await alone.decidedByCentral(t);
    t.ok(Math.abs(Date.parse(right.at) - Date.now()) < 60_000, `${right.at} again`);
    await alone.isWhole(t, before);
  });
}

t.test('a clock that was wrong by years leaves nothing behind that outlives it', async (t) => {
  const before = await alone.records();
  await site.service.end('SIGKILL');
  await site.startCentral();
  await alone.decidedByCentral(t);
  await alone.isWhole(t, before);
});
