import type { Low } from 'lowdb';
import { codeOf, messageOf } from '../protocol/errors.js';
import type { Cancel, Clock } from './clock.js';
import type { Log } from './log.js';

export interface SeldomOptions {
  readonly clock: Clock;
  /** The shortest time between two writes. */
  readonly everyMs: number;
  /**
   * A write has failed, and is tried again at the next change, or at the end.
   * @param again so had the one before
   */
  readonly onFailure: (thrown: unknown, again: boolean) => void;
}

/** Tells of a failure once, since a disk that is full stays full. @param name such as `clock.json` */
export function sayOnce(name: string, log: Log): SeldomOptions['onFailure'] {
  return (thrown, again) => {
    if (!again) log.warn('document not written', { name, problem: codeOf(thrown) ?? messageOf(thrown) });
  };
}

/**
 * Writes a small document behind what changes: a write is four flushes, which nothing that happens often may cost. A
 * crash loses what the last `everyMs` brought.
 */
export class SeldomDocument<T> {
  /** What is to be written and is not yet. */
  #next: (() => T) | undefined;
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
    this.changed(() => data);
  }

  /** The same for what is made from something larger: `make` is called when it is written. */
  changed(make: () => T): void {
    this.#next = make;
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
    const make = this.#next;
    if (make === undefined) return;
    this.#next = undefined;
    this.document.data = make();
    try {
      await this.document.write();
      this.#isFailing = false;
    } catch (thrown) {
      // Unless there is something newer already.
      this.#next ??= make;
      this.options.onFailure(thrown, this.#isFailing);
      this.#isFailing = true;
    }
  }
}
