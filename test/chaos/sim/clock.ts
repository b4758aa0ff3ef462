import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Random } from '../../../drivers/simulated/random.js';
import type { Cancel, Clock } from '../../../platform/clock.js';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly call: () => void;
}

/** Real file operations, which central's folder still needs, and what follows from them. */
const BUSY = /^FSReq|^CloseReq|^Immediate/;
const isBusy = () => process.getActiveResourcesInfo().some((resource) => BUSY.test(resource));

/** Lets everything happen that needs no simulated time: promises, and real file operations to their end. */
export async function quiet(): Promise<void> {
  for (let calmTurns = 0; calmTurns < 2; ) {
    await nextTurn();
    calmTurns = isBusy() ? 0 : calmTurns + 1;
  }
}

/** A number in [from, to). */
export function between(random: Random, from: number, to: number): number {
  return from + (random() / 2 ** 32) * (to - from);
}

export const chance = (random: Random, probability: number): boolean => random() / 2 ** 32 < probability;

/** Simulated time: events in order, and between two of them the process comes to rest. */
export class SimTime {
  #nowMs = 0;
  #order = 0;
  /** By time, then by order of asking; the next one last. */
  readonly #due: Due[] = [];

  /** @param onThrown told what an event threw, which would have ended a real process */
  constructor(private readonly onThrown: (thrown: unknown) => void) {}

  /** Milliseconds since the day began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, call: () => void): Cancel {
    const due: Due = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, call };
    let low = 0;
    let high = this.#due.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#due[middle];
      // The next one stands last, and of two at one time the older one is next.
      if (other !== undefined && other.atMs > due.atMs) low = middle + 1;
      else high = middle;
    }
    this.#due.splice(low, 0, due);
    return () => {
      const at = this.#due.indexOf(due);
      if (at !== -1) this.#due.splice(at, 1);
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** Makes events happen until it is done or so much simulated time has passed; false in the second case. */
  async run(isDone: () => boolean, withinMs: number): Promise<boolean> {
    const endMs = this.#nowMs + withinMs;
    for (;;) {
      await quiet();
      if (isDone()) return true;
      const next = this.#due.at(-1);
      if (next === undefined || next.atMs > endMs) {
        this.#nowMs = endMs;
        return false;
      }
      this.#due.pop();
      this.#nowMs = next.atMs;
      try {
        next.call();
      } catch (thrown) {
        this.onThrown(thrown);
      }
    }
  }
}

/** What a machine keeps when a process on it dies. */
export interface Machine {
  /** Simulated time at which it was switched on. */
  readonly bootAtMs: number;
  /** 16 hex characters. */
  readonly bootId: string;
  /** How its wall clock stands to simulated time; may be set at any moment. */
  wallOffsetMs: number;
}

/** A clock without any jitter, for what is no process: a module's UART, a person's hand. */
export const exactClock = (time: SimTime): Clock => ({
  monotonicMs: () => time.nowMs,
  wallMs: () => time.nowMs,
  schedule: (delayMs, call) => time.after(delayMs, call),
});

/** Node's timers fire up to so much before the monotonic clock says that they are due. */
const EARLY_MS = 0.9;
const LATE_MS = 2;
/** The clock of one life of a process: when that life ends, none of its timers fires any more. */
export class LifeClock implements Clock {
  #alive = true;

  constructor(
    readonly time: SimTime,
    readonly machine: Machine,
    private readonly random: Random,
  ) {}

  get alive(): boolean {
    return this.#alive;
  }

  monotonicMs(): number {
    return this.time.nowMs - this.machine.bootAtMs;
  }

  wallMs(): number {
    return Math.floor(this.time.nowMs + this.machine.wallOffsetMs);
  }

  schedule(delayMs: number, call: () => void): Cancel {
    const awryMs = between(this.random, -EARLY_MS, LATE_MS);
    return this.time.after(delayMs + awryMs, () => this.enter(call));
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.time.after(ms, () => this.enter(resolve));
    });
  }

  /** Calls into the process, if it still lives. */
  enter(call: () => void): void {
    if (this.#alive) call();
  }

  kill(): void {
    this.#alive = false;
  }
}
