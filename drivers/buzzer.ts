import type { Cancel, Clock } from '../platform/clock.js';
import type { OutputLine } from './gpio/gpio.js';

/** One tone and the silence behind it. Multiples of 100 ms, so that an OSDP reader (osdp_BUZ) can play it too. */
export interface Beat {
  /** 100..5000. */
  readonly onMs: number;
  /** 0..5000. */
  readonly gapMs: number;
}

const UNIT_MS = 100;
const MAX_MS = 5000;

function inUnits(ms: number, leastMs: number): number {
  const whole = Number.isFinite(ms) ? Math.round(ms / UNIT_MS) * UNIT_MS : leastMs;
  return Math.min(MAX_MS, Math.max(leastMs, whole));
}

/** A buzzer that is either on or off: what it says is its rhythm. */
export class Buzzer {
  #cancel: Cancel = () => {};

  constructor(
    private readonly line: OutputLine,
    private readonly clock: Clock,
  ) {}

  /**
   * Plays a rhythm once; what was playing ends at once. Times are rounded to multiples of 100 ms and brought into
   * range.
   */
  play(rhythm: readonly Beat[]): void {
    this.#cancel();
    const beats = rhythm.map(({ onMs, gapMs }) => ({
      onMs: inUnits(onMs, UNIT_MS),
      gapMs: inUnits(gapMs, 0),
    }));
    this.#beat(beats, 0);
  }

  /** Silent at once. */
  safe(): void {
    this.#cancel();
    this.line.set(false);
  }

  #beat(beats: readonly Beat[], index: number): void {
    const beat = beats[index];
    if (beat === undefined) {
      this.line.set(false);
      return;
    }
    this.line.set(true);
    this.#cancel = this.clock.schedule(beat.onMs, () => {
      if (beat.gapMs === 0) {
        this.#beat(beats, index + 1);
        return;
      }
      this.line.set(false);
      this.#cancel = this.clock.schedule(beat.gapMs, () => this.#beat(beats, index + 1));
    });
  }
}
