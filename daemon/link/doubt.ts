import type { Clock } from '../../platform/clock.js';

/** A hello that was sent before central came up went to nobody; one that it took is answered within this. */
export const COMING_UP_MS = 1_000;
/** A doubt costs central three SM2 operations: over time at most one in this time, and a few at once. */
const DOUBT_EVERY_MS = 30_000;
const DOUBTS_AT_ONCE = 6;

/**
 * Whether central may not be able to open our ticket any more, and how soon a hello may find that out. Anybody can
 * make a gate doubt, who invents starts of central or loses its questions; so the hellos of doubt have a budget.
 */
export class Doubt {
  #sinceMs: number | undefined;
  /** The hello sent last. */
  #sentMs = 0;
  #sentInDoubt = false;
  /** It has no welcome so far, perhaps on an earlier connection. */
  #isUnanswered = false;
  /** When the doubts so far would have been due, had they come one at a time. */
  #dueMs = 0;

  constructor(private readonly clock: Clock) {}

  /** A session whose hello is newer than the doubt ends it. */
  get holds(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** Whether the hello sent last is newer than the doubt. */
  get isGreeted(): boolean {
    return this.#sinceMs !== undefined && this.#sentMs >= this.#sinceMs;
  }

  /** Whether the budget has room for one more. */
  get mayGrow(): boolean {
    return this.clock.monotonicMs() >= this.#roomMs;
  }

  /**
   * When a hello of doubt may go, on the monotonic clock. One that nobody has answered cost nobody anything, and need
   * not be waited for as long.
   */
  get mayGreetMs(): number {
    return this.#isUnanswered ? this.#sentMs + COMING_UP_MS : this.#roomMs;
  }

  /** A question or a batch had no answer; a doubt that holds goes on. */
  begin(): void {
    this.#sinceMs ??= this.clock.monotonicMs();
  }

  /** A central came up: what was sent before went to one that is gone. */
  beginAnew(): void {
    this.#sinceMs = this.clock.monotonicMs();
  }

  sent(): void {
    this.#sentMs = this.clock.monotonicMs();
    this.#sentInDoubt = this.holds;
    this.#isUnanswered = true;
  }

  /** The hello sent last has its welcome. Paid for now: before, it may have cost nobody anything. */
  answered(): void {
    this.#isUnanswered = false;
    // Also where the doubt has begun anew since: else whoever renews it in time would pay nothing.
    if (this.#sentInDoubt) this.#dueMs = Math.max(this.#dueMs, this.clock.monotonicMs()) + DOUBT_EVERY_MS;
    if (this.isGreeted) this.#sinceMs = undefined;
  }

  get #roomMs(): number {
    return this.#dueMs - (DOUBTS_AT_ONCE - 1) * DOUBT_EVERY_MS;
  }
}
