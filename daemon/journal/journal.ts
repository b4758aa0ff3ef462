import { CardpadError, codeOf, messageOf } from '../../protocol/errors.js';
import type { ClockFacts } from '../../protocol/journal/clockMark.js';
import { encodeFrame, FRAME_HEADER_BYTES } from '../../protocol/journal/frame.js';
import {
  type DroppedFacts,
  epochBase,
  type JournalRecord,
  linkOf,
  nextHead,
  RECORD_KINDS,
  type RecordKind,
  recordText,
  type StartFacts,
} from '../../protocol/journal/record.js';
import {
  type AlarmContent,
  MAX_RECORD_KEY_STEPS,
  type PassageContent,
  type RecordKey,
  sealContent,
  type TapContent,
  type VerdictContent,
  type VoidContent,
} from '../../protocol/journal/seal.js';
import type { TapId } from '../../protocol/wire/messages.js';
import type { Place } from '../../protocol/wire/session.js';
import { Archive, lastPlace, type Outgoing, unansweredTaps } from './archive.js';
import { HeadSigner } from './headSigner.js';
import { Ivs } from './ivs.js';
import { OpenSegment } from './openSegment.js';
import { DEFAULT_LIMITS, type JournalOptions } from './options.js';
import { RaisedAlarms } from './raisedAlarms.js';
import { RecordKeys, type WrappedKey } from './recordKeys.js';
import { RoomKeeper } from './roomKeeper.js';
import { type Segment, segmentsIn } from './segments.js';
import { FLUSH_WITHIN_MS, SegmentWriter } from './writer.js';

/** A record that was appended: numbered and chained already, durable when the promise says so. */
export interface Appended {
  readonly id: TapId;
  /** @throws CardpadError `journal.write` (retry): not on disk yet, and tried again */
  readonly durable: Promise<void>;
}

/** The first segment of an epoch begins with its `start`, all others with their `key`. */
const FIRST_KEY_SEQ = 2;

/** Whether a record's flush is made for it, or is the next one that is made for another, within seconds. */
export type Flush = 'now' | 'later';

type Content =
  | { readonly kind: 'tap'; readonly content: TapContent }
  | { readonly kind: 'verdict'; readonly content: VerdictContent }
  | { readonly kind: 'tap-void'; readonly content: VoidContent }
  | { readonly kind: 'passage'; readonly content: PassageContent }
  | { readonly kind: 'alarm'; readonly content: AlarmContent };

/**
 * Every tap of this gate, on disk before the gate opens and until central has it.
 *
 * One start of the daemon is one epoch: a new number and a new file. Each file, or segment, has a record key of its own,
 * and is signed when it closes. Old files are never written to.
 */
export class Journal {
  readonly epoch: number;
  #seq = 0;
  #head: Buffer;
  #key: RecordKey | undefined;
  #keySeq = 0;
  readonly #old: Segment[];
  readonly #keys: RecordKeys;
  readonly #ivs: Ivs;
  readonly #segment: OpenSegment;
  readonly #heads: HeadSigner;
  readonly #writer: SegmentWriter;
  readonly #archive: Archive;
  readonly #room: RoomKeeper;
  /** The alarms of this start, for whoever does not wait until their records have come. */
  readonly alarms: RaisedAlarms;
  /** Taps of earlier starts that were left without a verdict. */
  unanswered: readonly TapId[] = [];
  /** Called whenever more records are durable. */
  onDurable: () => void = () => {};

  private constructor(
    private readonly options: JournalOptions,
    old: Segment[],
    private readonly start: StartFacts,
    keys: RecordKeys,
  ) {
    const { disk, clock, log, onFailing = () => {}, limits = DEFAULT_LIMITS } = options;
    const { flushWithinMs = FLUSH_WITHIN_MS } = options;
    const segments = () => [...this.#old, ...this.#writer.segments];
    this.#old = old;
    this.epoch = (old.at(-1)?.epoch ?? 0) + 1;
    this.#head = epochBase(this.epoch, start);
    this.alarms = new RaisedAlarms(clock);
    this.#keys = keys;
    this.#ivs = new Ivs(options.randomBytes);
    this.#heads = new HeadSigner({
      ...options,
      newest: () => this.newest,
      append: (facts) => this.#appendOpen('head', facts).id.seq,
    });
    this.#segment = new OpenSegment(clock, {
      onHalf: () => this.#keys.prepare(),
      onOver: () => this.#heads.segmentClosed(),
    });
    const events = {
      onDurable: () => this.onDurable(),
      onFailing,
      onSegment: () => this.#room.check(),
      onFull: () => this.#archive.relieve(),
    };
    this.#writer = new SegmentWriter(disk, this.epoch, clock, log, events, flushWithinMs);
    this.#archive = new Archive({
      ...options,
      epoch: this.epoch,
      segments,
      durableSeq: () => this.#writer.durableSeq,
      retentionMs: limits.retentionMs,
      onRemoved: (segment) => this.#forget(segment),
    });
    this.#room = new RoomKeeper({
      disk,
      clock,
      log,
      limits,
      segments,
      acknowledged: () => this.#archive.acknowledgedPlace,
      remove: (segment) => this.#archive.remove(segment),
      replace: (segment, bytes) => this.#archive.replace(segment, bytes),
      declare: (facts) => this.#declare(facts),
      onDropping: (dropping) => this.#onDropping(dropping),
    });
  }

  /** Finds the last place on disk and begins a new epoch; resolves when its first records are durable. */
  static async open(options: JournalOptions): Promise<Journal> {
    const keys = new RecordKeys(options);
    // SM2 has its own thread, and works while the disk is read.
    const firstKey = keys.make();
    try {
      return await Journal.#openWith(options, keys, firstKey);
    } catch (thrown) {
      firstKey.then(({ key }) => key.erase()).catch(() => {});
      throw thrown;
    }
  }

  static async #openWith(
    options: JournalOptions,
    keys: RecordKeys,
    firstKey: Promise<WrappedKey>,
  ): Promise<Journal> {
    const { disk, device, randomBytes, log } = options;
    // Looked at below; until then its failure is nobody's.
    firstKey.catch(() => {});
    const old = segmentsIn(await disk.list());
    const previous = await lastPlace(disk, old, log);
    const start = { device, nonce: randomBytes(8).toString('hex'), previous };
    const journal = new Journal(options, old, start, keys);
    try {
      const [unanswered] = await Promise.all([unansweredTaps(disk, old), journal.#begin(firstKey)]);
      journal.unanswered = unanswered;
    } catch (thrown) {
      // Nobody has this journal: it must not go on writing behind a start that failed.
      await journal.close();
      throw thrown;
    }
    return journal;
  }

  async #begin(firstKey: Promise<WrappedKey>): Promise<void> {
    const key = await firstKey;
    // Its flush is the key's.
    const started = this.#append('start', { clear: this.start }, 'later');
    await Promise.all([started.durable, this.#useKey(key).durable]);
  }

  #useKey({ key, facts }: WrappedKey): Appended {
    const appended = this.#append('key', { clear: facts });
    this.#key?.erase();
    this.#key = key;
    this.#keySeq = appended.id.seq;
    return appended;
  }

  /**
   * Appends a sealed record.
   * @param flush `later` for what need not be durable at once: written now, flushed with what comes next
   * @throws CardpadError `journal.full` (retry) when the disk has failed for long, `journal.no-key` (retry) when SM2 has
   */
  append(entry: Content, flush: Flush = 'now'): Appended {
    const { kind, content } = entry;
    this.#checkRoom();
    const key = this.#currentKey();
    const address = { device: this.options.device, epoch: this.epoch, seq: this.#seq + 1, kind };
    const sealed = sealContent(key, this.#keySeq, address, this.#ivs.next(), content);
    const ends = entry.kind === 'verdict' || entry.kind === 'tap-void';
    const part = ends ? { sealed, clear: { tap: entry.content.tap } } : { sealed };
    const appended = this.#append(kind, part, flush);
    const { id, digest, durable } = appended;
    if (entry.kind === 'alarm') this.alarms.raise({ id, digest, content: entry.content }, durable);
    return appended;
  }

  /** Appends what time it is, as it was just told: readers date by it what was written before. Never throws. */
  noteClock(source: ClockFacts['source']): void {
    try {
      this.#appendOpen('clock', { source });
    } catch (thrown) {
      this.options.log.warn('clock not recorded', { problem: codeOf(thrown) ?? messageOf(thrown) });
    }
  }

  #appendOpen(kind: RecordKind, clear: NonNullable<JournalRecord['clear']>): Appended {
    this.#checkRoom();
    return this.#append(kind, { clear }, 'later');
  }

  /** Asked before anything is numbered or sealed: a number once given is never left out. */
  #checkRoom(): void {
    if (this.#writer.hasRoom) return;
    throw new CardpadError(
      'journal.full',
      'retry',
      'the journal cannot be written and no more fits in memory',
    );
  }

  async #declare(facts: DroppedFacts): Promise<void> {
    this.#checkRoom();
    await this.#append('dropped', { clear: facts }).durable;
  }

  #onDropping(dropping: boolean): void {
    const { log, onDropping = () => {} } = this.options;
    onDropping(dropping);
    if (!dropping) return log.info('the journal has room again');
    log.error('the journal is full: the least important records of the oldest are dropped, their links stay');
    try {
      this.append({ kind: 'alarm', content: { alarm: 'journal.dropping' } });
    } catch (thrown) {
      log.error('alarm not written', { problem: codeOf(thrown) ?? messageOf(thrown) });
    }
  }

  #currentKey(): RecordKey {
    if (this.#key === undefined) throw new RangeError('a journal seals only once it is open');
    const next = this.#segment.isOver ? this.#keys.take() : undefined;
    if (next !== undefined) {
      this.#segment.begin();
      this.#useKey(next);
    }
    // Central refuses what lies behind that many steps, and all that comes after it would wait for ever.
    if (this.#key.step < MAX_RECORD_KEY_STEPS) return this.#key;
    throw new CardpadError(
      'journal.no-key',
      'retry',
      'the record key is used up and no new one can be wrapped',
    );
  }

  #append(
    kind: RecordKind,
    part: Pick<JournalRecord, 'clear' | 'sealed'>,
    flush: Flush = 'now',
  ): Appended & { readonly digest: Uint8Array } {
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
    const previous = this.#head;
    const frame = encodeFrame(previous, recordText(record));
    const entry = frame.subarray(FRAME_HEADER_BYTES);
    const begins = kind === 'key' && record.seq > FIRST_KEY_SEQ;
    this.#seq = record.seq;
    const link = linkOf(record, entry);
    this.#head = nextHead(previous, link);
    this.#archive.note({ seq: record.seq, entry, previous, head: this.#head });
    const durable = new Promise<void>((resolve, reject) => {
      this.#writer.write({
        seq: record.seq,
        bytes: frame,
        begins,
        mayWait: flush === 'later',
        settle: (failure) => (failure === undefined ? resolve() : reject(failure)),
      });
    });
    // Whoever needs to know waits for it; a failure that nobody waits for is the writer's to report and retry.
    durable.catch(() => {});
    this.#segment.note(part.sealed !== undefined);
    return { id: { epoch: this.epoch, seq: record.seq }, digest: link.digest, durable };
  }

  /** The newest place, durable or not yet. */
  get newest(): Place {
    return { epoch: this.epoch, seq: this.#seq, head: this.#head.toString('hex') };
  }

  /** The next durable records after a place, of one epoch, without a gap; undefined when there are none. */
  batchAfter(after: TapId, maxBytes: number, maxRecords: number): Promise<Outgoing | undefined> {
    return this.#archive.batchAfter(after, maxBytes, maxRecords);
  }

  /** Whether a place is one of this journal: its record is here, with that head. */
  knows(place: Place): Promise<boolean> {
    return this.#archive.knows(place);
  }

  /** Central says how far it has this journal: a restored one may have less than before. */
  centralHas(place: TapId): void {
    this.#archive.centralHas(place);
  }

  /** Central has everything up to here: what is before it may go once its retention is over, or room is needed. */
  async acknowledged(place: TapId): Promise<void> {
    await this.#archive.acknowledged(place);
    if (this.#room.dropping) this.#room.check();
  }

  /** Resolves when everything appended is durable, or the disk fails. */
  idle(): Promise<void> {
    return this.#writer.idle();
  }

  /** Signs what is not signed yet, within half a second: a clean stop. Never throws. */
  signOff(): Promise<void> {
    return this.#heads.signOff();
  }

  async close(): Promise<void> {
    this.#segment.stop();
    this.#heads.close();
    this.#key?.erase();
    this.#key = undefined;
    const stopped = this.#room.stop();
    await this.#writer.close();
    await stopped;
  }

  #forget(segment: Segment): void {
    this.#room.forget(segment);
    for (const list of [this.#old, this.#writer.segments]) {
      const at = list.indexOf(segment);
      if (at !== -1) list.splice(at, 1);
    }
  }
}
