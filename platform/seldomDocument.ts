import type { Low } from 'lowdb';
import { codeOf, messageOf } from '../protocol/errors.js';
import type { Cancel, Clock } from './clock.js';
import type { Log } from './log.js';

export interface SeldomOptions {
  /** For the log, such as `clock.json`. */
  readonly name: string;
  readonly clock: Clock;
  /** The shortest time between two writes. */
  readonly everyMs: number;
  readonly log: Log;
}

/**
 * Writes a small document behind what changes: a write is four flushes, which nothing that happens often may cost. A
 * crash loses what the last `everyMs` brought.
 */
export class SeldomDocument<T> {
  #isStale = false;
  #isFailing = false;
  #writing: Promise<void> = Promise.resolve();
  #cancel: Cancel | undefined;

  constructor(
    private readonly document: Low<T>,
    private readonly options: SeldomOptions,
  ) {}

  get data(): T {
    return this.document.data;
  }

  /** Takes effect at once for who asks here, and on disk within `everyMs`. */
  set(data: T): void {
    this.document.data = data;
    this.#isStale = true;
    this.#cancel ??= this.options.clock.schedule(this.options.everyMs, () => {
      this.#cancel = undefined;
      void this.#write();
    });
  }

  /** Writes what is not written yet, behind what is being written. Never throws. */
  async close(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    await this.#write();
  }

  /** One at a time, so that who waits for this one has waited for those before it. */
  #write(): Promise<void> {
    this.#writing = this.#writing.then(() => this.#writeStale());
    return this.#writing;
  }

  async #writeStale(): Promise<void> {
    if (!this.#isStale) return;
    this.#isStale = false;
    try {
      await this.document.write();
      this.#isFailing = false;
    } catch (thrown) {
      // The next change, or the end, tries again. Said once: a disk that is full stays full.
      this.#isStale = true;
      if (this.#isFailing) return;
      this.#isFailing = true;
      const { name, log } = this.options;
      log.warn('document not written', { name, problem: codeOf(thrown) ?? messageOf(thrown) });
    }
  }
}
