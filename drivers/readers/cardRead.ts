import type { Clock } from '../../platform/clock.js';
import { type DecodedIdCard, decodeIdCard, type IdCard } from '../../protocol/card/idCard.js';
import type { Personal } from '../../protocol/personal.js';
import { readTextFromPartial, type SamCommandName } from '../../protocol/reader/samCommands.js';
import type { SamStatusName } from '../../protocol/reader/samStatus.js';
import type { ReaderCounters } from './readerCounters.js';
import type { ReaderEvent, ReadFailure } from './readerEvents.js';
import type { OnText, SamAnswer } from './samExchange.js';

export interface CardReadOptions {
  readonly ask: (name: SamCommandName, onText?: OnText) => Promise<SamAnswer>;
  readonly clock: Clock;
  readonly counters: ReaderCounters;
  /** How often a failed read is tried again, 0 or more. */
  readonly retries: number;
  /** Whether what this card says must be confirmed by a second identical read ("expired", above all). */
  readonly secondRead: (card: Personal<IdCard>) => boolean;
  /** False once there is no sense in another try: the port closed, the module is stuck. */
  readonly mayGoOn: () => boolean;
  readonly emit: (event: ReaderEvent) => void;
}

interface Failed {
  readonly done: false;
  readonly reason: ReadFailure;
  readonly status?: string;
  /** A `text` was emitted that is now void. */
  readonly afterText: boolean;
  /** Not an attempt of its own: the module finds no card any more, so the last attempt was the last. */
  readonly gone?: true;
}
type Attempt = { readonly done: true } | Failed;

/** Failures on our side of the module: it believes that the card was read, and may hide it from now on. */
const UNSEEN_BY_MODULE: ReadonlySet<ReadFailure> = new Set([
  'damaged',
  'contradictory',
  'unsupported',
  'no-answer',
]);
/** What a module says of a card that moved away under its hands. */
const LIFTED: ReadonlySet<string> = new Set<SamStatusName>(['select-failed', 'read-failed']);

function failedBy(answer: Exclude<SamAnswer, { kind: 'ok' }>, afterText = false): Failed {
  switch (answer.kind) {
    case 'status': {
      const status = answer.status.name;
      return { done: false, reason: LIFTED.has(status) ? 'lifted' : 'status', status, afterText };
    }
    case 'damaged':
      return { done: false, reason: 'damaged', afterText };
    case 'timeout':
      return { done: false, reason: 'no-answer', afterText };
    case 'closed':
      return { done: false, reason: 'line-lost', afterText };
  }
}

function reasonOf({ problems }: Extract<DecodedIdCard, { ok: false }>): ReadFailure {
  return problems.some(({ fault }) => fault === 'unsupported') ? 'unsupported' : 'contradictory';
}

/** Reads one card that was found on the pad. No decoded card outlives the call that emits it. */
export class CardRead {
  constructor(private readonly options: CardReadOptions) {}

  /**
   * Selects and reads, again where that failed, and emits `text`, `whole` and `failed` on the way.
   *
   * @param quietly one try, told only if it succeeds: for a card that was given up and still lies there
   * @returns whether the card was read
   */
  async read({ quietly }: { readonly quietly: boolean }): Promise<boolean> {
    let attempt = await this.#selectAndRead(quietly);
    for (let retry = 0; !attempt.done; retry++) {
      if (!attempt.gone) this.#count(attempt);
      if (quietly) return false;
      const final = retry >= this.options.retries || attempt.gone === true || !this.options.mayGoOn();
      if (final || attempt.afterText) this.#emitFailed(attempt, final);
      if (final) return false;
      attempt = await this.#again(attempt);
    }
    this.options.counters.reads++;
    return true;
  }

  async #again(last: Failed): Promise<Attempt> {
    const found = await this.options.ask('find');
    if (found.kind === 'ok') return this.#selectAndRead(false);
    if (found.kind !== 'status' || found.status.handling !== 'no-card') return failedBy(found);
    const gone: Failed = { ...last, afterText: false, gone: true };
    if (!UNSEEN_BY_MODULE.has(last.reason)) return gone;
    // Without this, one damaged byte could cost the elder a second gesture.
    const direct = await this.#readSelected(false);
    return !direct.done && direct.reason === 'lifted' ? gone : direct;
  }

  async #selectAndRead(quietly: boolean): Promise<Attempt> {
    const selected = await this.options.ask('select');
    return selected.kind === 'ok' ? this.#readSelected(quietly) : failedBy(selected);
  }

  async #readSelected(quietly: boolean): Promise<Attempt> {
    let told: Uint8Array | undefined;
    const answer = await this.options.ask('read', (text) => {
      const early = decodeIdCard(text);
      if (quietly || !early.ok || this.options.secondRead(early.card)) return;
      told = text;
      this.#emitText(early.card);
    });
    const afterText = told !== undefined;
    if (answer.kind !== 'ok') return failedBy(answer, afterText);
    const text = readTextFromPartial(answer.payload) ?? new Uint8Array(0);
    // A frame vouches for its own text alone.
    if (told !== undefined && Buffer.compare(told, text) !== 0)
      return { done: false, reason: 'damaged', afterText };
    const decoded = decodeIdCard(text);
    if (!decoded.ok) return { done: false, reason: reasonOf(decoded), afterText };
    const { card } = decoded;
    const checks = !afterText && this.options.secondRead(card) ? await this.#confirm(text) : ONE_READ;
    if (!afterText) this.#emitText(card);
    const atMs = this.options.clock.monotonicMs();
    this.options.emit({ type: 'whole', card, ...checks, atMs, lastByteMs: answer.lastByteMs });
    return { done: true };
  }

  /** Reads once more, without find and select where the module allows it, and compares. */
  async #confirm(first: Uint8Array): Promise<Checks> {
    let again = await this.options.ask('read');
    if (again.kind !== 'ok' && (await this.options.ask('find')).kind === 'ok') {
      const selected = await this.options.ask('select');
      if (selected.kind === 'ok') again = await this.options.ask('read');
    }
    const second = again.kind === 'ok' ? readTextFromPartial(again.payload) : undefined;
    if (second === undefined) return ONE_READ;
    return { reads: 2, confirmed: Buffer.compare(first, second) === 0 };
  }

  #emitText(card: Personal<IdCard>): void {
    this.options.emit({ type: 'text', card, atMs: this.options.clock.monotonicMs() });
  }

  #emitFailed({ reason, status, afterText }: Failed, final: boolean): void {
    const atMs = this.options.clock.monotonicMs();
    const why = status === undefined ? { reason } : { reason, status };
    this.options.emit({ type: 'failed', ...why, afterText, final, atMs });
  }

  #count({ reason, status }: Failed): void {
    const { readsFailed } = this.options.counters;
    const key = status ?? reason;
    readsFailed[key] = (readsFailed[key] ?? 0) + 1;
  }
}

interface Checks {
  readonly reads: 1 | 2;
  readonly confirmed: boolean;
}
const ONE_READ: Checks = { reads: 1, confirmed: false };
