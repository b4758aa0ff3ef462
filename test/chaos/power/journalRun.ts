import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Ledger } from '../../../central/ledger/ledger.js';
import type { Journal } from '../../../daemon/journal/journal.js';
import { ManualClock } from '../../../platform/clock.js';
import { folderDisk } from '../../../platform/disk.js';
import { createLog } from '../../../platform/log.js';
import type { TapId } from '../../../protocol/wire/messages.js';
import type { Place } from '../../../protocol/wire/session.js';
import { DEVICE, openOn, tap, verdictOn } from '../../daemon/journal/bench.js';
import { type DiskCall, DiskTrace } from './trace.js';

/** What a gate has told the world, and must stand by. */
export type Promised =
  /** A record is on disk. */
  | { readonly kind: 'durable'; readonly place: Place }
  /** Central has everything up to here, in a ledger of these bytes. */
  | { readonly kind: 'acknowledged'; readonly place: Place; readonly ledger: Buffer };

export type JournalTrace = DiskTrace<Promised>;

const HOUR_MS = 3_600_000;
/** Fills a segment, whatever it began with. */
const BURST = 260;

/** Appends, and notes each record as soon as it is called durable. */
export function write(
  trace: JournalTrace,
  journal: Journal,
  content: Parameters<Journal['append']>[0],
): TapId {
  const { id, durable } = journal.append(content);
  const place = journal.newest;
  durable.then(
    () => trace.note({ kind: 'durable', place }),
    () => {},
  );
  return id;
}

/** One or more visits, with their verdicts, and then rest. */
async function visits(trace: JournalTrace, journal: Journal, count: number): Promise<void> {
  for (let visit = 0; visit < count; visit++) {
    const id = write(trace, journal, tap);
    if (visit % 2 === 0) await journal.idle();
    write(trace, journal, verdictOn(id));
  }
  await journal.idle();
}

/** The next call of this kind fails, and no other. */
export function failOnce(trace: JournalTrace, ...kinds: readonly [DiskCall['kind'], string][]): void {
  const left = new Map(kinds);
  trace.fail = ({ kind }) => {
    const code = left.get(kind);
    left.delete(kind);
    return code;
  };
}

/**
 * Takes all that the journal has, as central does, and says so.
 * @param upTo the last epoch that is taken
 */
export async function deliver(
  trace: JournalTrace,
  journal: Journal,
  folder: string,
  upTo = Number.POSITIVE_INFINITY,
): Promise<void> {
  const ledger = new Ledger({ folder, log: createLog(() => {}, 'error', Date.now), writes: true });
  for (let at = { epoch: 0, seq: 0 }; ; ) {
    const outgoing = await journal.batchAfter(at, 32 * 1024, 64);
    if (outgoing === undefined || outgoing.batch.epoch > upTo) break;
    await ledger.store(DEVICE, outgoing.batch);
    at = outgoing.last;
    const bytes = await readFile(join(folder, `${DEVICE}.cpj`));
    trace.note({ kind: 'acknowledged', place: outgoing.last, ledger: bytes });
    await journal.acknowledged(outgoing.last);
  }
}

/**
 * Three lives of a journal on a real folder, with all that can happen to one: a flush that fails, a write that fails and
 * cannot be taken back, a kill, segments that are removed and one whose removal fails, a segment that is full.
 * @param folder the journal's, empty
 * @param ledgerFolder central's, empty
 */
export async function traceJournal(folder: string, ledgerFolder: string): Promise<JournalTrace> {
  const trace: JournalTrace = new DiskTrace(folder);
  const disk = folderDisk(folder);
  trace.start();
  try {
    const clock = new ManualClock();
    const retry = async (journal: Journal) => {
      clock.advance(1_000);
      await journal.idle();
    };
    const first = (await openOn(disk, clock)).journal;
    await visits(trace, first, 2);
    failOnce(trace, ['sync-file', 'EIO']);
    await visits(trace, first, 2);
    await retry(first);
    failOnce(trace, ['write', 'ENOSPC'], ['truncate', 'EIO']);
    await visits(trace, first, 1);
    await retry(first);
    await visits(trace, first, 1);
    await first.close();

    // It is killed with a tap that has no verdict: time stands still for it from then on.
    const second = (await openOn(disk, new ManualClock())).journal;
    await visits(trace, second, 1);
    write(trace, second, tap);
    await second.idle();

    const third = (await openOn(disk, clock)).journal;
    for (const id of third.unanswered) write(trace, third, verdictOn(id));
    await third.idle();
    await deliver(trace, third, ledgerFolder);
    clock.advance(73 * HOUR_MS);
    failOnce(trace, ['unlink', 'EIO'], ['sync-folder', 'EIO']);
    for (let times = 0; times < 4; times++) await deliver(trace, third, ledgerFolder);
    for (let count = 0; count < BURST; count++) write(trace, third, tap);
    await third.idle();
    await visits(trace, third, 2);
    await third.close();
    trace.stop();
    await second.close();
    return trace;
  } finally {
    trace.stop();
  }
}
