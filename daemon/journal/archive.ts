import type { Clock } from '../../platform/clock.js';
import type { Disk } from '../../platform/disk.js';
import type { Log } from '../../platform/log.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import type { Batch, BatchEntry, TapId } from '../../protocol/wire/messages.js';
import type { Place } from '../../protocol/wire/session.js';
import type { RecordTime } from '../time.js';
import { Retention } from './retention.js';
import {
  acknowledgedSegments,
  endIn,
  lastRecord,
  outlinesIn,
  RECORDS_A_SEGMENT,
  readSegment,
  type Segment,
  type StoredRecord,
  unbroken,
} from './segments.js';

/** Records on their way to central. */
export interface Outgoing {
  readonly batch: Batch;
  /** The place of its last record. */
  readonly last: Place;
  /** More that could be sent lies behind it. */
  readonly more: boolean;
}

export interface ArchiveOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly time: RecordTime;
  readonly log: Log;
  /** The epoch that is being written. */
  readonly epoch: number;
  /** All segments, oldest first. */
  readonly segments: () => readonly Segment[];
  /** The newest `seq` of this epoch that would survive a power cut. */
  readonly durableSeq: () => number;
  /** Acknowledged segments stay this long, so that a central restored from a backup gets them again. */
  readonly retentionMs: number;
  /** A segment is gone from the disk. */
  readonly onRemoved: (segment: Segment) => void;
}

/** Taps without an end stand near the end of what was written: so many segments are searched for them. */
const SEGMENTS_SEARCHED = 6;
/** Acknowledged segments that a full disk costs at once: enough for all records that wait in memory. */
const SEGMENTS_FREED = 16;
/** A sector that cannot be read so often will not be read. */
const READ_TRIES = 3;

/** A link in a batch, as bytes of a record that take as much. */
const LINK_BYTES = 72;

/** What is on disk: read back for central, and removed when its time has come. */
export class Archive {
  /** The newest records of this epoch. What has just been written need not be read to be sent. */
  readonly #recent: StoredRecord[] = [];
  /** The segment that was read last, as long as there is something to send: the next batch mostly lies in it too. */
  #lastRead: { readonly segment: Segment; readonly stored: readonly StoredRecord[] } | undefined;
  readonly #failedReads = new Map<string, number>();
  readonly #retention: Retention;

  /** Central has everything up to here. */
  #acknowledged: TapId = { epoch: 0, seq: 0 };
  /** Files are changed one after the other: what was removed must not come back by being replaced. */
  #lastChange: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: ArchiveOptions) {
    this.#retention = new Retention({ ...options, remove: (segment) => this.remove(segment) });
  }

  /** How far central has this journal, as far as is known. */
  get acknowledgedPlace(): TapId {
    return this.#acknowledged;
  }

  /** A record was appended. */
  note(record: StoredRecord): void {
    this.#recent.push(record);
    if (this.#recent.length > RECORDS_A_SEGMENT) this.#recent.shift();
  }

  /** The next records after a place, of one epoch, without a gap; undefined when there are none. */
  async batchAfter(after: TapId, maxBytes: number, maxRecords: number): Promise<Outgoing | undefined> {
    const segments = this.options.segments();
    for (const [index, segment] of segments.entries()) {
      if (segment.epoch < after.epoch) continue;
      const endBefore = endIn(segments, index) ?? this.#durableEnd(segment.epoch);
      if (segment.epoch === after.epoch && endBefore <= after.seq + 1) continue;
      const from = segment.epoch === after.epoch ? after.seq + 1 : 1;
      const stored = await this.#stored(segment, from);
      const wanted = unbroken(stored.filter(({ seq }) => seq >= from && seq < endBefore));
      const outgoing = toBatch(segment.epoch, from, wanted.slice(0, maxRecords), maxBytes);
      if (outgoing === undefined) continue;
      const { epoch, seq } = outgoing.last;
      return { ...outgoing, more: epoch !== this.options.epoch || seq < this.options.durableSeq() };
    }
    this.#lastRead = undefined;
    return undefined;
  }

  /** Whether a place is one of this journal: its record is here, with that head. */
  async knows(place: Place): Promise<boolean> {
    const segment = this.options.segments().findLast((s) => s.epoch === place.epoch && s.first <= place.seq);
    if (segment === undefined) return false;
    const stored = await this.#stored(segment, place.seq);
    return stored.find(({ seq }) => seq === place.seq)?.head.toString('hex') === place.head;
  }

  /** Central says how far it has this journal: a restored one may have less than before. */
  centralHas(place: TapId): void {
    this.#acknowledged = place;
  }

  /** Central has everything up to here: whole segments before it may go once their retention is over. */
  acknowledged(place: TapId): Promise<void> {
    this.#acknowledged = place;
    return this.#retention.acknowledged(this.#settledSegments);
  }

  get #settledSegments(): readonly Segment[] {
    const segments = this.options.segments();
    return segments.slice(0, acknowledgedSegments(segments, this.#acknowledged));
  }

  /**
   * The disk is full: what central has makes room, and nothing else does, since it may be somebody else who filled it.
   * @returns whether anything went
   */
  async relieve(): Promise<boolean> {
    let freed = 0;
    for (const segment of this.#settledSegments.slice(0, SEGMENTS_FREED)) {
      if (!(await this.remove(segment))) break;
      freed += 1;
    }
    if (freed > 0)
      this.options.log.warn('disk full: acknowledged segments removed early', { segments: freed });
    return freed > 0;
  }

  /** False when it stays for the next time. */
  remove(segment: Segment): Promise<boolean> {
    return this.#inTurn(async () => {
      try {
        await this.options.disk.remove(segment.name);
      } catch (thrown) {
        const problem = codeOf(thrown) ?? messageOf(thrown);
        if (problem !== 'ENOENT') {
          this.options.log.debug('cannot remove', { segment: segment.name, problem });
          return false;
        }
      }
      this.#retention.forget(segment);
      if (this.#lastRead?.segment === segment) this.#lastRead = undefined;
      this.options.onRemoved(segment);
      return true;
    });
  }

  /** Puts other bytes in a segment's place; false when it is gone meanwhile. @throws any error of the disk */
  replace(segment: Segment, bytes: Buffer): Promise<boolean> {
    return this.#inTurn(async () => {
      if (!this.options.segments().includes(segment)) return false;
      if (this.#lastRead?.segment === segment) this.#lastRead = undefined;
      await this.options.disk.replace(segment.name, bytes);
      return true;
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#lastChange.then(work);
    this.#lastChange = done.catch(() => {});
    return done;
  }

  async #stored(segment: Segment, from: number): Promise<readonly StoredRecord[]> {
    const [oldest] = this.#recent;
    const inMemory = segment.epoch === this.options.epoch && oldest !== undefined && from >= oldest.seq;
    if (inMemory) return this.#recent;
    if (this.#lastRead?.segment === segment) return this.#lastRead.stored;
    try {
      const stored = await readSegment(this.options.disk, segment);
      this.#failedReads.delete(segment.name);
      // One that is still written to has more by the next time.
      const isWhole = this.options.segments().at(-1) !== segment;
      this.#lastRead = isWhole ? { segment, stored } : undefined;
      return stored;
    } catch (thrown) {
      if (this.#isLost(segment, codeOf(thrown))) return [];
      throw thrown;
    }
  }

  /** A file that is gone, or a sector that stays unreadable, must not keep all that follows from central. */
  #isLost({ name }: Segment, code: string | undefined): boolean {
    if (code !== 'ENOENT' && code !== 'EIO') return false;
    const tries = (this.#failedReads.get(name) ?? 0) + 1;
    this.#failedReads.set(name, tries);
    if (code === 'EIO' && tries < READ_TRIES) return false;
    if (tries <= READ_TRIES) this.options.log.error('segment lost', { segment: name, problem: code });
    return true;
  }

  #durableEnd(epoch: number): number {
    return epoch === this.options.epoch ? this.options.durableSeq() + 1 : Number.POSITIVE_INFINITY;
  }
}

function toBatch(
  epoch: number,
  from: number,
  wanted: readonly StoredRecord[],
  maxBytes: number,
): Omit<Outgoing, 'more'> | undefined {
  const [first] = wanted;
  if (first === undefined) return undefined;
  const records: BatchEntry[] = [];
  let bytes = 0;
  let last = first;
  for (const record of wanted) {
    bytes += Buffer.isBuffer(record.entry) ? record.entry.length : LINK_BYTES;
    if (records.length > 0 && bytes > maxBytes) break;
    records.push(record.entry);
    last = record;
  }
  return {
    batch: {
      epoch,
      first: first.seq,
      previous: first.previous.toString('hex'),
      records,
      // Said aloud, or central would ask for the lost ones for ever.
      ...(first.seq === from ? {} : { gap: true as const }),
    },
    last: { epoch, seq: last.seq, head: last.head.toString('hex') },
  };
}

/**
 * A daemon that was killed may have left records that were written and not flushed: what a start is tied to must not be
 * less durable than the start itself.
 */
async function flushFound(disk: Disk, { name }: Segment, log: Log): Promise<void> {
  try {
    await disk.sync(name);
  } catch (thrown) {
    log.warn('segment not flushed', { segment: name, problem: codeOf(thrown) ?? messageOf(thrown) });
  }
}

/** The last place on a disk as a start finds it; null on an empty one. What cannot be read is passed over. */
export async function lastPlace(disk: Disk, segments: readonly Segment[], log: Log): Promise<Place | null> {
  for (const [index, segment] of [...segments.entries()].reverse()) {
    const endBefore = endIn(segments, index) ?? Number.POSITIVE_INFINITY;
    try {
      await flushFound(disk, segment, log);
      const last = await lastRecord(disk, segment, endBefore);
      if (last !== undefined) return { epoch: segment.epoch, seq: last.seq, head: last.head.toString('hex') };
    } catch (thrown) {
      // The epoch's number comes from the file's name, so that nothing is numbered twice.
      log.error('segment unreadable', {
        segment: segment.name,
        problem: codeOf(thrown) ?? messageOf(thrown),
      });
    }
  }
  return null;
}

/** The taps that a crash or a power cut has left without a verdict, oldest first. */
export async function unansweredTaps(disk: Disk, segments: readonly Segment[]): Promise<TapId[]> {
  const open = new Map<string, TapId>();
  const nameOf = ({ epoch, seq }: TapId) => `${epoch}/${seq}`;
  for (const [index, segment] of segments.entries()) {
    if (index < segments.length - SEGMENTS_SEARCHED) continue;
    const endBefore = endIn(segments, index) ?? Number.POSITIVE_INFINITY;
    // What cannot be read is reported where the last place is looked for.
    for (const { kind, epoch, seq, ends } of await outlinesIn(disk, segment).catch(() => [])) {
      if (seq >= endBefore) continue;
      if (kind === 'tap') open.set(nameOf({ epoch, seq }), { epoch, seq });
      else if (ends !== undefined) open.delete(nameOf(ends));
    }
  }
  return [...open.values()];
}
