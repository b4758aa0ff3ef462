import { type Cancel, type Clock, within } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import { type HeadFacts, headBytes } from '../../protocol/journal/signedHead.js';
import type { Place } from '../../protocol/wire/session.js';

/** The device's own key, used where it holds nobody up. */
export interface Signer {
  /** Id of the key, 16 hex characters. */
  readonly id: string;
  /** SM2, r || s in hex. */
  readonly sign: (message: Uint8Array) => Promise<string>;
}

export interface HeadSignerOptions {
  readonly device: string;
  readonly clock: Clock;
  readonly signer: Signer;
  readonly newest: () => Place;
  /** Appends a `head` record. @returns its `seq` @throws CardpadError `journal.full` (retry) */
  readonly append: (facts: HeadFacts) => number;
  readonly log: Log;
}

const AT_MOST_EVERY_MS = 60_000;
/** A stop waits no longer: on a board that is busy with a hello it goes without. */
const SIGN_OFF_WITHIN_MS = 500;

/**
 * Signs the head of the chain now and then: a chain alone can be made anew by whoever has the files, a signature by
 * nobody but the device. No tap waits for it.
 */
export class HeadSigner {
  /** Everything up to here is signed, or is a signature itself. */
  #coveredSeq = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #signing: Promise<void> | undefined;
  #cancel: Cancel | undefined;
  #failed = false;
  #closed = false;

  constructor(private readonly options: HeadSignerOptions) {}

  /** A segment closed: its head is signed now, or with all that follows when a minute has passed since the last one. */
  segmentClosed(): void {
    if (this.#closed || this.#cancel !== undefined) return;
    const { clock } = this.options;
    const waitMs = this.#notBeforeMs - clock.monotonicMs();
    if (waitMs <= 0 && this.#signing === undefined) return void this.#sign();
    this.#cancel = clock.schedule(Math.max(0, waitMs), () => {
      this.#cancel = undefined;
      // A timer may be early by a fraction; and what is under way may not cover this segment.
      if (this.#signing === undefined) this.segmentClosed();
      else void this.#signing.then(() => this.segmentClosed());
    });
  }

  /** Signs what is not signed yet, at a stop. Nothing is appended any more when it has resolved. Never throws. */
  async signOff(): Promise<void> {
    const { clock, log } = this.options;
    this.#cancel?.();
    this.#cancel = undefined;
    await within(clock, SIGN_OFF_WITHIN_MS, this.#signRest());
    this.close();
    if (!this.#isCovered && !this.#failed) log.warn('the newest records are not signed: it took too long');
  }

  /** Appends nothing any more. */
  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  get #isCovered(): boolean {
    return this.options.newest().seq <= this.#coveredSeq;
  }

  async #signRest(): Promise<void> {
    await this.#signing;
    await this.#sign();
  }

  /** Never throws. */
  #sign(): Promise<void> {
    if (this.#closed || this.#isCovered) return Promise.resolve();
    this.#notBeforeMs = this.options.clock.monotonicMs() + AT_MOST_EVERY_MS;
    this.#signing = this.#signNewest()
      .then(() => {
        this.#failed = false;
      })
      .catch((thrown) => this.#onFailure(thrown))
      .finally(() => {
        this.#signing = undefined;
      });
    return this.#signing;
  }

  async #signNewest(): Promise<void> {
    const { device, signer, newest, append } = this.options;
    const place = newest();
    const signature = await signer.sign(headBytes(device, place));
    if (this.#closed) return;
    const ownSeq = append({ seq: place.seq, head: place.head, key: signer.id, signature });
    // What was appended meanwhile lies between the two, and waits for the next one.
    this.#coveredSeq = ownSeq === place.seq + 1 ? ownSeq : place.seq;
  }

  #onFailure(thrown: unknown): void {
    // The next segment that closes tries again; a stop that ends the threads is no failure.
    if (this.#failed || this.#closed) return;
    this.#failed = true;
    this.options.log.warn('cannot sign the head of the chain', {
      problem: codeOf(thrown) ?? messageOf(thrown),
    });
  }
}
