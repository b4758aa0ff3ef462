/** Stops a scheduled call; harmless after the call was made. */
export type Cancel = () => void;

/**
 * Time, injected. Intervals, deadlines and back-off use the monotonic side only; the wall clock may be wrong by
 * years at boot (a board without a battery clock) and is read for records alone.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back, never jumps. */
  monotonicMs(): number;
  /** Milliseconds since 1970-01-01T00:00:00Z as the system believes it to be. */
  wallMs(): number;
  /** Calls once after `delayMs` (>= 0). A pending call does not keep the process alive. */
  schedule(delayMs: number, call: () => void): Cancel;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  monotonicMs: () => Number(process.hrtime.bigint() / 1000n) / 1000,
  wallMs: () => Date.now(),
  schedule(delayMs, call) {
    const timer = setTimeout(call, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Waits for the end of something, but no longer than that. @throws what the work throws in that time */
export async function within(
  clock: Clock,
  mostMs: number,
  work: Promise<unknown> | undefined,
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const cancel = clock.schedule(mostMs, resolve);
    Promise.resolve(work)
      .then(() => resolve(), reject)
      .finally(cancel);
  });
}

/** A clock that moves only when told to: tests and simulations never sleep. */
export class ManualClock implements Clock {
  #nowMs = 0;
  #nextId = 0;
  readonly #calls = new Map<number, { atMs: number; call: () => void }>();

  /** @param wallStartMs the wall clock's reading at monotonic zero */
  constructor(private readonly wallStartMs = Date.UTC(2026, 0, 1)) {}

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.wallStartMs + this.#nowMs;
  }

  schedule(delayMs: number, call: () => void): Cancel {
    const id = this.#nextId++;
    this.#calls.set(id, { atMs: this.#nowMs + Math.max(0, delayMs), call });
    return () => this.#calls.delete(id);
  }

  /** Moves time on by `byMs`, making every call that falls due, in order, each at its own time. */
  advance(byMs: number): void {
    const endMs = this.#nowMs + byMs;
    for (let due = this.#nextDue(endMs); due !== undefined; due = this.#nextDue(endMs)) {
      this.#calls.delete(due.id);
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.call();
    }
    // A call may have moved time on itself.
    this.#nowMs = Math.max(this.#nowMs, endMs);
  }

  #nextDue(endMs: number): { id: number; atMs: number; call: () => void } | undefined {
    let best: { id: number; atMs: number; call: () => void } | undefined;
    for (const [id, { atMs, call }] of this.#calls) {
      if (atMs <= endMs && (best === undefined || atMs < best.atMs)) best = { id, atMs, call };
    }
    return best;
  }
}
