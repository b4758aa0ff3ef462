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
/** How long a disk that fails is left alone before the next try. */
const RETRY_MS = 1_000;
/** Records kept in memory while the disk fails; about 2 MB. */
const MAX_PENDING = 2_000;

const notOnDisk = (cause?: unknown) =>
  new CardpadError('journal.write', 'retry', 'the record is not on disk', { cause });

/**
 * Puts frames on disk in order, all that wait with one flush (group commit). A failed write or flush is never tried
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
  readonly #pending: PendingFrame[] = [];
  #running: Promise<void> | undefined;
  #cancelRetry: Cancel = () => {};
  #failing = false;

  constructor(
    private readonly disk: Disk,
    private readonly epoch: number,
    private readonly clock: Clock,
    private readonly log: Log,
    private readonly events: WriterEvents,
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
    while (this.#running !== undefined) await this.#running;
  }

  /** Ends with one last try at what a failing disk has left in line. */
  async close(): Promise<void> {
    await this.idle();
    this.#cancelRetry();
    if (this.#pending.length > 0) {
      await this.#drain();
      this.#cancelRetry();
    }
    if (this.#pending.length > 0) this.log.error('records lost', { records: this.#pending.length });
    for (const { settle } of this.#pending) settle(notOnDisk());
    await this.#leaveFile();
  }

  #run(): void {
    if (this.#running !== undefined) return;
    this.#running = this.#drain().finally(() => {
      this.#running = undefined;
      if (this.#pending.length > 0 && !this.#failing) this.#run();
    });
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const group = this.#nextGroup();
      try {
        await this.#commit(group);
      } catch (thrown) {
        if (FULL.includes(codeOf(thrown) ?? '') && (await this.events.onFull())) {
          await this.#abandonFile();
          continue;
        }
        await this.#giveUp(thrown);
        return;
      }
      this.#pending.splice(0, group.length);
      this.durableSeq = group.at(-1)?.seq ?? this.durableSeq;
      for (const { settle } of group) settle(undefined);
      this.events.onDurable();
    }
  }

  /** What goes out with one flush: all of one file. */
  #nextGroup(): readonly PendingFrame[] {
    const waiting = this.#pending.slice(0, MAX_GROUP);
    const next = waiting.findIndex(({ begins }, at) => at > 0 && begins === true);
    return next === -1 ? waiting : waiting.slice(0, next);
  }

  async #commit(group: readonly PendingFrame[]): Promise<void> {
    const first = group[0]?.seq ?? 0;
    if (group[0]?.begins === true || this.#inFile >= MOST_IN_FILE) await this.#leaveFile();
    if (this.#file === undefined) {
      this.#file = await this.#createFile(first);
    }
    const bytes = Buffer.concat(group.map((frame) => frame.bytes));
    await this.#file.append(bytes);
    await this.#file.sync();
    this.#inFile += group.length;
    this.#goodBytes += bytes.length;
    if (!this.#failing) return;
    this.log.info('writing again');
    this.#failing = false;
    this.events.onFailing(false);
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
    await file?.close().catch(() => {});
  }
}
