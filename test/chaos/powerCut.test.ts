/**
 * Power cuts, exhaustively, in the short form; `scripts/chaos --power-cut` is the long one.
 *
 * How it is done: `node:fs/promises` is wrapped while the real journal, over the real platform/disk.ts, lives three lives
 * on a real folder, and every open, write, truncate, fdatasync, rename, unlink and fsync of a folder is written down with
 * its beginning and its end, and between them each record's "durable" and central's acknowledgements (power/trace.ts,
 * power/journalRun.ts). Then the power goes at each of these instants, and every disk is built that it may leave
 * (power/images.ts):
 *
 * - What a flush covers is there: one that began after the write had ended, and that has itself ended well. A failed
 *   flush covers nothing, and no later one covers the data that it has failed.
 * - Any other write is there, is not there, or is torn at any byte. Behind the tear there is nothing, or the length
 *   alone with zeroes or garbage (ext4 in writeback mode), or the order is turned round: the end is there and the
 *   beginning is not; or some sectors are there and others are not. Each file for itself, so in any order between files.
 * - Any other creating, renaming or removing of a name has happened or has not, in every combination.
 * - A sector is written wholly or not at all, so that what was flushed is not spoiled by what is appended to it; a rename
 *   has happened or has not. No disk is asked for more.
 *
 * On each of these disks a real journal is opened. Every record that had been called durable is there, the same to its
 * head, or central has it; no number is used twice; the batches pass central's own checks; the taps without an end are known,
 * and no others. Where the disk turned the order round within one flush that never ended, some of its records are there
 * and one before them is not: that is a gap, it is named, and nothing in it or behind it had been called durable. A part of them is also delivered to a real ledger, which must see one line and nothing
 * to complain of, and loses its power a second time.
 *
 * A full journal (power/fullRun.ts) makes room meanwhile: it removes what central has, replaces segments by thinned ones,
 * by records and by bytes, visits first and then alarms, while a removing, a rename and flushes fail. There a durable
 * record may also be gone, but for its link, which keeps the chain, and a durable `dropped` record that tells of it. A
 * part of the starts then makes room itself, and the rule is the same. Small documents (lowdb over platform/document.ts) are cut in
 * test/platform/documentPowerCut.test.ts.
 */
import t from 'tap';
import { testSeed } from '../support/seed.js';
import { cutFullJournal, cutJournal } from './power/run.js';

const SEED = testSeed();
t.comment(`CARDPAD_SEED=${SEED}`);

t.test(
  'the power goes at any instant, and the disk keeps what it likes of what was not flushed',
  async (t) => {
    const { calls, instants, images, thorough, named, faults } = await cutJournal({
      seed: SEED,
      tearsAWrite: 6,
      largeEvery: 12,
      thoroughEvery: 40,
    });
    t.comment(
      `${calls} calls, ${instants} instants, ${images} disks; ${thorough} delivered and cut again; ${named} with a gap`,
    );
    t.same(faults, []);
    t.ok(images > 2_000, `${images} disks`);
  },
);

t.test('the power goes at any instant at which a full journal makes room', async (t) => {
  const { calls, instants, images, thorough, thinned, faults } = await cutFullJournal({
    seed: SEED,
    tearsAWrite: 2,
    largeEvery: 24,
    thoroughEvery: 25,
  });
  t.comment(
    `${calls} calls, ${instants} instants, ${images} disks; ${thorough} delivered; ${thinned} thinned`,
  );
  t.same(faults, []);
  t.ok(images > 300 && thinned > 200, `${images} disks, ${thinned} thinned`);
});
