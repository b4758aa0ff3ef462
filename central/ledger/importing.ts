import { LINK_FRAME_BYTES } from '../../protocol/journal/frame.js';
import { linkOf, nextHead, parseRecord, startFacts } from '../../protocol/journal/record.js';
import type { Batch, BatchEntry } from '../../protocol/wire/messages.js';
import type { Ledger, Stored } from './ledger.js';
import { type LedgerPart, readLedger } from './ledgerFile.js';

/** One flush for so many: what comes by hand has no packet to fit into. */
const RECORDS_A_BATCH = 512;
const BYTES_A_BATCH = 1024 * 1024;

/** A batch of a file that was refused. */
export interface Refused {
  readonly epoch: number;
  readonly seq: number;
  readonly reason: string;
}

/** What became of a file of records. */
export interface Imported {
  records: number;
  /** New in the ledger, and already there. */
  stored: number;
  known: number;
  /** Places before which records are missing, in the file and in the ledger. */
  gaps: number;
  /** Other histories of the device to which records went. */
  readonly forks: Set<number>;
  /** The first few; `refusedRecords` counts all. */
  readonly refused: Refused[];
  refusedRecords: number;
  /** Bytes that hold no whole record. */
  damagedBytes: number;
}

const REFUSED_TOLD = 20;

/** The device whose records a file holds, as its first `start` record says; undefined where there is none. */
export async function deviceIn(path: string): Promise<string | undefined> {
  for await (const part of readLedger(path)) {
    const parsed = part.kind === 'frame' ? parseRecord(part.frame.body) : undefined;
    const start = parsed?.ok === true ? startFacts(parsed.value) : undefined;
    if (start !== undefined) return start.device;
  }
  return undefined;
}

/** A record of the file, or what is left of one that was dropped. */
interface Entry {
  readonly epoch: number;
  readonly seq: number;
  readonly entry: BatchEntry;
  readonly previous: Buffer;
  /** The chain's head after it. */
  readonly head: Buffer;
  readonly bytes: number;
}

interface Gathering {
  readonly batch: Batch & { readonly records: BatchEntry[] };
  last: number;
  head: Buffer;
  bytes: number;
}

/** Whether a record is the next one of a batch, by number and by chain. */
const goesOn = (batch: Gathering, { epoch, seq, previous }: Entry): boolean =>
  batch.batch.epoch === epoch &&
  batch.last + 1 === seq &&
  batch.head.equals(previous) &&
  batch.batch.records.length < RECORDS_A_BATCH &&
  batch.bytes < BYTES_A_BATCH;

/**
 * Stores the records of a file of frames as if their gate had sent them: in batches, each checked, known ones skipped,
 * another history kept beside. Reads in windows, so that the file's size is no matter.
 * @throws any error of the disk; what was stored before it stays, and is known the next time
 */
export async function importFrames(
  ledger: Pick<Ledger, 'store'>,
  device: string,
  path: string,
  onBatch: (byte: number) => void,
): Promise<Imported> {
  const sum: Imported = {
    ...{ records: 0, stored: 0, known: 0, gaps: 0, refusedRecords: 0, damagedBytes: 0 },
    forks: new Set(),
    refused: [],
  };
  let gathering: Gathering | undefined;
  const store = async () => {
    if (gathering !== undefined) await storeBatch(ledger, device, gathering.batch, sum);
    gathering = undefined;
  };
  for await (const part of readLedger(path)) {
    const found = entryIn(part);
    if (found === undefined) {
      sum.damagedBytes += part.to - part.from;
      continue;
    }
    sum.records += 1;
    if (gathering === undefined || !goesOn(gathering, found)) {
      await store();
      onBatch(part.from);
      const { epoch, seq, previous } = found;
      const batch = { epoch, first: seq, previous: previous.toString('hex'), records: [] };
      gathering = { batch, last: seq - 1, head: previous, bytes: 0 };
    }
    gathering.batch.records.push(found.entry);
    gathering.last = found.seq;
    gathering.head = found.head;
    gathering.bytes += found.bytes;
  }
  await store();
  return sum;
}

function entryIn(part: LedgerPart): Entry | undefined {
  if (part.kind === 'damage') return undefined;
  const { previous } = part.frame;
  if (part.kind === 'link') {
    const { link } = part.frame;
    const { epoch, seq } = link;
    const entry = { class: link.class, digest: Buffer.from(link.digest) };
    return { epoch, seq, entry, previous, head: nextHead(previous, link), bytes: LINK_FRAME_BYTES };
  }
  const parsed = parseRecord(part.frame.body);
  if (!parsed.ok) return undefined;
  const { epoch, seq } = parsed.value;
  // A copy: a frame that was read is a window on a megabyte.
  const entry = Buffer.from(part.frame.body);
  return {
    epoch,
    seq,
    entry,
    previous,
    head: nextHead(previous, linkOf(parsed.value, entry)),
    bytes: entry.length,
  };
}

async function storeBatch(
  ledger: Pick<Ledger, 'store'>,
  device: string,
  batch: Batch,
  sum: Imported,
): Promise<void> {
  let result: Stored = await ledger.store(device, batch);
  if (result.kind === 'hole') {
    // Nobody has what stood before it, or it would be in the file: what is here is kept, and the gap is named.
    sum.gaps += 1;
    result = await ledger.store(device, { ...batch, gap: true });
  }
  count(result, batch, sum);
}

function count(result: Stored, { epoch, first, records }: Batch, sum: Imported): void {
  if (result.kind === 'stored') {
    sum.stored += result.records.length;
    sum.known += records.length - result.records.length;
  } else if (result.kind === 'known') {
    sum.known += records.length;
  } else {
    const reason = result.kind === 'rejected' ? result.reason : result.kind;
    sum.refusedRecords += records.length;
    if (sum.refused.length < REFUSED_TOLD) sum.refused.push({ epoch, seq: first, reason });
    return;
  }
  if (result.fork > 0) sum.forks.add(result.fork);
}
