import type { Cancel, Clock } from '../../platform/clock.js';

/** A wait that can be ended early, and then for good; one at a time. */
export class Pause {
  #cancel: Cancel = () => {};
  #resume: () => void = () => {};
  #ended = false;

  constructor(private readonly clock: Clock) {}

  for(ms: number): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#resume = resolve;
      this.#cancel = this.clock.schedule(ms, resolve);
    });
  }

  /** Ends the wait that is going on, if there is one, and every later one at its beginning. */
  end(): void {
    this.#ended = true;
    this.#cancel();
    this.#resume();
  }
}
