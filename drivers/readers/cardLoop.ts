import type { Clock } from '../../platform/clock.js';
import { formatSamNumber, type SamCommandName } from '../../protocol/reader/samCommands.js';
import { CardRead, type CardReadOptions } from './cardRead.js';
import { Pause } from './pause.js';
import type { ReaderCounters } from './readerCounters.js';
import type { ReaderEvent, ReaderState } from './readerEvents.js';
import type { OnText, SamAnswer, SamExchange } from './samExchange.js';

export interface CardLoopOptions extends Pick<CardReadOptions, 'retries' | 'secondRead'> {
  readonly exchange: SamExchange;
  readonly clock: Clock;
  readonly counters: ReaderCounters;
  /** From the end of one look for a card to the next. */
  readonly pollMs: number;
  readonly emit: (event: ReaderEvent) => void;
  readonly setState: (state: ReaderState, reason?: string) => void;
  readonly setSamNumber: (samNumber: string) => void;
}

/** `mute`: the module answers nothing any more, not even a reset. */
export type LoopEnd = 'closed' | 'mute';

/** So many questions in a row without an answer, and the module counts as stuck. */
const STUCK_AFTER = 3;
/** So many damaged answers in a row are no burst of noise: a loose plug, a wrong speed, somebody else on the line. */
const LINE_BAD_AFTER = 8;
/** Between two looks at a module that says it is not well. */
const UNWELL_RETRY_MS = 2000;

/** Looks for cards through one open connection, until that closes or the module stays mute. */
export class CardLoop {
  readonly #pause: Pause;
  readonly #read: CardRead;
  #stopped = false;
  #present = false;
  /** The elder was told that this card cannot be read: nothing more is said until it is lifted or read. */
  #givenUp = false;
  #timeoutsInARow = 0;
  #damagedInARow = 0;
  /** The command that showed that the module is not well. */
  #unwellSince: SamCommandName | undefined;

  constructor(private readonly options: CardLoopOptions) {
    this.#pause = new Pause(options.clock);
    options.exchange.onClosed(() => this.#pause.end());
    this.#read = new CardRead({
      ...options,
      ask: (name, onText) => this.#ask(name, onText),
      mayGoOn: () => !this.#over && !this.#stuck,
    });
  }

  async run(): Promise<LoopEnd> {
    const end = await this.#serve();
    this.#absent();
    return end;
  }

  /** Ends `run` at its next step. Close the port as well, to end a question that is under way. */
  stop(): void {
    this.#stopped = true;
    this.#pause.end();
  }

  get #over(): boolean {
    return this.#stopped || this.options.exchange.isClosed;
  }

  get #stuck(): boolean {
    return this.#timeoutsInARow >= STUCK_AFTER;
  }

  async #serve(): Promise<LoopEnd> {
    for (;;) {
      const well = (await this.#prepare()) && (await this.#pollWhileWell());
      if (this.#over) return 'closed';
      if (this.#stuck) {
        if (!(await this.#unstick())) return 'mute';
      } else if (!well && this.#timeoutsInARow === 0) {
        await this.#pause.for(UNWELL_RETRY_MS);
      }
    }
  }

  /** Asks the module how it is and who it is; true when cards can be looked for. */
  async #prepare(): Promise<boolean> {
    let status = await this.#askCounting('status');
    if (status.kind === 'status' && status.status.handling === 'reset') {
      await this.#reset();
      status = await this.#askCounting('status');
    }
    if (status.kind === 'status') this.#unwell('status', status.status.name);
    if (status.kind !== 'ok') return false;
    if (this.#unwellSince === 'status') this.#unwellSince = undefined;
    const number = await this.#askCounting('sam-number');
    const samNumber = number.kind === 'ok' ? formatSamNumber(number.data) : undefined;
    if (samNumber !== undefined) this.options.setSamNumber(samNumber);
    if (this.#over || this.#stuck) return false;
    if (this.#unwellSince === undefined) this.options.setState('ready');
    return true;
  }

  async #reset(): Promise<boolean> {
    this.options.counters.resets++;
    return (await this.options.exchange.ask('reset')).kind === 'ok';
  }

  /** True when a reset brought the module back. */
  async #unstick(): Promise<boolean> {
    this.options.setState('degraded', 'sam.no-answer');
    this.#timeoutsInARow = 0;
    return this.#reset();
  }

  /** False when finding cards is what the module cannot do. */
  async #pollWhileWell(): Promise<boolean> {
    for (;;) {
      await this.#poll();
      if (this.#over || this.#stuck) return true;
      if (this.#unwellSince === 'find') return false;
      await this.#pause.for(this.options.pollMs);
    }
  }

  async #poll(): Promise<void> {
    const found = await this.#ask('find');
    if (found.kind === 'status' && found.status.handling === 'no-card') this.#absent();
    if (found.kind !== 'ok') return;
    if (!this.#present) {
      this.#present = true;
      this.options.emit({ type: 'found', atMs: this.options.clock.monotonicMs() });
    }
    this.#givenUp = !(await this.#read.read({ quietly: this.#givenUp }));
  }

  #absent(): void {
    this.#givenUp = false;
    if (!this.#present) return;
    this.#present = false;
    this.options.emit({ type: 'absent', atMs: this.options.clock.monotonicMs() });
  }

  /** Asks, and draws from the answer what it says of the module itself. */
  async #ask(name: SamCommandName, onText?: OnText): Promise<SamAnswer> {
    const answer = await this.#askCounting(name, onText);
    const handling = answer.kind === 'status' ? answer.status.handling : answer.kind;
    if (answer.kind === 'status' && (handling === 'alarm' || handling === 'reset')) {
      this.#unwell(name, answer.status.name);
    } else if (this.#unwellSince === name && (handling === 'ok' || handling === 'no-card')) {
      this.#unwellSince = undefined;
      this.options.setState('ready');
    }
    return answer;
  }

  async #askCounting(name: SamCommandName, onText?: OnText): Promise<SamAnswer> {
    const answer = await this.options.exchange.ask(name, onText);
    this.#timeoutsInARow = answer.kind === 'timeout' ? this.#timeoutsInARow + 1 : 0;
    this.#noteDamage(answer);
    return answer;
  }

  #noteDamage({ kind }: SamAnswer): void {
    if (kind === 'damaged') {
      this.#damagedInARow += 1;
      if (this.#damagedInARow === LINE_BAD_AFTER) this.options.setState('degraded', 'sam.damaged');
    } else if (kind === 'ok' || kind === 'status') {
      const wasBad = this.#damagedInARow >= LINE_BAD_AFTER;
      this.#damagedInARow = 0;
      if (wasBad && this.#unwellSince === undefined) this.options.setState('ready');
    }
  }

  #unwell(since: SamCommandName, statusName: string): void {
    this.#unwellSince = since;
    this.options.setState('degraded', `sam.${statusName}`);
  }
}
