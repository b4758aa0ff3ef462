import type { Cancel, Clock } from '../../platform/clock.js';
import type { Level } from './gpio.js';

export const DEFAULT_DEBOUNCE_MS = 20;

/**
 * A contact that never comes to rest counts as it stands after this. EN 60839-11-1 wants an input that lasts 400 ms to
 * be processed.
 */
const LONGEST_BOUNCE_MS = 100;

export interface DebounceOptions {
  readonly clock: Clock;
  readonly quietMs: number;
  /** The level now. */
  readonly read: () => Level;
  /** Called once a change. */
  readonly onChange: (level: Level) => void;
}

/** One input without its bounces: a change counts once the line was quiet, and is what the line shows then. */
export class Debounced {
  #level: Level;
  #cancel: Cancel | undefined;
  #isQuiet = true;

  constructor(private readonly options: DebounceOptions) {
    this.#level = options.read();
  }

  /** The state that counts. */
  get level(): Level {
    return this.#level;
  }

  /** Something may have changed: an interrupt came, or somebody looked. */
  edge(): void {
    this.#isQuiet = false;
    if (this.#cancel === undefined && this.options.read() !== this.#level) {
      this.#wait(this.options.clock.monotonicMs());
    }
  }

  stop(): void {
    this.#cancel?.();
  }

  #wait(sinceMs: number): void {
    const { clock, quietMs } = this.options;
    this.#isQuiet = true;
    this.#cancel = clock.schedule(quietMs, () => {
      this.#cancel = undefined;
      if (!this.#isQuiet && clock.monotonicMs() - sinceMs < LONGEST_BOUNCE_MS) this.#wait(sinceMs);
      else this.#settle();
    });
  }

  #settle(): void {
    // Read again, not remembered: what bounced last need not be what was told last.
    const level = this.options.read();
    if (level === this.#level) return;
    this.#level = level;
    this.options.onChange(level);
  }
}
