import type { Cancel, Clock } from '../../platform/clock.js';
import {
  decodeSamReply,
  readTextFromPartial,
  SAM_COMMANDS,
  type SamCommandName,
  samRequest,
} from '../../protocol/reader/samCommands.js';
import { type SamParsed, SamParser } from '../../protocol/reader/samFrame.js';
import type { SamStatus } from '../../protocol/reader/samStatus.js';
import type { Port } from '../ports/port.js';
import { Pause } from './pause.js';
import type { ReaderCounters } from './readerCounters.js';

export type SamAnswer =
  /** `payload` is `SW1 SW2 SW3 [DATA]`; `lastByteMs` is monotonic. */
  | {
      readonly kind: 'ok';
      readonly payload: Uint8Array;
      readonly data: Uint8Array;
      readonly lastByteMs: number;
    }
  | { readonly kind: 'status'; readonly status: SamStatus }
  /** An answer came, but damaged or cut off. */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'timeout' }
  | { readonly kind: 'closed' };

/** Takes the 256-byte text block of a reply whose photo is still arriving, at most once a question. */
export type OnText = (text: Uint8Array) => void;

interface Question {
  readonly name: SamCommandName;
  readonly onText: OnText | undefined;
  readonly settle: (answer: SamAnswer) => void;
  textTold: boolean;
  /** Something that looked like a frame was refused: the answer may have been in it. */
  suspect: boolean;
}

/**
 * A frame that stops arriving for so long will not go on. Serial device servers and busy hosts pause for some hundreds
 * of milliseconds; drivers in the field give up after about a second of silence.
 */
const STALL_MS = 1000;
/** The line counts as quiet after so long, and is waited for no longer than `QUIET_MAX_MS`. */
const QUIET_MS = 100;
const QUIET_MAX_MS = 1000;
const MAX_RESENDS = 2;

/** One question at a time to a SAM module, each with its answer or the reason why there is none. */
export class SamExchange {
  readonly #parser = new SamParser();
  readonly #pause: Pause;
  #question: Question | undefined;
  #cancelDeadline: Cancel = () => {};
  #cancelStall: Cancel = () => {};
  #lastByteMs = 0;
  /** A reply may still be on its way: it must not answer the next question. */
  #unsettled = false;
  #closed = false;
  #onClosed: () => void = () => {};

  constructor(
    private readonly port: Port,
    private readonly clock: Clock,
    private readonly counters: ReaderCounters,
  ) {
    this.#pause = new Pause(clock);
    port.onData((bytes) => this.#received(bytes));
    port.onClose(() => {
      this.#closed = true;
      this.#pause.end();
      this.#settle({ kind: 'closed' });
      this.#onClosed();
    });
  }

  /** One listener, called once when the port closes. */
  onClosed(listener: () => void): void {
    this.#onClosed = listener;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Asks and waits. Ask again only once the answer is there. Never rejects. */
  async ask(name: SamCommandName, onText?: OnText): Promise<SamAnswer> {
    await this.#awaitQuiet();
    for (let resends = 0; ; resends++) {
      const answer = await this.#askOnce(name, onText);
      const damagedOnTheWay = answer.kind === 'status' && answer.status.handling === 'resend';
      if (!damagedOnTheWay || resends === MAX_RESENDS) return answer;
      this.counters.resends++;
    }
  }

  #askOnce(name: SamCommandName, onText: OnText | undefined): Promise<SamAnswer> {
    if (this.#closed) return Promise.resolve({ kind: 'closed' });
    this.#take(this.#parser.giveUp());
    return new Promise((resolve) => {
      this.#question = { name, onText, settle: resolve, textTold: false, suspect: false };
      this.#cancelDeadline = this.clock.schedule(SAM_COMMANDS[name].timeoutMs, () => this.#late('timeout'));
      const request = samRequest(name);
      this.counters.txBytes += request.length;
      this.port.write(request).catch(() => this.#settle({ kind: 'closed' }));
    });
  }

  #received(bytes: Uint8Array): void {
    this.counters.rxBytes += bytes.length;
    this.#lastByteMs = this.clock.monotonicMs();
    const wasRefused = this.#take(this.#parser.push(bytes));
    const moreToCome = this.#parser.pending().length > 0;
    // No need to wait for the time-out: the answer was here, and it was damaged.
    if (wasRefused && !moreToCome) this.#settle({ kind: 'damaged' });
    this.#tellText();
    this.#watchStall();
  }

  /** Returns whether a whole frame was refused for its checksum. */
  #take(items: readonly SamParsed[]): boolean {
    let wasRefused = false;
    for (const item of items) {
      if (item.type === 'frame') {
        this.#frame(item.payload);
        continue;
      }
      this.counters.discarded[item.reason] += item.bytes;
      if (item.reason === 'bad-checksum') wasRefused = true;
      if (item.reason !== 'noise') this.#suspect();
    }
    return wasRefused;
  }

  #suspect(): void {
    if (this.#question === undefined) return;
    this.#question.suspect = true;
    // The text that was told stood in these bytes, so no frame that follows can vouch for it.
    if (this.#question.textTold) this.#settle({ kind: 'damaged' });
  }

  #frame(payload: Uint8Array): void {
    this.counters.frames++;
    if (this.#question === undefined) {
      this.counters.unsolicited++;
      return;
    }
    const reply = decodeSamReply(this.#question.name, payload);
    if (reply.mismatched) {
      this.counters.mismatched++;
      // The text that was told may have been this frame's, and the next frame would vouch for it.
      if (this.#question.textTold) this.#settle({ kind: 'damaged' });
    } else if (reply.ok)
      this.#settle({ kind: 'ok', payload, data: reply.data, lastByteMs: this.#lastByteMs });
    else this.#settle({ kind: 'status', status: reply.status });
  }

  #tellText(): void {
    const question = this.#question;
    if (question?.onText === undefined || question.textTold) return;
    const text = readTextFromPartial(this.#parser.pending());
    if (text === undefined) return;
    question.textTold = true;
    question.onText(text);
  }

  #watchStall(): void {
    this.#cancelStall();
    const question = this.#question;
    if (question === undefined) return;
    if (!question.suspect && this.#parser.pending().length === 0) return;
    this.#cancelStall = this.clock.schedule(STALL_MS, () => this.#late('damaged'));
  }

  /** Time is up; a good frame that a false header had swallowed still counts. */
  #late(kind: 'timeout' | 'damaged'): void {
    this.#take(this.#parser.giveUp());
    if (this.#question === undefined) return;
    if (kind === 'timeout') this.counters.timeouts++;
    this.#settle({ kind });
  }

  #settle(answer: SamAnswer): void {
    const question = this.#question;
    if (question === undefined) return;
    this.#question = undefined;
    this.#cancelDeadline();
    this.#cancelStall();
    if (answer.kind === 'timeout' || answer.kind === 'damaged') this.#unsettled = true;
    question.settle(answer);
  }

  async #awaitQuiet(): Promise<void> {
    if (!this.#unsettled) return;
    this.#unsettled = false;
    const startMs = this.clock.monotonicMs();
    for (;;) {
      const nowMs = this.clock.monotonicMs();
      const quietAtMs = Math.max(startMs, this.#lastByteMs) + QUIET_MS;
      const waitMs = Math.min(quietAtMs, startMs + QUIET_MAX_MS) - nowMs;
      if (waitMs <= 0 || this.#closed) return;
      await this.#pause.for(waitMs);
    }
  }
}
