import type { Cancel, Clock } from '../../platform/clock.js';
import type { Disk } from '../../platform/disk.js';
import type { Log } from '../../platform/log.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import { classNameOf, type DroppedFacts } from '../../protocol/journal/record.js';
import type { TapId } from '../../protocol/wire/messages.js';
import { fits, nextStep, type RoomLimits, type RoomStep, type SegmentFacts } from './room.js';
import { acknowledgedSegments, endIn, RECORDS_A_SEGMENT, type Segment } from './segments.js';
import { factsOf, type SegmentRange, thinned } from './thinning.js';

export interface RoomKeeperOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RoomLimits;
  /** All segments, oldest first; the last one is being written. */
  readonly segments: () => readonly Segment[];
  /** Central has everything up to here. */
  readonly acknowledged: () => TapId;
  /** False when it stays for the next time. */
  readonly remove: (segment: Segment) => Promise<boolean>;
  /** False when the segment is gone meanwhile. */
  readonly replace: (segment: Segment, bytes: Buffer) => Promise<boolean>;
  /** Records what is about to go; resolves when that is durable. */
  readonly declare: (facts: DroppedFacts) => Promise<void>;
  /** The journal begins to drop what central does not have, or has room again. */
  readonly onDropping: (dropping: boolean) => void;
}

/** A flush may carry 64 records beyond the count at which a segment closes. */
const MOST_RECORDS_A_SEGMENT = RECORDS_A_SEGMENT + 64;
/** Kept free for the segment that is being written. A record of one scheme takes 0.7 KB. */
const SEGMENT_BYTES = MOST_RECORDS_A_SEGMENT * 1_000;
/** A segment of the longest records: as long as all of them together fit, none needs a look. */
const LONGEST_SEGMENT_BYTES = MOST_RECORDS_A_SEGMENT * 2_500;
/** Behind the tap that began a new segment. */
const SOON_MS = 1_000;
/** Behind a start: central may say first what it has, and take what waits. */
const FIRST_LOOK_MS = 10_000;
/** After each segment that was read: the disk and the processor belong to the cards. */
const REST_MS = 20;
/**
 * There is room again once central lacks less than this part of the limits. What goes at once is a class of one
 * segment, which is less than the other half: no to and fro at every segment.
 */
const ROOM_AGAIN = 0.5;

/** What is known of a segment without asking central. */
type Contents = Omit<SegmentFacts, 'acknowledged'>;

/**
 * Keeps the journal within its limits, beside everything else and never on the way of a tap: looks when a new segment
 * was begun, and removes or thins out older ones.
 */
export class RoomKeeper {
  readonly #contents = new Map<string, Contents>();
  /** Those of them that could not be read at the last look. */
  readonly #unread = new Set<string>();
  /** What was declared already, should the replacing have failed. */
  readonly #declared = new Set<string>();
  readonly #limits: RoomLimits;
  readonly #notBeforeMs: number;
  #dropping = false;
  #saidFull = false;
  #working: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #cancel: Cancel | undefined;
  #wake: () => void = () => {};

  constructor(private readonly options: RoomKeeperOptions) {
    const { maxRecords, maxBytes } = options.limits;
    this.#notBeforeMs = options.clock.monotonicMs() + FIRST_LOOK_MS;
    this.#limits = { maxRecords: maxRecords - MOST_RECORDS_A_SEGMENT, maxBytes: maxBytes - SEGMENT_BYTES };
  }

  /** Whether records that central does not have are being dropped. */
  get dropping(): boolean {
    return this.#dropping;
  }

  /** There may be too much, or room again. */
  check(): void {
    if (this.#stopped || this.#cancel !== undefined) return;
    const { clock } = this.options;
    const waitMs = Math.max(SOON_MS, this.#notBeforeMs - clock.monotonicMs());
    this.#cancel = clock.schedule(waitMs, () => {
      this.#cancel = undefined;
      this.#run();
    });
  }

  /** A segment is gone from the disk. */
  forget({ name }: Segment): void {
    this.#contents.delete(name);
    this.#unread.delete(name);
  }

  /** Resolves when nothing of it goes on any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    this.#wake();
    await this.#working;
  }

  #run(): void {
    if (this.#stopped) return;
    if (this.#working !== undefined) {
      this.#again = true;
      return;
    }
    this.#working = this.#make()
      .catch((thrown) => {
        // A disk that fails is told of by the writer; the next segment is another try.
        this.options.log.debug('cannot make room', { problem: codeOf(thrown) ?? messageOf(thrown) });
      })
      .finally(() => {
        this.#working = undefined;
        if (this.#again) this.check();
        this.#again = false;
      });
  }

  async #make(): Promise<void> {
    if (!this.#couldBeFull()) return this.#setDropping(false);
    for (const name of this.#unread) this.#contents.delete(name);
    this.#unread.clear();
    while (!this.#stopped) {
      const closed = await this.#surveyed();
      const step = nextStep(
        closed.map(({ facts }) => facts),
        this.#limits,
      );
      if (step === undefined) return this.#settle(closed.map(({ facts }) => facts));
      const segment = closed[step.at]?.segment;
      if (segment === undefined || !(await this.#take(step, segment))) return;
      await this.#rest(REST_MS);
    }
  }

  /** Most journals are far from full, and their number of files says so. */
  #couldBeFull(): boolean {
    const { limits, segments } = this.options;
    const { length } = segments();
    return (
      length * MOST_RECORDS_A_SEGMENT > limits.maxRecords || length * LONGEST_SEGMENT_BYTES > limits.maxBytes
    );
  }

  /** The closed segments with what they hold; each is read once. */
  async #surveyed(): Promise<{ readonly segment: Segment; readonly facts: SegmentFacts }[]> {
    const { segments, acknowledged } = this.options;
    for (const segment of segments().slice(0, -1)) {
      if (this.#stopped) return [];
      if (this.#contents.has(segment.name)) continue;
      const bytes = await this.#read(segment);
      if (bytes !== undefined) this.#contents.set(segment.name, factsOf(bytes, this.#rangeOf(segment)));
      await this.#rest(REST_MS);
    }
    const all = segments();
    const settled = acknowledgedSegments(all, acknowledged());
    return all.slice(0, -1).flatMap((segment, at) => {
      const contents = this.#contents.get(segment.name);
      if (contents === undefined) return [];
      return [{ segment, facts: { ...contents, acknowledged: at < settled } }];
    });
  }

  /** What cannot be read counts for nothing until the next look; central's word can still remove it. */
  async #read({ name }: Segment): Promise<Buffer | undefined> {
    try {
      return await this.options.disk.read(name);
    } catch (thrown) {
      this.options.log.debug('cannot read', { segment: name, problem: codeOf(thrown) ?? messageOf(thrown) });
      this.#contents.set(name, { bytes: 0, counts: [] });
      this.#unread.add(name);
      return undefined;
    }
  }

  #rangeOf(segment: Segment): SegmentRange {
    const all = this.options.segments();
    const endBefore = endIn(all, all.indexOf(segment)) ?? Number.POSITIVE_INFINITY;
    return { epoch: segment.epoch, first: segment.first, endBefore };
  }

  async #take(step: RoomStep, segment: Segment): Promise<boolean> {
    if (step.kind === 'thin') return this.#thin(segment, step.class);
    this.#contents.delete(segment.name);
    return this.options.remove(segment);
  }

  async #thin(segment: Segment, value: number): Promise<boolean> {
    const { log, replace, declare } = this.options;
    this.#setDropping(true);
    const range = this.#rangeOf(segment);
    const whole = await this.#read(segment);
    if (whole === undefined) return true;
    const { bytes, dropped } = await thinned(whole, range, value, () => this.#rest(1));
    if (this.#stopped) return false;
    // It holds what was found now, and not what was found before.
    this.#contents.delete(segment.name);
    if (dropped === undefined) return true;
    const { first, last, count } = dropped;
    const name = classNameOf(value);
    const key = `${segment.name} ${name}`;
    if (!this.#declared.has(key)) {
      // Before it is done: what is gone is never gone without a word.
      await declare({ epoch: segment.epoch, first, last, counts: { [name]: count }, reason: 'room' });
      this.#declared.add(key);
    }
    if (this.#stopped || !(await replace(segment, bytes))) return false;
    this.#declared.delete(key);
    this.#contents.set(segment.name, factsOf(bytes, range));
    log.warn('records dropped for want of room', {
      from: `${segment.epoch}/${first}`,
      to: `${segment.epoch}/${last}`,
      [name]: count,
    });
    return true;
  }

  /** Nothing more can be done, or needs to be. */
  #settle(closed: readonly SegmentFacts[]): void {
    const isFull = !fits(closed, this.#limits);
    if (isFull && !this.#saidFull)
      this.options.log.error('the journal is over its limit and nothing in it may go');
    this.#saidFull = isFull;
    const { maxRecords, maxBytes } = this.#limits;
    const needed = closed.filter(({ acknowledged }) => !acknowledged);
    if (fits(needed, { maxRecords: ROOM_AGAIN * maxRecords, maxBytes: ROOM_AGAIN * maxBytes }))
      this.#setDropping(false);
  }

  #setDropping(dropping: boolean): void {
    if (this.#dropping === dropping) return;
    this.#dropping = dropping;
    this.options.onDropping(dropping);
  }

  async #rest(forMs: number): Promise<void> {
    if (this.#stopped) return;
    await new Promise<void>((resolve) => {
      const cancel = this.options.clock.schedule(forMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}
