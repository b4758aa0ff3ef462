import type { Cancel, Clock } from '../../platform/clock.js';
import type { AppendFile, Disk } from '../../platform/disk.js';
import type { Log } from '../../platform/log.js';
import { CardpadError, codeOf, messageOf } from '../../protocol/errors.js';
import { RECORDS_A_SEGMENT, type Segment, segmentName } from './segments.js';

/** A record on its way to disk. */
export interface PendingFrame {
  readonly seq: number;
  readonly bytes: Buffer;
  /** It begins a new segment, and with it a new file. */
  readonly begins?: boolean;
  /** It is written at once, and its flush may wait for the next one that cannot. */
  readonly mayWait?: boolean;
  readonly settle: (failure: CardpadError | undefined) => void;
}

export interface WriterEvents {
  readonly onDurable: () => void;
  /** Told once when the disk begins to fail, and once when it takes records again. */
  readonly onFailing: (failing: boolean) => void;
  /** A new file was begun: the ones before it are not written to any more. */
  readonly onSegment: () => void;
  /** The disk has no room. Resolves with whether some was made, and the records are tried again at once. */
  readonly onFull: () => Promise<boolean>;
}

/** No room on the disk, or none within this user's quota. */
const FULL = ['ENOSPC', 'EDQUOT'];

/** Records that one flush may carry. */
const MAX_GROUP = 64;
/** A segment whose successor has no key yet goes on, but no file without end. */
const MOST_IN_FILE = RECORDS_A_SEGMENT + MAX_GROUP;
/** How long a record whose flush may wait is left in the system's memory. */
export const FLUSH_WITHIN_MS = 2_000;
/** How long a disk that fails is left alone before the next try. */
const RETRY_MS = 1_000;
/** Records kept in memory while the disk fails; about 2 MB. */
const MAX_PENDING = 2_000;

const notOnDisk = (cause?: unknown) =>
  new CardpadError('journal.write', 'retry', 'the record is not on disk', { cause });

/**
 * Puts frames on disk in order, all that wait with one flush (group commit). Flushes wear a card out: a record that can
 * wait for its own is written at once, so that it survives the daemon, and flushed with what comes next. A failed write or flush is never tried
 * again on the same file, since the kernel may have dropped the pages and will call the next flush a success: the file
 * is left at its last good length and a new one begun.
 */
export class SegmentWriter {
  readonly segments: Segment[] = [];
  /** The newest record that would survive a power cut; 0 for none. */
  durableSeq = 0;
  #ordinal = 0;
  #file: AppendFile | undefined;
  #inFile = 0;
  #goodBytes = 0;
  /** What is not durable yet; the first so many are written, and wait for a flush. */
  readonly #pending: PendingFrame[] = [];
  #written = 0;
  #isFlushDue = false;
  #cancelFlush: Cancel | undefined;
  #running: Promise<void> | undefined;
  #cancelRetry: Cancel = () => {};
  #failing = false;

  constructor(
    private readonly disk: Disk,
    private readonly epoch: number,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly events: WriterEvents,
    private readonly flushWithinMs = FLUSH_WITHIN_MS,
  ) {}

  /** False when a failing disk has let too much gather in memory. */
  get hasRoom(): boolean {
    return this.#pending.length < MAX_PENDING;
  }

  write(frame: PendingFrame): void {
    this.#pending.push(frame);
    // While the disk fails nobody is kept waiting for it; the record stays in line and is tried with the others.
    if (this.#failing) frame.settle(notOnDisk());
    else this.#run();
  }

  /** Resolves when nothing waits any more, or the disk fails. */
  async idle(): Promise<void> {
    // What came while a flush was under way wants one of its own.
    for (this.#flush(); this.#running !== undefined; this.#flush()) await this.#running;
  }

  /** Ends with one last try at what a failing disk has left in line. */
  async close(): Promise<void> {
    await this.idle();
    this.#cancelRetry();
    if (this.#pending.length > 0) {
      this.#isFlushDue = true;
      await this.#drain();
      this.#cancelRetry();
    }
    if (this.#pending.length > 0) this.log.error('records lost', { records: this.#pending.length });
    for (const { settle } of this.#pending) settle(notOnDisk());
    await this.#leaveFile();
  }

  /** What is written is to be durable now. */
  #flush(): void {
    if (this.#pending.length === 0 || this.#failing) return;
    this.#isFlushDue = true;
    this.#run();
  }

  #run(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#drain().finally(() => {
      this.#running = undefined;
      if (this.#hasWork && !this.#failing) this.#run();
    });
  }

  get #hasWork(): boolean {
    return this.#pending.length > this.#written || (this.#isFlushDue && this.#written > 0);
  }

  async #drain(): Promise<void> {
    while (this.#hasWork) {
      try {
        await this.#put();
        if (this.#isFlushDue) await this.#commit();
      } catch (thrown) {
        if (FULL.includes(codeOf(thrown) ?? '') && (await this.events.onFull())) {
          await this.#abandonFile();
          continue;
        }
        await this.#giveUp(thrown);
        return;
      }
    }
    if (this.#written > 0) this.#cancelFlush ??= this.clock.schedule(this.flushWithinMs, () => this.#flush());
  }

  /** What is not written yet goes into one file, as far as one flush carries it. */
  async #put(): Promise<void> {
    const most = MAX_GROUP - this.#written;
    const waiting = this.#pending.slice(this.#written, this.#written + most);
    const next = waiting.findIndex(({ begins }, at) => at + this.#written > 0 && begins === true);
    const group = next === -1 ? waiting : waiting.slice(0, next);
    // Behind what cannot be written before a flush, nothing waits for one.
    if (group.length < waiting.length || most === group.length) this.#isFlushDue = true;
    const [first] = group;
    if (first === undefined) return;
    if (first.begins === true || (this.#written === 0 && this.#inFile >= MOST_IN_FILE))
      await this.#leaveFile();
    this.#file ??= await this.#createFile(first.seq);
    await this.#file.append(
      group.length === 1 ? first.bytes : Buffer.concat(group.map(({ bytes }) => bytes)),
    );
    this.#written += group.length;
    if (group.some(({ mayWait }) => mayWait !== true)) this.#isFlushDue = true;
  }

  async #commit(): Promise<void> {
    await this.#file?.sync();
    this.#stopWaiting();
    const group = this.#pending.splice(0, this.#written);
    this.#written = 0;
    this.#inFile += group.length;
    this.#goodBytes += group.reduce((sum, { bytes }) => sum + bytes.length, 0);
    this.durableSeq = group.at(-1)?.seq ?? this.durableSeq;
    if (this.#failing) {
      this.log.info('writing again');
      this.#failing = false;
      this.events.onFailing(false);
    }
    for (const { settle } of group) settle(undefined);
    this.events.onDurable();
  }

  #stopWaiting(): void {
    this.#isFlushDue = false;
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
  }

  async #createFile(first: number): Promise<AppendFile> {
    const ordinal = this.#ordinal + 1;
    const name = segmentName(this.epoch, ordinal, first);
    try {
      const file = await this.disk.create(name);
      this.#ordinal = ordinal;
      this.#inFile = 0;
      this.#goodBytes = 0;
      this.segments.push({ name, epoch: this.epoch, ordinal, first });
      this.events.onSegment();
      return file;
    } catch (thrown) {
      // A file that a failed create left behind is never written to: the next try takes the next name.
      if (codeOf(thrown) === 'EEXIST') this.#ordinal = ordinal;
      throw thrown;
    }
  }

  async #giveUp(thrown: unknown): Promise<void> {
    if (!this.#failing) {
      this.log.error('cannot write', { problem: codeOf(thrown) ?? messageOf(thrown) });
      this.#failing = true;
      this.events.onFailing(true);
    }
    await this.#abandonFile();
    // Those too that came in meanwhile: they wait for the same disk.
    for (const { settle } of this.#pending) settle(notOnDisk(thrown));
    this.#stopWaiting();
    // Whether the disk takes records again is only known of a flush.
    this.#isFlushDue = true;
    this.#cancelRetry = this.clock.schedule(RETRY_MS, () => this.#run());
  }

  /** What failed is never tried again on the same file. */
  async #abandonFile(): Promise<void> {
    const hadFile = this.#file !== undefined;
    await this.#file?.truncate(this.#goodBytes).catch(() => {});
    await this.#leaveFile();
    if (hadFile && this.#goodBytes === 0) await this.#removeEmpty();
  }

  /** A disk that stays full for days must not gather an empty file a second. */
  async #removeEmpty(): Promise<void> {
    const segment = this.segments.at(-1);
    if (segment === undefined) return;
    try {
      await this.disk.remove(segment.name);
      this.segments.pop();
      this.#ordinal = segment.ordinal - 1;
    } catch {
      // It stays, empty; its name is not used again.
    }
  }

  async #leaveFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    // What was written to it and not flushed is still in line.
    this.#written = 0;
    await file?.close().catch(() => {});
  }
}
