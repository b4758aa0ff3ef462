import * as v from 'valibot';
import type { Cancel, Clock } from '../platform/clock.js';
import type { Disk } from '../platform/disk.js';
import type { Log } from '../platform/log.js';
import { SeldomDocument, sayOnce } from '../platform/seldomDocument.js';
import { codeOf, messageOf } from '../protocol/errors.js';
import { count } from '../protocol/wire/json.js';
import { type OpenDocument, openUnneeded } from './documents.js';
import { newestTrustedMs } from './journal/newestTime.js';
import { CEILING_MS, type TimeKeeper } from './time.js';

const FILE = 'clock.json';
/** So far must time have gone on before it is written down anew: at most once an hour, also over many starts. */
const STEP_MS = 3_600_000;
/** Behind the welcome that told the time, so that its flushes meet no tap that waited for it. */
const WRITE_BEHIND_MS = 5_000;

const FloorSchema = v.strictObject({
  v: v.literal(1),
  /** Milliseconds since 1970. */
  floorMs: v.pipe(count(), v.maxValue(CEILING_MS)),
});
type Floor = v.InferOutput<typeof FloorSchema>;

export interface ClockFloorOptions {
  readonly openDocument: OpenDocument;
  readonly journalDisk: Disk;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The latest time that this gate has known for certain: no start believes in an earlier one. A board without a battery
 * clock begins there, and a central that has lost its own clock is not believed.
 *
 * Kept in `clock.json`. Where that is missing or damaged, the newest record whose time was certain stands in for it. A
 * document that can be read has the last word, so that somebody can set it back after a central had told a far future.
 */
export class ClockFloor {
  #cancel: Cancel | undefined;
  #time: TimeKeeper | undefined;

  private constructor(
    /** Milliseconds since 1970 as this start has found it; 0 where nothing is known. */
    readonly startMs: number,
    private readonly document: SeldomDocument<Floor> | undefined,
    private readonly clock: Clock,
  ) {}

  /** Never throws: a gate without a floor is a gate all the same. */
  static async open({ openDocument, journalDisk, clock, log }: ClockFloorOptions): Promise<ClockFloor> {
    const document = await openUnneeded<Floor>(openDocument, FILE, FloorSchema, { v: 1, floorMs: 0 }, log);
    const written = document?.data.floorMs ?? 0;
    const startMs = written > 0 ? written : await fromRecords(journalDisk, log);
    const source = written > 0 ? FILE : startMs > 0 ? 'newest record' : 'none';
    log.info('clock floor', { source, ...(startMs > 0 ? { at: new Date(startMs).toISOString() } : {}) });
    const seldom =
      document &&
      new SeldomDocument(document, { clock, everyMs: WRITE_BEHIND_MS, onFailure: sayOnce(FILE, log) });
    return new ClockFloor(startMs, seldom, clock);
  }

  /** Goes along with the time that central tells from here on. */
  follow(time: TimeKeeper): void {
    this.#time = time;
    time.onLearned = () => this.#look();
  }

  /** Writes the time of the stop. Never throws. */
  async close(): Promise<void> {
    this.#cancel?.();
    this.#raise(1);
    await this.document?.close();
  }

  #look(): void {
    this.#cancel?.();
    this.#raise(STEP_MS);
    this.#cancel = this.clock.schedule(STEP_MS, () => this.#look());
  }

  /** @param leastMs how much higher the floor must be to be worth a write; it never moves back */
  #raise(leastMs: number): void {
    const { document } = this;
    if (document === undefined || this.#time?.trusted !== true) return;
    const floorMs = Math.floor(this.#time.wallMs());
    if (floorMs - document.data.floorMs >= leastMs) document.set({ v: 1, floorMs });
  }
}

async function fromRecords(disk: Disk, log: Log): Promise<number> {
  try {
    return Math.min(CEILING_MS, (await newestTrustedMs(disk)) ?? 0);
  } catch (thrown) {
    // The journal's own start says what is wrong with its folder.
    log.debug('no floor from the records', { problem: codeOf(thrown) ?? messageOf(thrown) });
    return 0;
  }
}
