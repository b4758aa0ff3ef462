import { type Log, silentLog } from '../log.js';
import { busyError, closedError } from './failures.js';
import { type Sm2Call, type Sm2Service, sm2ServiceOver } from './service.js';
import { type Job, Sm2Thread } from './thread.js';

const DEFAULT_MAX_QUEUED = 10_000;

export interface Sm2PoolOptions {
  /** Threads, at least 1; each costs 11 to 15 MiB once it runs. */
  readonly size: number;
  /** Start all threads at once instead of each when it is first needed. A start takes some 50 ms. */
  readonly eager?: boolean;
  /** How many calls may wait for a thread; one more is refused with `sm2.busy`. */
  readonly maxQueued?: number;
  readonly log?: Log;
  /** The thread's program, where it does not lie beside this file. */
  readonly workerFile?: URL;
}

/** SM2 on worker threads, first come first served. Keys pass by message and stay in no thread. */
export function createSm2Pool(options: Sm2PoolOptions): Sm2Service {
  const pool = new Sm2Pool(options);
  const call: Sm2Call = (name, ...parameters) =>
    // `Job` holds jobs of all kinds, so that their results are untyped inside the pool.
    new Promise((resolve, reject) =>
      pool.add({ name, parameters, resolve: resolve as (value: unknown) => void, reject }),
    );
  return sm2ServiceOver(call, () => pool.close());
}

class Sm2Pool {
  readonly #size: number;
  readonly #maxQueued: number;
  readonly #log: Log;
  readonly #workerFile: URL;
  readonly #waiting: Job[] = [];
  readonly #threads = new Set<Sm2Thread>();
  #closed = false;

  constructor({ size, eager = false, maxQueued, log, workerFile }: Sm2PoolOptions) {
    this.#size = Math.max(1, size);
    this.#maxQueued = maxQueued ?? DEFAULT_MAX_QUEUED;
    this.#log = log ?? silentLog;
    this.#workerFile = workerFile ?? new URL('./worker.js', import.meta.url);
    while (eager && this.#threads.size < this.#size) this.#start();
  }

  add(job: Job): void {
    if (this.#closed) job.reject(closedError());
    else if (this.#waiting.length >= this.#maxQueued) job.reject(busyError(this.#maxQueued));
    else this.#waiting.push(job);
    this.#dispatch();
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.reject(closedError());
    for (const thread of this.#threads) thread.fail(closedError());
    await Promise.all([...this.#threads].map((thread) => thread.end()));
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) return;
      const job = this.#waiting.shift();
      if (job !== undefined) thread.run(job);
    }
  }

  #freeThread(): Sm2Thread | undefined {
    for (const thread of this.#threads) {
      if (thread.isFree) return thread;
    }
    return this.#threads.size < this.#size ? this.#start() : undefined;
  }

  #start(): Sm2Thread {
    const thread = new Sm2Thread(
      this.#workerFile,
      () => this.#dispatch(),
      (gone, cause) => this.#onGone(gone, cause),
    );
    this.#threads.add(thread);
    return thread;
  }

  /** A new thread is started for work that waits, not at once: one that dies on starting must not spin. */
  #onGone(thread: Sm2Thread, cause: Error): void {
    this.#threads.delete(thread);
    if (this.#closed) return;
    this.#log.warn('thread died', { cause: cause.message });
    this.#dispatch();
  }
}
