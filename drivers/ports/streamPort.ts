import type { Duplex } from 'node:stream';
import { CardpadError } from '../../protocol/errors.js';
import type { Port } from './port.js';

/** How the stream under a port ends: it says so by `close`, which every Node stream and `serialport` emit. */
export interface StreamEnd {
  /** Begins to close the stream. Its `close` event follows, or else `gone` is called, where no such event will come. */
  shut(gone: () => void): void;
}

function portClosed(name: string, cause?: unknown): CardpadError {
  return new CardpadError('port.closed', 'reconnect', `The connection to ${name} is closed.`, { cause });
}

/** A port over a Node stream: what a socket and a serial line do alike. */
export class StreamPort implements Port {
  #onData: (bytes: Uint8Array) => void = () => {};
  #onClose: (cause: Error | undefined) => void = () => {};
  #state: 'open' | 'closing' | 'closed' = 'open';
  #cause: Error | undefined;
  readonly #abandoned = new Set<(cause: CardpadError) => void>();
  readonly #whenClosed: Promise<void>;
  #resolveClosed: () => void = () => {};

  constructor(
    readonly name: string,
    private readonly stream: Duplex,
    private readonly end: StreamEnd,
  ) {
    stream.on('data', (bytes: Uint8Array) => {
      if (this.#state === 'open') this.#onData(bytes);
    });
    stream.on('error', (error: Error) => this.fail(error));
    stream.on('end', () => this.fail(new Error('the other end closed the connection')));
    this.#whenClosed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    stream.once('close', (cause?: Error | boolean | null) => {
      if (cause instanceof Error) this.#cause ??= cause;
      else if (this.#state === 'open') this.#cause ??= new Error('the connection broke');
      this.#closed();
    });
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#state !== 'open') return Promise.reject(portClosed(this.name, this.#cause));
    return new Promise((resolve, reject) => {
      // A stream that is closed in the middle of a write may never call back; closing rejects what is left.
      this.#abandoned.add(reject);
      this.stream.write(bytes, (error) => {
        this.#abandoned.delete(reject);
        if (error) reject(portClosed(this.name, error));
        else resolve();
      });
    });
  }

  onData(listener: (bytes: Uint8Array) => void): void {
    this.#onData = listener;
  }

  onClose(listener: (cause: Error | undefined) => void): void {
    this.#onClose = listener;
    // The line may have dropped between opening and listening: that listener must hear of it too.
    if (this.#state === 'closed') queueMicrotask(() => listener(this.#cause));
  }

  close(): Promise<void> {
    this.#shut();
    return this.#whenClosed;
  }

  /** The far side or the system ended it. */
  fail(cause: Error): void {
    if (this.#state !== 'open') return;
    this.#cause = portClosed(this.name, cause);
    this.#shut();
  }

  #shut(): void {
    if (this.#state !== 'open') return;
    this.#state = 'closing';
    this.end.shut(() => this.#closed());
  }

  #closed(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    for (const reject of this.#abandoned) reject(portClosed(this.name, this.#cause));
    this.#abandoned.clear();
    this.#onClose(this.#cause);
    this.#resolveClosed();
  }
}
