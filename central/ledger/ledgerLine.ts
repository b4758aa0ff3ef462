import { stat } from 'node:fs/promises';
import { codeOf } from '../../protocol/errors.js';
import { encodeFrame } from '../../protocol/journal/frame.js';
import { type JournalRecord, linkOf, nextHead, parseRecord } from '../../protocol/journal/record.js';
import type { Place } from '../../protocol/wire/session.js';
import type { ChainedRecord, CheckedBatch } from './batch.js';
import { type Append, cutTo, readLedger } from './ledgerFile.js';

/** Every so many records of an epoch the index keeps where one lies. */
const MARK_EVERY = 64;

interface EpochIndex {
  first: number;
  last: number;
  /** The last record as it lies in the file; its head is computed when it is asked for. */
  tail: { readonly previous: Buffer; readonly record: JournalRecord; readonly body: Buffer };
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
      const { previous, body } = part.frame;
      const parsed = parseRecord(body);
      if (parsed.ok) this.#note(parsed.value, body, previous, part.from);
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
  async store(records: readonly ChainedRecord[]): Promise<void> {
    if (this.#doubtful) await this.settle();
    const frames = records.map(({ previous, body }) => encodeFrame(previous, body));
    try {
      await this.append(this.path, this.#length, Buffer.concat(frames));
    } catch (thrown) {
      // Bytes of another writer are good, and read; half of our own are cut before the next try.
      this.#doubtful = codeOf(thrown) !== 'ledger.moved';
      throw thrown;
    }
    this.#doubtful = false;
    for (const [at, { record, body, previous }] of records.entries()) {
      this.#note(record, body, previous, this.#length);
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

  /** A record as it is stored. */
  async recordAt(epoch: number, seq: number): Promise<JournalRecord | undefined> {
    return (await this.#find(epoch, seq))?.record;
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
    return found === undefined ? undefined : nextHead(found.previous, linkOf(found.record, found.body));
  }

  async #find(epoch: number, seq: number): Promise<EpochIndex['tail'] | undefined> {
    const index = this.#epochs.get(epoch);
    if (index === undefined || seq > index.last) return undefined;
    const mark = index.marks.findLast((known) => known.seq <= seq);
    if (mark === undefined) return undefined;
    for await (const part of readLedger(this.path, mark.atByte)) {
      if (part.kind === 'damage' || part.from >= this.#length) continue;
      const { previous, body } = part.frame;
      const parsed = parseRecord(body);
      if (parsed.ok && parsed.value.epoch === epoch && parsed.value.seq === seq) {
        return { previous, body, record: parsed.value };
      }
    }
    return undefined;
  }

  #note(record: JournalRecord, body: Buffer, previous: Buffer, atByte: number): void {
    const { epoch, seq } = record;
    // Copies: a frame that was read is a window on a megabyte.
    const tail = { record, body: Buffer.from(body), previous: Buffer.from(previous) };
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

const tailHead = ({ tail }: EpochIndex): Buffer => nextHead(tail.previous, linkOf(tail.record, tail.body));
