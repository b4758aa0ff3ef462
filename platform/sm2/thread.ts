import { Worker } from 'node:worker_threads';
import { fromPosted, type PostedFailure, workerError } from './failures.js';
import type { Sm2Operations } from './operations.js';

export interface ThreadRequest {
  readonly name: keyof Sm2Operations;
  readonly parameters: readonly unknown[];
}

export type ThreadReply = { readonly value: unknown } | { readonly failure: PostedFailure };

export interface Job extends ThreadRequest {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

// Big integers live briefly: 2 MiB for the young saves 7 MiB of the process and no time that shows (measured). A message
// of 64 KiB, the longest, fits.
const MEMORY = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 };

/** One worker thread with at most one job, so that its death costs one job. It holds the process only while it works. */
export class Sm2Thread {
  readonly #worker: Worker;
  #job: Job | undefined;
  #cause: Error | undefined;

  /**
   * @param onFree called after each job
   * @param onGone called once, when the thread has ended, for whatever reason
   */
  constructor(file: URL, onFree: () => void, onGone: (thread: Sm2Thread, cause: Error) => void) {
    // The process's own flags (a loader, an inspector, --input-type) are not meant for this small program.
    this.#worker = new Worker(file, { name: 'sm2', execArgv: [], resourceLimits: MEMORY });
    // Before it runs, a thread cannot be let go of for good.
    this.#worker.on('online', () => this.#letGo());
    this.#worker.on('message', (reply: ThreadReply) => {
      this.#settle(reply);
      onFree();
    });
    this.#worker.on('error', (cause) => {
      this.#cause = cause instanceof Error ? cause : new Error('the thread threw what is no error');
    });
    // A reply that cannot be read would leave its job waiting for ever.
    this.#worker.on('messageerror', () => void this.#worker.terminate());
    this.#worker.on('exit', (exitCode) => {
      const cause = this.#cause ?? new Error(`exit code ${exitCode}`);
      this.fail(workerError(cause));
      onGone(this, cause);
    });
  }

  get isFree(): boolean {
    return this.#job === undefined;
  }

  run(job: Job): void {
    this.#job = job;
    this.#worker.ref();
    const request: ThreadRequest = { name: job.name, parameters: job.parameters };
    // Given away, not copied: what was copied on the way would stay behind in memory that nobody overwrites.
    const given = job.parameters.flatMap((one) => (one instanceof Uint8Array ? [one.buffer] : []));
    this.#worker.postMessage(request, given as ArrayBuffer[]);
  }

  /** Rejects the job that it has, if any. */
  fail(error: Error): void {
    this.#take()?.reject(error);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(reply: ThreadReply): void {
    const job = this.#take();
    if ('failure' in reply) job?.reject(fromPosted(reply.failure));
    else job?.resolve(reply.value);
  }

  #take(): Job | undefined {
    const job = this.#job;
    this.#job = undefined;
    this.#letGo();
    return job;
  }

  #letGo(): void {
    if (this.isFree) this.#worker.unref();
  }
}
