import { rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openGateFolder } from '../../../scripts/cli/journal/gateFolder.js';
import { surveyJournal } from '../../../scripts/cli/journal/survey.js';
import { BEGAN_MS, GateData } from './gateData.js';

const HOUR_MS = 3_600_000;
type Place = Parameters<typeof surveyJournal>[1];

async function survey(data: GateData, acknowledged?: Place) {
  return surveyJournal(await openGateFolder(data.path), acknowledged, () => {});
}

t.test('it counts records by kind, files, epochs and bytes', async (t) => {
  const data = new GateData(join(t.testdir({}), 'gate'));
  await data.start({ taps: 2 });
  const second = await data.start({ taps: 140, wallMs: BEGAN_MS + HOUR_MS });
  const found = await survey(data);
  t.match(found, {
    segments: 3,
    epochs: { first: 1, last: 2, count: 2 },
    kinds: { start: 2, tap: 142, verdict: 142 },
    oldest: { epoch: 1, seq: 1, at: '2026-06-01T08:00:00.000Z', trusted: true },
    newest: { epoch: 2, seq: second.seq, head: second.head },
    damagedBytes: 0,
  });
  t.equal(
    found.records,
    Object.values(found.kinds).reduce((sum, count) => sum + count, 0),
  );
  t.equal(
    found.bytes,
    data.files.reduce((sum, _, at) => sum + data.bytesOf(at).length, 0),
  );
});

t.test('what waits is what lies behind the place that central acknowledged', async (t) => {
  const data = new GateData(join(t.testdir({}), 'gate'));
  const first = await data.start({ taps: 3 });
  const second = await data.start({ taps: 4 });
  t.equal((await survey(data)).waiting, first.seq + second.seq, 'all, where nothing is known to be there');
  t.equal((await survey(data, first)).waiting, second.seq);
  t.equal((await survey(data, second)).waiting, 0);
});

t.test('the rate is that of the last day, by the times of the records', async (t) => {
  const data = new GateData(join(t.testdir({}), 'gate'));
  await data.start({ taps: 100, wallMs: BEGAN_MS - 10 * 24 * HOUR_MS, everyMs: 1000 });
  await data.start({ taps: 48, wallMs: BEGAN_MS, everyMs: HOUR_MS / 2 });
  const { rate } = await survey(data);
  t.equal(rate?.trusted, true);
  t.ok(rate !== null && rate.perHour > 3.9 && rate.perHour < 4.4, `${rate?.perHour} an hour`);
  t.ok(rate !== null && rate.hours > 23 && rate.hours <= 24, `${rate?.hours} h`);
});

t.test(
  'times that were not certain are said to be so, and count only where there are no others',
  async (t) => {
    const data = new GateData(join(t.testdir({}), 'gate'));
    await data.start({ taps: 10, trusted: false, wallMs: 1000 });
    const uncertain = await survey(data);
    t.match(uncertain, { oldest: { trusted: false }, newest: { trusted: false }, rate: { trusted: false } });
    await data.start({ taps: 10, wallMs: BEGAN_MS });
    t.match(await survey(data), {
      oldest: { trusted: false },
      newest: { trusted: true },
      rate: { trusted: true },
    });
  },
);

t.test('a journal without a record is surveyed as well', async (t) => {
  const data = new GateData(join(t.testdir({}), 'gate'));
  const nothing = {
    records: 0,
    segments: 0,
    epochs: null,
    oldest: null,
    newest: null,
    rate: null,
    waiting: 0,
  };
  t.match(await survey(data), nothing);
});

t.test('a missing file in the middle does not end it', async (t) => {
  const data = new GateData(join(t.testdir({}), 'gate'));
  await data.start({ taps: 140 });
  await data.start({ taps: 1 });
  rmSync(data.pathOf(1));
  t.match(await survey(data), { segments: 2, epochs: { count: 2 } });
});
