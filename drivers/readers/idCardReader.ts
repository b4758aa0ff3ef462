import type { Clock } from '../../platform/clock.js';
import type { IdCard } from '../../protocol/card/idCard.js';
import { codeOf } from '../../protocol/errors.js';
import type { Personal } from '../../protocol/personal.js';
import type { OpenPort, Port } from '../ports/port.js';
import { CardLoop } from './cardLoop.js';
import { Pause } from './pause.js';
import { newReaderCounters, type ReaderCounters } from './readerCounters.js';
import type { ReaderEvent, ReaderState } from './readerEvents.js';
import { SamExchange } from './samExchange.js';

export interface IdCardReaderOptions {
  readonly open: OpenPort;
  readonly clock: Clock;
  /** 0 <= random() < 1, so that a row of gates does not come back in step. */
  readonly random: () => number;
  readonly onEvent: (event: ReaderEvent) => void;
  /** Between two looks for a card; default 300, below which modules are known to choke. */
  readonly pollMs?: number;
  /** How often a failed read is tried again before the elder is asked to; default 2. */
  readonly readRetries?: number;
  /**
   * Whether a card is told only once a second read was tried, because what it says would accuse somebody.
   * Called with each text block; default never.
   */
  readonly secondRead?: (card: Personal<IdCard>) => boolean;
}

const REOPEN_FIRST_MS = 500;
const REOPEN_MAX_MS = 5000;
/** A connection that was ready for less than this does not shorten the wait: it would be opened twice a second for ever. */
const SETTLED_MS = 10_000;

/**
 * A reader of resident identity cards: a SAM module (GA 450 reader, GA/T 467 interface) behind a port, which it
 * opens again whenever it is lost.
 */
export class IdCardReader {
  readonly counters: Readonly<ReaderCounters>;
  readonly #counters = newReaderCounters();
  readonly #pause: Pause;
  #running: Promise<void> = Promise.resolve();
  #started = false;
  #stopped = false;
  #port: Port | undefined;
  #loop: CardLoop | undefined;
  #samNumber: string | undefined;
  #told: string | undefined;
  #abandonOpening = () => {};
  #readySinceMs: number | undefined;

  constructor(private readonly options: IdCardReaderOptions) {
    this.counters = this.#counters;
    this.#pause = new Pause(options.clock);
  }

  /** The number printed on the module, once it was asked: `05.01-20100720-0001036050-0288634305`. */
  get samNumber(): string | undefined {
    return this.#samNumber;
  }

  /** Begins; a second call does nothing. */
  start(): void {
    if (this.#started || this.#stopped) return;
    this.#started = true;
    this.#running = this.#run();
  }

  /**
   * Ends for good; resolves once the port is closed, and no event comes after that. A port that is still being opened
   * is not waited for: it is closed as soon as it is open.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#loop?.stop();
    this.#pause.end();
    this.#abandonOpening();
    await this.#port?.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#setState('opening');
    let delayMs = REOPEN_FIRST_MS;
    for (;;) {
      this.#readySinceMs = undefined;
      const reason = await this.#openAndServe();
      if (this.#stopped) return;
      this.#setState('lost', reason);
      if (this.#hasSettled) delayMs = REOPEN_FIRST_MS;
      // Half of it fixed: "Cannot lock port" right behind a close needs some time to go away.
      await this.#pause.for((delayMs / 2) * (1 + this.options.random()));
      if (this.#stopped) return;
      delayMs = Math.min(REOPEN_MAX_MS, delayMs * 2);
      this.#counters.reopens++;
    }
  }

  get #hasSettled(): boolean {
    const sinceMs = this.#readySinceMs;
    return sinceMs !== undefined && this.options.clock.monotonicMs() - sinceMs >= SETTLED_MS;
  }

  /** Returns why it is over. */
  async #openAndServe(): Promise<string> {
    let port: Port | undefined;
    try {
      port = await this.#open();
    } catch (thrown) {
      return codeOf(thrown) ?? 'port.refused';
    }
    if (port === undefined) return 'port.closed';
    this.#port = port;
    const end = this.#stopped ? 'closed' : await this.#serve(port);
    await port.close();
    this.#port = undefined;
    return end === 'mute' ? 'sam.mute' : 'port.closed';
  }

  /** Undefined when the reader is stopped meanwhile. */
  #open(): Promise<Port | undefined> {
    return new Promise((resolve, reject) => {
      this.#abandonOpening = () => resolve(undefined);
      this.options.open().then((port) => {
        if (this.#stopped) port.close().catch(() => {});
        resolve(port);
      }, reject);
    });
  }

  async #serve(port: Port): Promise<'closed' | 'mute'> {
    const { clock, onEvent, pollMs = 300, readRetries = 2, secondRead = () => false } = this.options;
    const loop = new CardLoop({
      exchange: new SamExchange(port, clock, this.#counters),
      clock,
      counters: this.#counters,
      pollMs,
      retries: readRetries,
      secondRead,
      emit: onEvent,
      setState: (state, reason) => this.#setState(state, reason),
      setSamNumber: (samNumber) => {
        this.#samNumber = samNumber;
      },
    });
    this.#loop = loop;
    const end = await loop.run();
    this.#loop = undefined;
    return end;
  }

  #setState(state: ReaderState, reason?: string): void {
    if (state === 'ready') this.#readySinceMs ??= this.options.clock.monotonicMs();
    const key = `${state} ${reason ?? ''}`;
    if (key === this.#told) return;
    this.#told = key;
    this.options.onEvent(reason === undefined ? { type: 'state', state } : { type: 'state', state, reason });
  }
}
