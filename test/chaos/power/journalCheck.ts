import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { checkBatch } from '../../../central/ledger/batch.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import type { Journal } from '../../../daemon/journal/journal.js';
import { createLog } from '../../../platform/log.js';
import { messageOf } from '../../../protocol/errors.js';
import { endedTap, startFacts } from '../../../protocol/journal/record.js';
import type { Batch } from '../../../protocol/wire/messages.js';
import type { Place } from '../../../protocol/wire/session.js';
import { DEVICE, openOn, tap } from '../../daemon/journal/bench.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { roomyFolder } from '../site.js';
import type { DiskImage } from './images.js';
import type { Promised } from './journalRun.js';
import type { Note } from './trace.js';

const keyOf = ({ epoch, seq }: { readonly epoch: number; readonly seq: number }) => `${epoch}/${seq}`;
const isAfter = (a: Omit<Place, 'head'>, b: Omit<Place, 'head'>) =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq);

/** Longer than any that goes out, since a segment is read again for each. */
const BATCH_BYTES = 1024 * 1024;
const BATCH_RECORDS = 1_000;

/** Everything that a journal would send, checked as central checks it. */
interface Sent {
  readonly batches: readonly Batch[];
  /** By `epoch/seq`: the head behind each record, hex. */
  readonly heads: ReadonlyMap<string, string>;
  /** Taps without an end. */
  readonly open: ReadonlySet<string>;
  /** Records that were not flushed yet are missing before others that were not either: named, as any gap is. */
  readonly gaps: number;
  readonly faults: readonly string[];
}

async function send(
  journal: Journal,
  acknowledged: Place | undefined,
  promised: readonly Place[],
): Promise<Sent> {
  const batches: Batch[] = [];
  const heads = new Map<string, string>();
  const open = new Set<string>();
  const faults: string[] = [];
  let last: Place | undefined;
  let gaps = 0;
  for (;;) {
    const outgoing = await journal.batchAfter(last ?? { epoch: 0, seq: 0 }, BATCH_BYTES, BATCH_RECORDS);
    if (outgoing === undefined) return { batches, heads, open, gaps, faults };
    const { batch } = outgoing;
    batches.push(batch);
    const checked = checkBatch(DEVICE, batch);
    if (!checked.ok) return { batches, heads, open, gaps, faults: [`a batch is refused: ${checked.reason}`] };
    // What central has may have been removed here.
    const isKept = acknowledged === undefined || isAfter({ ...batch, seq: batch.first - 1 }, acknowledged);
    if (batch.gap && isKept) {
      gaps += 1;
      if (promised.some(({ epoch, seq }) => epoch === batch.epoch && seq >= batch.first))
        faults.push(`a gap before ${batch.epoch}/${batch.first}, which was durable`);
    }
    if (!batch.gap && batch.first > 1 && batch.previous !== last?.head)
      faults.push(`the chain breaks before ${batch.epoch}/${batch.first}`);
    for (const entry of checked.value.records) {
      if (!('record' in entry)) continue;
      const { record, head } = entry;
      const key = keyOf(record);
      if (heads.has(key)) faults.push(`${key} is sent twice`);
      heads.set(key, head.toString('hex'));
      const tied = startFacts(record)?.previous;
      const mayBeGone = tied && acknowledged !== undefined && !isAfter(tied, acknowledged);
      if (tied !== undefined && tied?.head !== last?.head && !mayBeGone)
        faults.push(`epoch ${record.epoch} is tied to ${tied === null ? 'nothing' : keyOf(tied)}`);
      if (record.kind === 'tap') open.add(key);
      const end = endedTap(record);
      if (end !== undefined) open.delete(keyOf(end));
    }
    last = outgoing.last;
  }
}

/** A central that has what was acknowledged takes all of it into its one line, and finds nothing to complain of. */
async function centralFaults(sent: Sent, ledgerBytes: Buffer | undefined): Promise<string[]> {
  const folder = await mkdtemp(join(roomyFolder(), 'cardpad-power-'));
  const lines: string[] = [];
  try {
    if (ledgerBytes !== undefined) await writeFile(join(folder, `${DEVICE}.cpj`), ledgerBytes);
    const log = createLog((line) => lines.push(line), 'warn', Date.now);
    const ledger = new Ledger({ folder, log, writes: true });
    const faults: string[] = [];
    for (const batch of sent.batches) {
      const stored = await ledger.store(DEVICE, batch);
      const isWell = (stored.kind === 'stored' || stored.kind === 'known') && stored.fork === 0;
      if (!isWell) faults.push(`central: ${stored.kind} for ${batch.epoch}/${batch.first}`);
    }
    const said = sent.gaps > 0 ? lines.filter((line) => !line.includes('journal gap')) : lines;
    return [...faults, ...said.map((line) => `central says: ${line}`)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The gate goes on after the cut: a tap more, and a second cut right behind it. */
async function goingOnFaults(disk: MemoryDisk, journal: Journal): Promise<string[]> {
  const { id, durable } = journal.append(tap);
  await durable;
  const next = (await openOn(disk.cut('lost'))).journal;
  const { heads } = await send(next, undefined, []);
  if (!heads.has(keyOf(id))) return [`${keyOf(id)}, written after the cut, is lost`];
  return next.epoch > journal.epoch ? [] : ['the second start counts the same epoch'];
}

export interface CheckOptions {
  /** Also with a real ledger on a real folder, and with a second power cut: ten times as slow. */
  readonly thoroughly: boolean;
}

/** What is wrong with the next start on an image of the disk; nothing, if all that was promised holds. */
export async function journalFaults(
  { step, files }: DiskImage,
  notes: readonly Note<Promised>[],
  { thoroughly }: CheckOptions,
): Promise<{ readonly faults: readonly string[]; readonly gaps: number }> {
  const said = notes.filter((note) => note.step <= step).map(({ what }) => what);
  const acknowledged = said.findLast((what) => what.kind === 'acknowledged');
  const promised = said.filter(({ kind }) => kind === 'durable').map(({ place }) => place);
  const disk = new MemoryDisk();
  for (const [path, bytes] of files) disk.put(basename(path), bytes);
  try {
    const { journal } = await openOn(disk);
    const sent = await send(journal, acknowledged?.place, promised);
    const faults = [...sent.faults];
    for (const place of promised) {
      const head = sent.heads.get(keyOf(place));
      const isAtCentral = acknowledged !== undefined && !isAfter(place, acknowledged.place);
      if (head === undefined && !isAtCentral) faults.push(`${keyOf(place)} was durable, and is lost`);
      if (head !== undefined && head !== place.head) faults.push(`${keyOf(place)} is another record`);
      if (place.epoch >= journal.epoch) faults.push(`epoch ${journal.epoch} is counted twice`);
    }
    const unanswered = new Set(journal.unanswered.map(keyOf));
    for (const key of sent.open) if (!unanswered.has(key)) faults.push(`nobody knows that ${key} has no end`);
    for (const key of unanswered) if (!sent.open.has(key)) faults.push(`${key} would be ended twice`);
    if (thoroughly) {
      faults.push(...(await centralFaults(sent, acknowledged?.ledger)));
      faults.push(...(await goingOnFaults(disk, journal)));
    }
    await journal.close();
    return { faults, gaps: sent.gaps };
  } catch (thrown) {
    return { faults: [`the start fails: ${messageOf(thrown)}`], gaps: 0 };
  }
}
