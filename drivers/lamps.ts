import type { Cancel, Clock } from '../platform/clock.js';
import type { OutputLine } from './gpio/gpio.js';

/** How a lamp is lit. */
export type Light = 'steady' | { readonly blinkHz: number };

export interface LampPattern {
  readonly lamp: string;
  /** `blinkHz` above 0, at most 2.5; what is above is slowed down to 2.5. */
  readonly light: Light;
  /** The lamp to use where the first is not wired. */
  readonly instead?: string | undefined;
}

/** Below the 3 flashes a second that WCAG 2.3.1 allows, for people whom flashing light can throw into a fit. */
const MAX_FLASH_HZ = 2.5;

const MIN_CYCLE_MS = 1000 / MAX_FLASH_HZ;

function cycleMsOf(light: Light): number | undefined {
  if (light === 'steady' || !(light.blinkHz > 0)) return undefined;
  return Math.max(MIN_CYCLE_MS, 1000 / light.blinkHz);
}

/** One lamp. `undefined` for the cycle is steady light. */
class Lamp {
  #shown: 'off' | { readonly cycleMs: number | undefined } = 'off';
  #roseAtMs = Number.NEGATIVE_INFINITY;
  #cancel: Cancel = () => {};

  constructor(
    private readonly line: OutputLine,
    private readonly clock: Clock,
  ) {}

  show(light: Light): void {
    const cycleMs = cycleMsOf(light);
    // Shown again, the same light goes on as it is: no dark moment, no new phase.
    if (this.#shown !== 'off' && this.#shown.cycleMs === cycleMs) return;
    this.#shown = { cycleMs };
    this.#cancel();
    this.#rise(cycleMs);
  }

  off(): void {
    this.#shown = 'off';
    this.#cancel();
    this.line.set(false);
  }

  #rise(cycleMs: number | undefined): void {
    const nowMs = this.clock.monotonicMs();
    const waitMs = this.#roseAtMs + MIN_CYCLE_MS - nowMs;
    // Patterns that change in quick succession must not add up to a flicker either.
    if (!this.line.isOn && waitMs > 0) {
      this.#cancel = this.clock.schedule(waitMs, () => this.#rise(cycleMs));
      return;
    }
    if (!this.line.isOn) {
      this.line.set(true);
      this.#roseAtMs = nowMs;
    }
    if (cycleMs !== undefined) this.#cancel = this.clock.schedule(cycleMs / 2, () => this.#fall(cycleMs));
  }

  #fall(cycleMs: number): void {
    this.line.set(false);
    this.#cancel = this.clock.schedule(cycleMs / 2, () => this.#rise(cycleMs));
  }
}

/** The lamps of a lane. */
export class Lamps {
  readonly #lamps = new Map<string, Lamp>();

  /** @param lines the wired lamps by name: `green`, `yellow`, `red`, `white` ... */
  constructor(lines: Readonly<Record<string, OutputLine>>, clock: Clock) {
    for (const [name, line] of Object.entries(lines)) this.#lamps.set(name, new Lamp(line, clock));
  }

  /**
   * Lights these lamps and no others. A blinking lamp starts lit. A lamp that is not wired and has no wired
   * `instead` is left out; of two patterns for one lamp the first counts.
   */
  show(patterns: readonly LampPattern[]): void {
    const wanted = new Map<Lamp, Light>();
    for (const { lamp, light, instead } of patterns) {
      const wired = this.#lamps.get(lamp) ?? (instead === undefined ? undefined : this.#lamps.get(instead));
      if (wired !== undefined && !wanted.has(wired)) wanted.set(wired, light);
    }
    // Dark first: two answers must not be seen at once.
    for (const lamp of this.#lamps.values()) if (!wanted.has(lamp)) lamp.off();
    for (const [lamp, light] of wanted) lamp.show(light);
  }

  /** All dark. */
  safe(): void {
    this.show([]);
  }
}
