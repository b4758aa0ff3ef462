import type { Cancel, Clock } from '../platform/clock.js';
import type { Gpio, InputLine, LineRef } from './gpio/gpio.js';

/** EN 60839-11-1, table 2: an input that is active for longer than this is to be processed. */
const NEVER_MISSED_MS = 400;
/** A back end that looks at its lines now and then, such as `sim:`, may be so late with an edge. */
const BACK_END_LATE_MS = 200;
/** How often it is noted that the program still turns. Two of these and a bounce stay below what is left of the 400 ms. */
const TURN_MS = 50;

/** Notes when the program last turned, so that edges which had to wait for it are known. */
export class Turns {
  #lastMs: number;
  #beforeMs: number;
  #cancel: Cancel = () => {};

  constructor(private readonly clock: Clock) {
    this.#lastMs = clock.monotonicMs();
    this.#beforeMs = this.#lastMs;
    this.#schedule();
  }

  /**
   * What is delivered now happened after this, monotonic. It is the turn before the last: a program that was stuck runs
   * its timers first and is told of edges afterwards.
   */
  get sinceMs(): number {
    return this.#beforeMs;
  }

  stop(): void {
    this.#cancel();
  }

  #schedule(): void {
    this.#cancel = this.clock.schedule(TURN_MS, () => {
      this.#beforeMs = this.#lastMs;
      this.#lastMs = this.clock.monotonicMs();
      this.#schedule();
    });
  }
}

export interface DebounceOptions {
  /** 5..50: more, and a bounce could not be told from an input that had to wait. */
  readonly debounceMs: number;
  /** How long it must be quiet before it counts as off; default `debounceMs`. */
  readonly releaseMs?: number | undefined;
  readonly clock: Clock;
  readonly turns: Pick<Turns, 'sinceMs'>;
}

/**
 * A contact without its bouncing: a change counts when the line still has it `debounceMs` after the first edge. Edges
 * carry no time of their own, so two that come at once were either noise or had to wait for a program that was stuck; of
 * the latter none may be lost, so they count whenever the input may have been active for 400 ms.
 */
export class DebouncedInput {
  readonly #line: InputLine;
  /** As it is, and as it was last told. */
  #isOn: boolean;
  #told: boolean;
  /** Before the edge that is being waited out; undefined when there is none. */
  #sinceMs: number | undefined;
  #cancel: Cancel = () => {};

  /** @param onChange called once a change, never for the state found at opening, which `isOn` has */
  constructor(
    gpio: Pick<Gpio, 'input'>,
    ref: LineRef,
    private readonly options: DebounceOptions,
    private readonly onChange: (isOn: boolean) => void,
  ) {
    this.#line = gpio.input(ref, (isOn) => this.#edge(isOn));
    this.#isOn = this.#line.isOn;
    this.#told = this.#isOn;
  }

  get name(): string {
    return this.#line.name;
  }

  get isOn(): boolean {
    return this.#told;
  }

  stop(): void {
    this.#cancel();
  }

  #edge(isOn: boolean): void {
    this.#isOn = isOn;
    if (this.#sinceMs === undefined) {
      if (isOn !== this.#told) this.#begin();
      return;
    }
    if (isOn !== this.#told) return;
    const lastedMs = this.options.clock.monotonicMs() - this.#sinceMs;
    if (lastedMs >= this.#surelyMs) {
      this.#tell(!isOn);
      this.#begin();
    } else if (this.#told) {
      // Going off takes quiet: what chatters is on. Going on takes none, so that chatter is not missed.
      this.#end();
    }
  }

  /** What may have lasted so long was no bounce. When an edge came is known to within 200 ms, mostly 100. */
  get #surelyMs(): number {
    const { debounceMs, releaseMs = debounceMs } = this.options;
    return this.#told ? releaseMs + BACK_END_LATE_MS : NEVER_MISSED_MS - BACK_END_LATE_MS;
  }

  #begin(): void {
    this.#end();
    const { turns, clock, debounceMs, releaseMs = debounceMs } = this.options;
    this.#sinceMs = turns.sinceMs;
    this.#cancel = clock.schedule(this.#told ? releaseMs : debounceMs, () => this.#settle());
  }

  #end(): void {
    this.#cancel();
    this.#sinceMs = undefined;
  }

  #settle(): void {
    this.#end();
    if (this.#isOn !== this.#told) this.#tell(this.#isOn);
  }

  #tell(isOn: boolean): void {
    this.#told = isOn;
    this.onChange(isOn);
  }
}
