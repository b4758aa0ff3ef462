import { stat } from 'node:fs/promises';
import { codeOf } from '../../protocol/errors.js';
import { encodeFrame, encodeLinkFrame } from '../../protocol/journal/frame.js';
import { type JournalRecord, nextHead, parseRecord } from '../../protocol/journal/record.js';
import type { Place } from '../../protocol/wire/session.js';
import {
  type Chained,
  type ChainedLink,
  type ChainedRecord,
  type CheckedBatch,
  chainLinkOf,
  placeOf,
} from './batch.js';
import { type Append, cutTo, type LedgerPart, readLedger } from './ledgerFile.js';

/** Every so many records of an epoch the index keeps where one lies. */
const MARK_EVERY = 64;

/** A record, or what is left of a dropped one, as it lies in the file. */
type StoredEntry = Omit<ChainedRecord, 'head'> | Omit<ChainedLink, 'head'>;

interface EpochIndex {
  first: number;
  last: number;
  /** The last record as it lies in the file; its head is computed when it is asked for. */
  tail: StoredEntry;
  readonly marks: { readonly seq: number; readonly atByte: number }[];
}

/**
 * How a batch stands to a line: `known` to its end, `continues` it, has another history (`differs`), leaves a `hole`
 * before it, or is of an epoch that the line does not know (`new`).
 */
export type Fit = 'known' | 'continues' | 'differs' | 'hole' | 'new';

async function sizeOf(path: string): Promise<{ size: number; changedMs: number }> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { size, changedMs: mtimeMs };
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return { size: 0, changedMs: 0 };
    throw thrown;
  }
}

/** One file of the ledger, one history of a device, with an index that holds a number in 64 of its places. */
export class LedgerLine {
  #length = 0;
  #epochs = new Map<number, EpochIndex>();
  #newestEpoch: number | undefined;
  /** An append failed: what lies beyond the known length is not to be trusted. */
  #doubtful = false;
  #changedMs = 0;

  constructor(
    readonly path: string,
    readonly fork: number,
    private readonly append: Append,
  ) {}

  /** When the file last changed, as its folder says. */
  get changedMs(): number {
    return this.#changedMs;
  }

  /** The record stored last. */
  get place(): Place | null {
    const index = this.#newestEpoch === undefined ? undefined : this.#epochs.get(this.#newestEpoch);
    if (this.#newestEpoch === undefined || index === undefined) return null;
    return { epoch: this.#newestEpoch, seq: index.last, head: tailHead(index).toString('hex') };
  }

  /** The highest epoch stored, 0 for none. */
  get highestEpoch(): number {
    return Math.max(0, ...this.#epochs.keys());
  }

  /** The last `seq` stored of an epoch. */
  lastOf(epoch: number): number | undefined {
    return this.#epochs.get(epoch)?.last;
  }

  /** Takes in what was appended since the last look, by whom ever. */
  async refresh(): Promise<void> {
    if (this.#doubtful) return;
    const { size, changedMs } = await sizeOf(this.path);
    this.#changedMs = changedMs;
    if (size === this.#length) return;
    if (size < this.#length) this.#forget();
    for await (const part of readLedger(this.path, this.#length)) {
      if (part.kind === 'damage') continue;
      const entry = entryOf(part);
      if (entry !== undefined) this.#note(entry, part.from);
      this.#length = part.to;
    }
  }

  /**
   * Cuts what a crash or a failed flush left behind the last whole frame, and flushes: a process that was killed may
   * have written what its disk does not have yet. Only for the one who writes.
   * @returns how many bytes were cut
   */
  async settle(): Promise<number> {
    const { size } = await sizeOf(this.path);
    if (size === 0) return 0;
    await cutTo(this.path, this.#length);
    return size - this.#length;
  }

  /** Stores records in one write and one flush. What it throws has stored nothing. */
  async store(records: readonly Chained[]): Promise<void> {
    if (this.#doubtful) await this.settle();
    const frames = records.map((entry) =>
      'link' in entry ? encodeLinkFrame(entry.previous, entry.link) : encodeFrame(entry.previous, entry.body),
    );
    try {
      await this.append(this.path, this.#length, Buffer.concat(frames));
    } catch (thrown) {
      // Bytes of another writer are good, and read; half of our own are cut before the next try.
      this.#doubtful = codeOf(thrown) !== 'ledger.moved';
      throw thrown;
    }
    this.#doubtful = false;
    for (const [at, entry] of records.entries()) {
      this.#note(entry, this.#length);
      this.#length += frames[at]?.length ?? 0;
    }
  }

  async fit({ epoch, first, last, records }: CheckedBatch): Promise<Fit> {
    const index = this.#epochs.get(epoch);
    if (index === undefined) return 'new';
    if (first > index.last + 1) return 'hole';
    const common = Math.min(last, index.last);
    if (common < first) {
      const previous = records[0]?.previous;
      return previous !== undefined && tailHead(index).equals(previous) ? 'continues' : 'differs';
    }
    const stored = await this.#headAt(epoch, common);
    if (stored === undefined) return 'new';
    if (records[common - first]?.head.equals(stored) !== true) return 'differs';
    return last <= index.last ? 'known' : 'continues';
  }

  /** The first record of a batch that this line has otherwise, or not at all. */
  async divergence({ epoch, first, records }: CheckedBatch): Promise<number> {
    let seq = first;
    for (const { head } of records) {
      const stored = await this.#headAt(epoch, seq);
      if (stored?.equals(head) !== true) return seq;
      seq += 1;
    }
    return seq;
  }

  /** A record as it is stored; undefined also where only its link came. */
  async recordAt(epoch: number, seq: number): Promise<JournalRecord | undefined> {
    const found = await this.#find(epoch, seq);
    return found === undefined || 'link' in found ? undefined : found.record;
  }

  /** Whether the chain stood so after that record. */
  async holds(place: Place): Promise<boolean> {
    const head = await this.#headAt(place.epoch, place.seq);
    return head !== undefined && head.toString('hex') === place.head;
  }

  async #headAt(epoch: number, seq: number): Promise<Buffer | undefined> {
    const index = this.#epochs.get(epoch);
    if (index?.last === seq) return tailHead(index);
    const found = await this.#find(epoch, seq);
    return found === undefined ? undefined : headAfter(found);
  }

  async #find(epoch: number, seq: number): Promise<StoredEntry | undefined> {
    const index = this.#epochs.get(epoch);
    if (index === undefined || seq > index.last) return undefined;
    const mark = index.marks.findLast((known) => known.seq <= seq);
    if (mark === undefined) return undefined;
    for await (const part of readLedger(this.path, mark.atByte)) {
      if (part.kind === 'damage' || part.from >= this.#length) continue;
      const entry = entryOf(part);
      const at = entry === undefined ? undefined : placeOf(entry);
      if (at?.epoch === epoch && at.seq === seq) return entry;
    }
    return undefined;
  }

  #note(entry: StoredEntry, atByte: number): void {
    const { epoch, seq } = placeOf(entry);
    const tail = ownCopy(entry);
    const index = this.#epochs.get(epoch);
    this.#newestEpoch = epoch;
    if (index === undefined) {
      this.#epochs.set(epoch, { first: seq, last: seq, tail, marks: [{ seq, atByte }] });
      return;
    }
    if ((seq - index.first) % MARK_EVERY === 0) index.marks.push({ seq, atByte });
    index.last = seq;
    index.tail = tail;
  }

  #forget(): void {
    this.#length = 0;
    this.#epochs = new Map();
    this.#newestEpoch = undefined;
  }
}

const headAfter = (entry: StoredEntry): Buffer => nextHead(entry.previous, chainLinkOf(entry));

const tailHead = ({ tail }: EpochIndex): Buffer => headAfter(tail);

function entryOf(part: Exclude<LedgerPart, { readonly kind: 'damage' }>): StoredEntry | undefined {
  if (part.kind === 'link') return part.frame;
  const { previous, body } = part.frame;
  const parsed = parseRecord(body);
  return parsed.ok ? { previous, body, record: parsed.value } : undefined;
}

/** A frame that was read is a window on a megabyte. */
function ownCopy(entry: StoredEntry): StoredEntry {
  const previous = Buffer.from(entry.previous);
  if ('link' in entry) return { previous, link: { ...entry.link, digest: Buffer.from(entry.link.digest) } };
  return { previous, record: entry.record, body: Buffer.from(entry.body) };
}
