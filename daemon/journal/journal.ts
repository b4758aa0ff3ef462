import type { Clock } from '../../platform/clock.js';
import type { Disk } from '../../platform/disk.js';
import type { Log } from '../../platform/log.js';
import { CardpadError } from '../../protocol/errors.js';
import { encodeFrame } from '../../protocol/journal/frame.js';
import {
  encodeRecord,
  epochBase,
  type JournalRecord,
  type KeyFacts,
  linkOf,
  nextHead,
  RECORD_KINDS,
  type RecordKind,
  type StartFacts,
} from '../../protocol/journal/record.js';
import {
  RecordKey,
  sealContent,
  type TapContent,
  type VerdictContent,
  type VoidContent,
} from '../../protocol/journal/seal.js';
import type { Batch, TapId } from '../../protocol/wire/messages.js';
import type { Place } from '../../protocol/wire/session.js';
import { readSegment, type Segment, segmentsIn, unbroken } from './segments.js';
import { SegmentWriter } from './writer.js';

/** The wall clock as records tell it. */
export interface RecordTime {
  wallMs(): number;
  /** Whether central has told the time since this start. */
  readonly trusted: boolean;
}

export interface JournalOptions {
  readonly disk: Disk;
  readonly device: string;
  /** 16 hex characters, the same until the system boots again. */
  readonly boot: string;
  readonly clock: Clock;
  readonly time: RecordTime;
  readonly randomBytes: (length: number) => Buffer;
  /** Wraps a 32-byte record key to central's ledger key. */
  readonly wrapKey: (key: Buffer) => Promise<KeyFacts>;
  readonly log: Log;
}

/** A record that was appended: numbered and chained already, durable when the promise says so. */
export interface Appended {
  readonly id: TapId;
  /** @throws CardpadError `journal.write` (retry): not on disk yet, and tried again */
  readonly durable: Promise<void>;
}

/** Records on their way to central. */
export interface Outgoing {
  readonly batch: Batch;
  /** The place of its last record. */
  readonly last: Place;
}

type Content =
  | { readonly kind: 'tap'; readonly content: TapContent }
  | { readonly kind: 'verdict'; readonly content: VerdictContent }
  | { readonly kind: 'tap-void'; readonly content: VoidContent };

/** Acknowledged segments stay this long, so that a central restored from a backup gets them again. */
const RETENTION_MS = 72 * 3600 * 1000;

/**
 * Every tap of this gate, on disk before the gate opens and until central has it.
 *
 * One start of the daemon is one epoch: a new number, a new file, a new record key. Old files are never written to.
 */
export class Journal {
  readonly epoch: number;
  #seq = 0;
  #head: Buffer;
  #key: RecordKey | undefined;
  #keySeq = 0;
  readonly #old: Segment[];
  readonly #writer: SegmentWriter;
  readonly #settledMs = new Map<string, number>();
  /** Called whenever more records are durable. */
  onDurable: () => void = () => {};

  private constructor(
    private readonly options: JournalOptions,
    old: Segment[],
    private readonly start: StartFacts,
  ) {
    this.#old = old;
    this.epoch = (old.at(-1)?.epoch ?? 0) + 1;
    this.#head = epochBase(this.epoch, start);
    this.#writer = new SegmentWriter(options.disk, this.epoch, options.clock, options.log, () =>
      this.onDurable(),
    );
  }

  /** Finds the last place on disk and begins a new epoch; resolves when its first records are durable. */
  static async open(options: JournalOptions): Promise<Journal> {
    const { disk, device, randomBytes, wrapKey } = options;
    const old = segmentsIn(await disk.list());
    const previous = await lastPlace(disk, old);
    const journal = new Journal(options, old, { device, nonce: randomBytes(8).toString('hex'), previous });
    try {
      await journal.#begin(wrapKey);
    } catch (thrown) {
      // Nobody has this journal: it must not go on writing behind a start that failed.
      await journal.close();
      throw thrown;
    }
    return journal;
  }

  async #begin(wrapKey: JournalOptions['wrapKey']): Promise<void> {
    const started = this.#append('start', { clear: this.start });
    const key = this.options.randomBytes(32);
    const wrapped = this.#append('key', { clear: await wrapKey(key) });
    this.#key = new RecordKey(key);
    this.#keySeq = wrapped.id.seq;
    key.fill(0);
    await Promise.all([started.durable, wrapped.durable]);
  }

  /**
   * Appends a sealed record.
   * @throws CardpadError `journal.full` (retry) when the disk has failed for long
   */
  append({ kind, content }: Content): Appended {
    const key = this.#key;
    if (key === undefined) throw new RangeError('a journal seals only once it is open');
    // Asked before anything is numbered or sealed: a number once given is never left out.
    if (!this.#writer.hasRoom) {
      throw new CardpadError(
        'journal.full',
        'retry',
        'the journal cannot be written and no more fits in memory',
      );
    }
    const address = { device: this.options.device, epoch: this.epoch, seq: this.#seq + 1, kind };
    const sealed = sealContent(key, this.#keySeq, address, this.options.randomBytes(12), content);
    return this.#append(kind, { sealed });
  }

  #append(kind: RecordKind, part: Pick<JournalRecord, 'clear' | 'sealed'>): Appended {
    const { boot, clock, time } = this.options;
    const record: JournalRecord = {
      v: 1,
      epoch: this.epoch,
      seq: this.#seq + 1,
      kind,
      class: RECORD_KINDS[kind],
      boot,
      monoMs: Math.floor(clock.monotonicMs()),
      wallMs: Math.max(0, Math.floor(time.wallMs())),
      trusted: time.trusted,
      ...part,
    };
    const body = encodeRecord(record);
    const bytes = encodeFrame(this.#head, body);
    const durable = new Promise<void>((resolve, reject) => {
      this.#writer.write({
        seq: record.seq,
        bytes,
        settle: (failure) => (failure === undefined ? resolve() : reject(failure)),
      });
    });
    // Whoever needs to know waits for it; a failure that nobody waits for is the writer's to report and retry.
    durable.catch(() => {});
    this.#seq = record.seq;
    this.#head = nextHead(this.#head, linkOf(record, body));
    return { id: { epoch: this.epoch, seq: record.seq }, durable };
  }

  /** The newest place, durable or not yet. */
  get newest(): Place {
    return { epoch: this.epoch, seq: this.#seq, head: this.#head.toString('hex') };
  }

  /** The next records after a place, of one epoch, without a gap; undefined when there are none. */
  async batchAfter(after: TapId, maxBytes: number, maxRecords: number): Promise<Outgoing | undefined> {
    const segments = this.#segments();
    for (const [index, segment] of segments.entries()) {
      if (segment.epoch < after.epoch) continue;
      const endBefore = endIn(segments, index) ?? this.#durableEnd(segment.epoch);
      if (segment.epoch === after.epoch && endBefore <= after.seq + 1) continue;
      const from = segment.epoch === after.epoch ? after.seq + 1 : 1;
      const batch = await this.#batchFrom(segment, from, endBefore, maxBytes, maxRecords);
      if (batch !== undefined) return batch;
    }
    return undefined;
  }

  async #batchFrom(
    segment: Segment,
    from: number,
    endBefore: number,
    maxBytes: number,
    maxRecords: number,
  ): Promise<Outgoing | undefined> {
    const stored = await readSegment(this.options.disk, segment);
    const wanted = unbroken(stored.filter(({ seq }) => seq >= from && seq < endBefore)).slice(0, maxRecords);
    const [first] = wanted;
    if (first === undefined) return undefined;
    const records: Buffer[] = [];
    let bytes = 0;
    let last = first;
    for (const record of wanted) {
      bytes += record.body.length;
      if (records.length > 0 && bytes > maxBytes) break;
      records.push(record.body);
      last = record;
    }
    const { epoch } = segment;
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

  /** Whether a place is one of this journal: its record is on disk here, with that head. */
  async knows(place: Place): Promise<boolean> {
    const segment = this.#segments().findLast((s) => s.epoch === place.epoch && s.first <= place.seq);
    if (segment === undefined) return false;
    const stored = await readSegment(this.options.disk, segment);
    const head = stored.find(({ seq }) => seq === place.seq)?.head;
    return head?.toString('hex') === place.head;
  }

  /** Central has everything up to here: whole segments before it may go once their retention is over. */
  async acknowledged(place: TapId): Promise<void> {
    const nowMs = this.options.clock.monotonicMs();
    const segments = this.#segments();
    for (const [index, segment] of segments.entries()) {
      const next = segments[index + 1];
      const whole =
        next !== undefined &&
        (next.epoch < place.epoch || (next.epoch === place.epoch && next.first <= place.seq + 1));
      if (!whole) break;
      const settledMs = this.#settledMs.get(segment.name) ?? nowMs;
      this.#settledMs.set(segment.name, settledMs);
      if (nowMs - settledMs >= RETENTION_MS) await this.#remove(segment);
    }
  }

  async #remove(segment: Segment): Promise<void> {
    await this.options.disk.remove(segment.name);
    this.#settledMs.delete(segment.name);
    for (const list of [this.#old, this.#writer.segments]) {
      const at = list.indexOf(segment);
      if (at !== -1) list.splice(at, 1);
    }
  }

  /** Resolves when everything appended is durable, or the disk fails. */
  idle(): Promise<void> {
    return this.#writer.idle();
  }

  close(): Promise<void> {
    return this.#writer.close();
  }

  #segments(): Segment[] {
    return [...this.#old, ...this.#writer.segments];
  }

  #durableEnd(epoch: number): number {
    return epoch === this.epoch ? this.#writer.durableSeq + 1 : Number.POSITIVE_INFINITY;
  }
}

/** Where the next file of the same epoch takes over: what a failed flush left behind that point is not counted. */
function endIn(segments: readonly Segment[], index: number): number | undefined {
  const next = segments[index + 1];
  return next !== undefined && next.epoch === segments[index]?.epoch ? next.first : undefined;
}

async function lastPlace(disk: Disk, segments: readonly Segment[]): Promise<Place | null> {
  for (const [index, segment] of [...segments.entries()].reverse()) {
    const endBefore = endIn(segments, index) ?? Number.POSITIVE_INFINITY;
    const last = (await readSegment(disk, segment)).findLast(({ seq }) => seq < endBefore);
    if (last !== undefined) return { epoch: segment.epoch, seq: last.seq, head: last.head.toString('hex') };
  }
  return null;
}
