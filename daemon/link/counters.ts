import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';

/** A flood of one kind is one line in this time. */
const LOG_AGAIN_MS = 60_000;

/** Counts what was dropped, by reason, and logs each reason at most once a minute: a flood must not fill a disk. */
export class DropCounters {
  readonly #counts = new Map<string, number>();
  readonly #loggedMs = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** @param reason one of our own words, never input: there are few of them */
  drop(reason: string): void {
    const total = (this.#counts.get(reason) ?? 0) + 1;
    this.#counts.set(reason, total);
    const nowMs = this.clock.monotonicMs();
    if (nowMs - (this.#loggedMs.get(reason) ?? Number.NEGATIVE_INFINITY) < LOG_AGAIN_MS) return;
    this.#loggedMs.set(reason, nowMs);
    this.log.warn('message dropped', { reason, total });
  }

  get(reason: string): number {
    return this.#counts.get(reason) ?? 0;
  }
}
