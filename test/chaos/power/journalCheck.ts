import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ledgerFolder } from '../../../central/keys.js';
import { checkBatch, isWhole, placeOf } from '../../../central/ledger/batch.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import { verifyLedger } from '../../../central/ledger/verify.js';
import type { Journal } from '../../../daemon/journal/journal.js';
import type { JournalLimits } from '../../../daemon/journal/options.js';
import { ManualClock } from '../../../platform/clock.js';
import { createLog } from '../../../platform/log.js';
import { messageOf } from '../../../protocol/errors.js';
import type { RecordLink } from '../../../protocol/journal/frame.js';
import {
  classNameOf,
  type DroppedFacts,
  droppedFacts,
  endedTap,
  startFacts,
} from '../../../protocol/journal/record.js';
import type { Batch } from '../../../protocol/wire/messages.js';
import type { Place } from '../../../protocol/wire/session.js';
import { DEVICE, openOn, tap } from '../../daemon/journal/bench.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { settle } from '../../support/waiting.js';
import { roomyFolder } from '../site.js';
import type { DiskImage } from './images.js';
import type { Promised } from './journalRun.js';
import type { Note } from './trace.js';

type Acknowledged = Extract<Promised, { kind: 'acknowledged' }>;

const keyOf = ({ epoch, seq }: { readonly epoch: number; readonly seq: number }) => `${epoch}/${seq}`;
const isAfter = (a: Omit<Place, 'head'>, b: Omit<Place, 'head'>) =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq);

/** Longer than any that goes out, since a segment is read again for each. */
const BATCH_BYTES = 1024 * 1024;
const BATCH_RECORDS = 1_000;

/** Everything that a journal would send, checked as central checks it. */
interface Sent {
  readonly batches: readonly Batch[];
  /** By `epoch/seq`: the head behind each record, or behind its link, hex. */
  readonly heads: ReadonlyMap<string, string>;
  /** Of these records only the links are here: dropped for want of room. */
  readonly links: number;
  /** Taps without an end. */
  readonly open: ReadonlySet<string>;
  /** Records that were not flushed yet are missing before others that were not either: named, as any gap is. */
  readonly gaps: number;
  readonly faults: readonly string[];
}

/** Nothing is gone without a word: each link lies in what a record says was dropped of its class. */
function untold(links: readonly RecordLink[], dropped: readonly DroppedFacts[]): string[] {
  const isTold = ({ epoch, seq, class: value }: RecordLink) =>
    dropped.some(
      (facts) =>
        facts.epoch === epoch &&
        facts.first <= seq &&
        seq <= facts.last &&
        (facts.counts[classNameOf(value)] ?? 0) > 0,
    );
  return links.filter((link) => !isTold(link)).map((link) => `${keyOf(link)} is gone, and nobody says so`);
}

async function send(
  journal: Journal,
  acknowledged: Place | undefined,
  promised: readonly Place[],
): Promise<Sent> {
  const batches: Batch[] = [];
  const heads = new Map<string, string>();
  const open = new Set<string>();
  const links: RecordLink[] = [];
  const dropped: DroppedFacts[] = [];
  const faults: string[] = [];
  const sent = () => ({ batches, heads, links: links.length, open, gaps, faults });
  let last: Place | undefined;
  let gaps = 0;
  for (;;) {
    const outgoing = await journal.batchAfter(last ?? { epoch: 0, seq: 0 }, BATCH_BYTES, BATCH_RECORDS);
    if (outgoing === undefined) {
      faults.push(...untold(links, dropped));
      return sent();
    }
    const { batch } = outgoing;
    batches.push(batch);
    const checked = checkBatch(DEVICE, batch);
    if (!checked.ok) return { ...sent(), faults: [`a batch is refused: ${checked.reason}`] };
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
      const key = keyOf(placeOf(entry));
      if (heads.has(key)) faults.push(`${key} is sent twice`);
      heads.set(key, entry.head.toString('hex'));
      if (!isWhole(entry)) {
        links.push(entry.link);
        continue;
      }
      const { record } = entry;
      const facts = droppedFacts(record);
      if (facts !== undefined) dropped.push(facts);
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

/** How `central verify` calls records that are missing; where the batches themselves say so, it must. */
const NAMED_GAPS: readonly string[] = ['gap', 'removed'];

/** A central that has what was acknowledged takes all of it into its one line, and finds nothing to complain of. */
async function centralFaults(sent: Sent, ledgerBytes: Buffer | undefined): Promise<string[]> {
  const central = await mkdtemp(join(roomyFolder(), 'cardpad-power-'));
  const folder = ledgerFolder(central);
  const lines: string[] = [];
  try {
    await mkdir(folder);
    if (ledgerBytes !== undefined) await writeFile(join(folder, `${DEVICE}.cpj`), ledgerBytes);
    const log = createLog((line) => lines.push(line), 'warn', Date.now);
    const ledger = new Ledger({ folder, log, writes: true });
    const faults: string[] = [];
    for (const batch of sent.batches) {
      const stored = await ledger.store(DEVICE, batch);
      const isWell = (stored.kind === 'stored' || stored.kind === 'known') && stored.fork === 0;
      if (!isWell) faults.push(`central: ${stored.kind} for ${batch.epoch}/${batch.first}`);
    }
    for await (const report of verifyLedger(central, DEVICE, undefined)) {
      const found = report.faults.filter(({ kind }) => sent.gaps === 0 || !NAMED_GAPS.includes(kind));
      faults.push(...found.map(({ kind, epoch, seq }) => `central verify: ${kind} at ${epoch}/${seq}`));
    }
    const said = sent.gaps > 0 ? lines.filter((line) => !line.includes('journal gap')) : lines;
    return [...faults, ...said.map((line) => `central says: ${line}`)];
  } finally {
    await rm(central, { recursive: true, force: true });
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

/** Records that were durable are here, the same to their heads, or their links are; or central has them. */
function lossesIn({ heads }: Sent, promised: readonly Place[], acknowledged: Place | undefined): string[] {
  const faults: string[] = [];
  for (const place of promised) {
    const head = heads.get(keyOf(place));
    const isAtCentral = acknowledged !== undefined && !isAfter(place, acknowledged);
    if (head === undefined && !isAtCentral) faults.push(`${keyOf(place)} was durable, and is lost`);
    if (head !== undefined && head !== place.head) faults.push(`${keyOf(place)} is another record`);
  }
  return faults;
}

/** A start that finds a full journal goes on making room where the cut has left it. */
async function makingRoomFaults(
  disk: MemoryDisk,
  promised: readonly Place[],
  acknowledged: Acknowledged | undefined,
  limits: JournalLimits,
): Promise<string[]> {
  const clock = new ManualClock();
  const { journal } = await openOn(disk, clock, { limits });
  for (let round = 0; round < ROUNDS_OF_ROOM; round++) {
    clock.advance(round === 0 ? 10_000 : 50);
    await settle(4);
  }
  const sent = await send(journal, acknowledged?.place, promised);
  const faults = [...sent.faults, ...lossesIn(sent, promised, acknowledged?.place)];
  if (sent.links === 0) faults.push('no room was made');
  faults.push(...(await centralFaults(sent, acknowledged?.ledger)));
  await journal.close();
  return faults.map((fault) => `after making room: ${fault}`);
}

/** Enough for each of some ten segments to be read and rewritten twice, with the rests between. */
const ROUNDS_OF_ROOM = 80;

export interface CheckOptions {
  /** So much room, and no more, for the start behind the cut, which is also made to wait until it has made room. */
  readonly limits?: JournalLimits | undefined;
  /** Also with a real ledger on a real folder, and with a second power cut: ten times as slow. */
  readonly thoroughly: boolean;
}

/** What is wrong with the next start on an image of the disk; nothing, if all that was promised holds. */
export async function journalFaults(
  { step, files }: DiskImage,
  notes: readonly Note<Promised>[],
  { thoroughly, limits }: CheckOptions,
): Promise<{ readonly faults: readonly string[]; readonly gaps: number; readonly links: number }> {
  const said = notes.filter((note) => note.step <= step).map(({ what }) => what);
  const acknowledged = said.findLast((what) => what.kind === 'acknowledged');
  const promised = said.filter(({ kind }) => kind === 'durable').map(({ place }) => place);
  const disk = new MemoryDisk();
  for (const [path, bytes] of files) disk.put(basename(path), bytes);
  try {
    const { journal } = await openOn(disk);
    const sent = await send(journal, acknowledged?.place, promised);
    const faults = [...sent.faults, ...lossesIn(sent, promised, acknowledged?.place)];
    if (promised.some(({ epoch }) => epoch >= journal.epoch))
      faults.push(`epoch ${journal.epoch} is counted twice`);
    const unanswered = new Set(journal.unanswered.map(keyOf));
    for (const key of sent.open) if (!unanswered.has(key)) faults.push(`nobody knows that ${key} has no end`);
    for (const key of unanswered) if (!sent.open.has(key)) faults.push(`${key} would be ended twice`);
    if (thoroughly) {
      faults.push(...(await centralFaults(sent, acknowledged?.ledger)));
      faults.push(...(await goingOnFaults(disk, journal)));
    }
    await journal.close();
    if (thoroughly && limits !== undefined)
      faults.push(...(await makingRoomFaults(disk.cut('lost'), promised, acknowledged, limits)));
    return { faults, gaps: sent.gaps, links: sent.links };
  } catch (thrown) {
    return { faults: [`the start fails: ${messageOf(thrown)}`], gaps: 0, links: 0 };
  }
}
