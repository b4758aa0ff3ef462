import { BoundedMap } from '../../platform/boundedMap.js';
import type { Clock } from '../../platform/clock.js';

/** Twice the SM2 threads keep them busy; more at work would only make each of them late for its gate. */
const AT_WORK = 4;
/** One a device: more than a large fleet has gates. */
const MOST_WAITING = 4_096;
/** A gate waits 5 s for its welcome, and needs some of that to open it: an older hello would be work for nobody. */
const FRESH_MS = 3_500;
const DEVICES_REMEMBERED = 8_192;

export type HelloDrop = 'busy' | 'stale' | 'superseded';

interface Waiting {
  readonly device: string;
  readonly cameMs: number;
  readonly work: () => Promise<void>;
  /** Its turn has come and is over, or never comes. */
  readonly settle: () => void;
}

/**
 * Puts the hellos of a whole fleet in line. Of one device the newest counts, since the gate has given up the others; of
 * all devices the one is next that has asked for longest without being served, so that none of them starves.
 */
export class HelloQueue {
  readonly #waiting = new Map<string, Waiting>();
  readonly #atWork = new Set<string>();
  /** When a device that was not served yet asked first. */
  readonly #askingSinceMs = new BoundedMap<string, number>(DEVICES_REMEMBERED);

  /** @param onDrop told of each hello that is not worked on */
  constructor(
    private readonly clock: Clock,
    private readonly onDrop: (device: string, reason: HelloDrop) => void,
  ) {}

  /**
   * Takes work for a hello that has come.
   * @param work must not throw
   * @returns resolves when it was done or dropped
   */
  add(device: string, work: () => Promise<void>): Promise<void> {
    const cameMs = this.clock.monotonicMs();
    this.#dropStale(cameMs);
    const older = this.#waiting.get(device);
    if (older !== undefined) this.#drop(older, 'superseded');
    return new Promise((settle) => {
      const waiting = { device, cameMs, work, settle };
      if (this.#waiting.size >= MOST_WAITING) return this.#drop(waiting, 'busy');
      if (this.#askingSinceMs.get(device) === undefined) this.#askingSinceMs.set(device, cameMs);
      this.#waiting.set(device, waiting);
      this.#goOn();
    });
  }

  #goOn(): void {
    this.#dropStale(this.clock.monotonicMs());
    while (this.#atWork.size < AT_WORK) {
      const next = this.#next();
      if (next === undefined) return;
      this.#waiting.delete(next.device);
      this.#atWork.add(next.device);
      void next.work().finally(() => {
        this.#atWork.delete(next.device);
        this.#askingSinceMs.delete(next.device);
        next.settle();
        this.#goOn();
      });
    }
  }

  #next(): Waiting | undefined {
    let next: Waiting | undefined;
    let nextSinceMs = Number.POSITIVE_INFINITY;
    for (const waiting of this.#waiting.values()) {
      if (this.#atWork.has(waiting.device)) continue;
      const sinceMs = this.#askingSinceMs.get(waiting.device) ?? waiting.cameMs;
      if (sinceMs >= nextSinceMs) continue;
      next = waiting;
      nextSinceMs = sinceMs;
    }
    return next;
  }

  #dropStale(nowMs: number): void {
    // In order of coming: a newer hello of a device is put in behind.
    for (const waiting of this.#waiting.values()) {
      if (nowMs - waiting.cameMs < FRESH_MS) return;
      this.#drop(waiting, 'stale');
    }
  }

  #drop(waiting: Waiting, reason: HelloDrop): void {
    if (this.#waiting.get(waiting.device) === waiting) this.#waiting.delete(waiting.device);
    this.onDrop(waiting.device, reason);
    waiting.settle();
  }
}
