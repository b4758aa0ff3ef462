import type { Clock } from '../platform/clock.js';

/** The wall clock as records tell it. */
export interface RecordTime {
  wallMs(): number;
  /** Whether central has told the time since this start. */
  readonly trusted: boolean;
}

/** No record can be older than the code that writes it: central's time below this is not believed. */
const FLOOR_MS = Date.UTC(2026, 0, 1);
/** Nor as late as this: beyond, a date is no longer 8 digits. */
export const CEILING_MS = Date.UTC(2200, 0, 1);
/** A welcome that took longer says too little about now. */
const MAX_ROUND_TRIP_MS = 5_000;
/** A central whose clock was set right by so much is believed at once. */
const CORRECTION_MS = 3_600_000;

/** Two welcomes that are both as wrong as a round trip allows differ by this: what is more, a clock was set. */
const MOVED_MS = MAX_ROUND_TRIP_MS;

/** What an authenticated welcome said of the time. */
export interface ToldTime {
  /** Central's clock, milliseconds since 1970. */
  readonly wallMs: number;
  /** Monotonic. */
  readonly helloSentMs: number;
  /** Monotonic; before its signature was checked, which takes a while. */
  readonly welcomeCameMs: number;
}

/**
 * What time it is, for records and for the dates on documents. A board without a battery clock boots in 1970 or in
 * the past: until central has told the time, the system's is used and marked as not trusted. Nothing that waits or
 * repeats looks at this clock.
 */
export class TimeKeeper implements RecordTime {
  /** Central's time minus the monotonic clock. */
  #offsetMs: number | undefined;
  readonly #floorMs: number;
  /** Called when central has told the time. */
  onLearned: () => void = () => {};
  /** Called when central told a time that lies before the floor, which is not believed. */
  onTooEarly: (wallMs: number) => void = () => {};

  /** @param floorMs the latest time that was ever certain here, milliseconds since 1970; 0 where none is known */
  constructor(
    private readonly clock: Clock,
    floorMs = 0,
  ) {
    this.#floorMs = Math.min(CEILING_MS, Math.max(FLOOR_MS, floorMs));
  }

  get trusted(): boolean {
    return this.#offsetMs !== undefined;
  }

  /**
   * Takes central's word for the time, unless it took too long or says what cannot be.
   * @returns whether records are to say so: the time was not known in this start, or has moved against the monotonic
   *   clock by more than welcomes differ
   */
  learn({ wallMs, helloSentMs, welcomeCameMs }: ToldTime): boolean {
    const tookMs = welcomeCameMs - helloSentMs;
    if (tookMs > MAX_ROUND_TRIP_MS || wallMs < FLOOR_MS || wallMs > CEILING_MS) return false;
    if (wallMs < this.#floorMs - CORRECTION_MS) {
      this.onTooEarly(wallMs);
      return false;
    }
    const before = this.#offsetMs;
    // Central looked at its clock somewhere on the way: half-way is wrong by half the round trip at most.
    this.#offsetMs = wallMs - (helloSentMs + tookMs / 2);
    this.onLearned();
    return before === undefined || Math.abs(this.#offsetMs - before) > MOVED_MS;
  }

  /** Milliseconds since 1970: central's time, or else the system's, which is not believed below the floor. */
  wallMs(): number {
    const isTold = this.#offsetMs !== undefined;
    const believed = isTold ? this.clock.monotonicMs() + (this.#offsetMs ?? 0) : this.clock.wallMs();
    return Math.min(CEILING_MS, Math.max(isTold ? FLOOR_MS : this.#floorMs, believed));
  }

  /** The day in China, where the documents' dates count (UTC+8 all year): `YYYYMMDD`. */
  today(): string {
    const CHINA_OFFSET_MS = 8 * 3600 * 1000;
    return new Date(this.wallMs() + CHINA_OFFSET_MS).toISOString().slice(0, 10).replaceAll('-', '');
  }
}
