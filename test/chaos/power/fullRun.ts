import { setTimeout as pause } from 'node:timers/promises';
import type { Journal } from '../../../daemon/journal/journal.js';
import type { JournalLimits } from '../../../daemon/journal/options.js';
import { ManualClock } from '../../../platform/clock.js';
import { type Disk, folderDisk } from '../../../platform/disk.js';
import { openOn, tap, verdictOn } from '../../daemon/journal/bench.js';
import { until } from '../../support/waiting.js';
import { deliver, failOnce, type JournalTrace, write } from './journalRun.js';
import { DiskTrace } from './trace.js';

/** What is kept free for the segment that is being written (daemon/journal/roomKeeper.ts): it counts against the limits. */
const RECORDS_KEPT_FREE = 320;
const BYTES_KEPT_FREE = 320_000;
const FIRST_LOOK_MS = 10_000;
const SLOW_MS = 100;
const VISITS_A_LIFE = 7;
const ALARMS_A_LIFE = 3;
const ALARM = { kind: 'alarm', content: { alarm: 'central.silent' } } as const;

/** As if nothing else were on the disk than closed segments with so many records that may go. */
export const roomFor = (records: number, kb = 1_000): JournalLimits => ({
  maxRecords: RECORDS_KEPT_FREE + records,
  maxBytes: BYTES_KEPT_FREE + kb * 1_000,
  retentionMs: Number.POSITIVE_INFINITY,
});

/** Lets a journal make room, until it has nothing to do any more: a look begins with a rest, and each step has one. */
export async function makeRoom(journal: Journal, clock: ManualClock, isDone: () => boolean): Promise<void> {
  clock.advance(FIRST_LOOK_MS);
  await until(() => {
    clock.advance(50);
    return isDone();
  }, 'room');
  await journal.idle();
}

/** One start, with visits, alarms, and a tap that nobody ends any more. */
async function live(trace: JournalTrace, disk: Disk, clock: ManualClock, limits: JournalLimits) {
  const opened = await openOn(disk, clock, { limits });
  const { journal } = opened;
  for (const id of journal.unanswered) write(trace, journal, verdictOn(id));
  for (let visit = 0; visit < VISITS_A_LIFE; visit++) {
    write(trace, journal, verdictOn(write(trace, journal, tap)));
    if (visit < ALARMS_A_LIFE) write(trace, journal, ALARM);
    if (visit % 2 === 0) await journal.idle();
  }
  write(trace, journal, tap);
  await journal.idle();
  return opened;
}

/** A flush that fails: the next record begins another file, and with it comes another look at the room. */
async function anotherFile(trace: JournalTrace, journal: Journal): Promise<void> {
  failOnce(trace, ['sync-file', 'EIO']);
  write(trace, journal, tap);
  await journal.idle();
}

/** The next flush of a file takes long: who does not wait for it does what comes next before it. */
function slowOnce(trace: JournalTrace): void {
  trace.pace = ({ kind }) => {
    if (kind !== 'sync-file') return undefined;
    trace.pace = () => undefined;
    return pause(SLOW_MS);
  };
}

const saying = (lines: readonly string[], words: RegExp) => lines.filter((line) => words.test(line)).length;

/**
 * A journal that is full, on a real folder. Every start is a segment of its own, so that a full disk is small and can be
 * torn everywhere. What central has goes first; then visits of the oldest segments, then alarms; and at each step
 * something fails once.
 * @param folder the journal's, empty
 * @param ledgerFolder central's, empty
 * @returns the trace, and the step before the first life that makes room
 */
export async function traceFullJournal(
  folder: string,
  ledgerFolder: string,
): Promise<{ readonly trace: JournalTrace; readonly fromStep: number }> {
  const trace: JournalTrace = new DiskTrace(folder);
  const disk = folderDisk(folder);
  trace.start();
  try {
    const roomy = roomFor(1_000);
    const first = await live(trace, disk, new ManualClock(), roomy);
    await deliver(trace, first.journal, ledgerFolder);
    await first.journal.close();
    await (await live(trace, disk, new ManualClock(), roomy)).journal.close();
    await (await live(trace, disk, new ManualClock(), roomy)).journal.close();
    const fromStep = trace.step;

    // The first segment is at central and goes; of the second one the visits do, once they can be replaced.
    const clock = new ManualClock();
    const fourth = await live(trace, disk, clock, roomFor(30));
    await deliver(trace, fourth.journal, ledgerFolder, 2);
    failOnce(trace, ['unlink', 'EIO']);
    await makeRoom(fourth.journal, clock, () => saying(fourth.lines, /cannot remove/) > 0);
    await anotherFile(trace, fourth.journal);
    slowOnce(trace);
    failOnce(trace, ['rename', 'EIO']);
    await makeRoom(fourth.journal, clock, () => saying(fourth.lines, /cannot make room/) > 0);
    await anotherFile(trace, fourth.journal);
    await makeRoom(fourth.journal, clock, () => saying(fourth.lines, /records dropped/) > 0);
    await fourth.journal.close();

    // By bytes, with a flush of the folder that fails behind a rename.
    const fifth = await live(trace, disk, clock, roomFor(1_000, 30));
    failOnce(trace, ['sync-folder', 'EIO']);
    await makeRoom(fifth.journal, clock, () => saying(fifth.lines, /cannot make room/) > 0);
    await anotherFile(trace, fifth.journal);
    await makeRoom(fifth.journal, clock, () => saying(fifth.lines, /records dropped/) > 0);
    await fifth.journal.close();

    // No room at all: alarms too.
    const sixth = await live(trace, disk, clock, roomFor(0));
    slowOnce(trace);
    await makeRoom(sixth.journal, clock, () => saying(sixth.lines, /records dropped.* alarm=/) > 1);
    write(trace, sixth.journal, tap);
    await sixth.journal.idle();
    await sixth.journal.close();
    return { trace, fromStep };
  } finally {
    trace.stop();
  }
}
