import { CardpadError } from '../../protocol/errors.js';
import type { Port } from '../ports/port.js';

class PairEnd implements Port {
  #onData: (bytes: Uint8Array) => void = () => {};
  #onClose: (cause: Error | undefined) => void = () => {};
  #state: 'open' | 'closing' | 'closed' = 'open';
  #cause: Error | undefined;
  #other: PairEnd | undefined;
  #told: () => void = () => {};
  readonly #whenClosed = new Promise<void>((resolve) => {
    this.#told = resolve;
  });

  constructor(readonly name: string) {}

  join(other: PairEnd): void {
    this.#other = other;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(this.#error());
    const copy = Uint8Array.from(bytes);
    queueMicrotask(() => this.#other?.deliver(copy));
    return Promise.resolve();
  }

  deliver(bytes: Uint8Array): void {
    if (this.#state === 'open') this.#onData(bytes);
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#onData = listener;
  }

  onClose(listener: (cause: Error | undefined) => void): void {
    this.#onClose = listener;
    if (this.#state === 'closed') queueMicrotask(() => listener(this.#cause));
  }

  close(): Promise<void> {
    this.shut(undefined);
    return this.#whenClosed;
  }

  shut(cause: Error | undefined): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.#cause = cause;
    // Behind what was written before, so that the far end hears it all and then the end.
    queueMicrotask(() => {
      this.#state = 'closed';
      this.#onClose(cause);
      this.#told();
      this.#other?.shut(this.#error());
    });
  }

  #error(): CardpadError {
    return new CardpadError('port.closed', 'reconnect', `The connection to ${this.name} is closed.`);
  }
}

/** Two ports joined in memory: what goes into one comes out of the other, in order, a microtask later. */
export function portPair(): { readonly near: Port; readonly far: Port } {
  const near = new PairEnd('pair:near');
  const far = new PairEnd('pair:far');
  near.join(far);
  far.join(near);
  return { near, far };
}
