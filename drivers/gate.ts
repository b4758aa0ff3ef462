import type { Cancel, Clock } from '../platform/clock.js';
import { CardpadError } from '../protocol/errors.js';
import type { OutputLine } from './gpio/gpio.js';

/** Turnstile controllers (PERCo manuals, input "Unlock A" in pulse mode) need at least this to see a pulse. */
const MIN_PULSE_MS = 100;
/** More would let a second person through on a turnstile wired in potential mode. */
const MAX_PULSE_MS = 1000;
/** A turnstile counts edges: without a gap between two pulses it sees one. */
const GAP_MS = 100;

export interface GateOptions {
  /** How long a pulse lasts, 100..1000; default 300. */
  readonly pulseMs?: number;
}

/**
 * The relay that frees the gate: by pulses, each for one person, or held for as long as a fire alarm lasts. A pulse has
 * a bound, a hold has none: its end is the end of the alarm, `safe()`, or the end of the process.
 *
 * An error while switching off is thrown out of the timer on purpose: a gate that cannot be shut must end the
 * process, whose guards and whose service manager then try again.
 */
export class Gate {
  readonly #pulseMs: number;
  #state: 'off' | 'on' = 'off';
  /** When the state began. */
  #sinceMs = Number.NEGATIVE_INFINITY;
  /** When the running pulse ends. */
  #endsAtMs = 0;
  #queued = false;
  #held = false;
  #cancel: Cancel = () => {};

  /** @throws CardpadError `gate.bad-pulse` (fatal) for times out of range */
  constructor(
    private readonly line: OutputLine,
    private readonly clock: Clock,
    { pulseMs = 300 }: GateOptions = {},
  ) {
    if (pulseMs >= MIN_PULSE_MS && pulseMs <= MAX_PULSE_MS) this.#pulseMs = pulseMs;
    else
      throw new CardpadError(
        'gate.bad-pulse',
        'fatal',
        `pulseMs must be ${MIN_PULSE_MS}..${MAX_PULSE_MS} ms, not ${pulseMs}.`,
        { help: 'Set outputs.gate.pulseMs to a length between these bounds.' },
      );
  }

  /**
   * Frees the gate for one person. During a pulse, that one ends (once it is long enough to have been seen),
   * 100 ms pass, and a new one follows; one is queued at most. While the gate is held it is free already.
   * @throws CardpadError `gpio.write-failed` (retry)
   */
  pulse(): void {
    if (this.#held) return;
    this.#queued = true;
    if (this.#state === 'on') {
      const soonestMs = Math.max(this.clock.monotonicMs(), this.#sinceMs + MIN_PULSE_MS);
      this.#endsAtMs = Math.min(this.#endsAtMs, soonestMs);
    }
    this.tick();
  }

  /**
   * Frees the gate for everybody, until `release()`. A pulse that runs becomes the hold.
   * @throws CardpadError `gpio.write-failed` (retry)
   */
  hold(): void {
    if (this.#held) return;
    this.#cancel();
    if (this.#state === 'off') this.#switchOn();
    this.#queued = false;
    this.#held = true;
  }

  /**
   * Ends a hold; a pulse that was never part of one goes on.
   * @throws CardpadError `gpio.write-failed` (retry): it is still held then
   */
  release(): void {
    if (!this.#held) return;
    this.#switchOff();
    this.#held = false;
  }

  /** Off at once, also where it was held, and nothing queued. */
  safe(): void {
    this.#queued = false;
    this.#held = false;
    this.#cancel();
    this.#switchOff();
  }

  /**
   * Does what is due by the clock. The gate's own timer calls it; call it also from any other turn of the
   * program, so that a late timer cannot leave the relay on.
   */
  tick(): void {
    if (this.#held) return;
    this.#cancel();
    if (this.#state === 'on' && this.clock.monotonicMs() >= this.#endsAtMs) this.#switchOff();
    if (this.#state === 'off' && this.#queued && this.clock.monotonicMs() >= this.#sinceMs + GAP_MS) {
      this.#switchOn();
    }
    if (this.#state === 'on') this.#tickAt(this.#endsAtMs);
    else if (this.#queued) this.#tickAt(this.#sinceMs + GAP_MS);
  }

  #tickAt(atMs: number): void {
    this.#cancel = this.clock.schedule(Math.max(0, atMs - this.clock.monotonicMs()), () => this.tick());
  }

  #switchOn(): void {
    this.#queued = false;
    this.line.set(true);
    this.#state = 'on';
    this.#sinceMs = this.clock.monotonicMs();
    this.#endsAtMs = this.#sinceMs + this.#pulseMs;
  }

  #switchOff(): void {
    this.line.set(false);
    if (this.#state === 'on') this.#sinceMs = this.clock.monotonicMs();
    this.#state = 'off';
  }
}
