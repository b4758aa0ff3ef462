import type { Cancel, Clock } from '../../platform/clock.js';
import { RECORDS_A_SEGMENT } from './segments.js';

/** A segment that holds sealed records closes so long after the first of them. */
const SEGMENT_MS = 10 * 60_000;

export interface OpenSegmentEvents {
  /** Half of it is used: what the next one needs can be made ready. */
  readonly onHalf: () => void;
  readonly onOver: () => void;
}

/**
 * When the segment that is being written is over: at 256 records, or ten minutes after its first sealed one. A gate at
 * which nobody comes has none, and closes nothing.
 */
export class OpenSegment {
  #records = 0;
  #isHalf = false;
  #isOver = false;
  #cancel: Cancel | undefined;

  constructor(
    private readonly clock: Clock,
    private readonly events: OpenSegmentEvents,
  ) {}

  get isOver(): boolean {
    return this.#isOver;
  }

  /** A new one begins. */
  begin(): void {
    this.stop();
    this.#records = 0;
    this.#isHalf = false;
    this.#isOver = false;
  }

  /** A record was appended to it. */
  note(isSealed: boolean): void {
    this.#records += 1;
    if (isSealed) this.#cancel ??= this.clock.schedule(SEGMENT_MS / 2, () => this.#halfTime());
    if (this.#records >= RECORDS_A_SEGMENT / 2) this.#half();
    if (this.#records >= RECORDS_A_SEGMENT) this.#over();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #halfTime(): void {
    this.#half();
    this.#cancel = this.clock.schedule(SEGMENT_MS / 2, () => this.#over());
  }

  #half(): void {
    if (this.#isHalf) return;
    this.#isHalf = true;
    this.events.onHalf();
  }

  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.events.onOver();
  }
}
