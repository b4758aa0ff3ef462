import type { DayResult } from '../liveDay.js';

export const MAX_SEED = 2 ** 32 - 1;
/** Of thousands of days the worst few are enough to look at. */
const MOST_LISTED = 100;

/** Seeds of consecutive days. */
export const seedsFrom = (seed: number, days: number): number[] =>
  Array.from({ length: days }, (_, day) => (seed + day) >>> 0);

const SUMMED = ['visits', 'taps', 'openings', 'byCentral', 'byLocal', 'voids', 'lives', 'messages'] as const;

/** Sums over many days. */
export class Report {
  days = 0;
  violations = 0;
  readonly #sums: Record<(typeof SUMMED)[number], number> = {
    visits: 0,
    taps: 0,
    openings: 0,
    byCentral: 0,
    byLocal: 0,
    voids: 0,
    lives: 0,
    messages: 0,
  };
  #simulatedMs = 0;
  #tookMs = 0;
  readonly #faults: Record<string, number> = {};
  readonly #bad: { readonly seed: number; readonly violations: readonly string[] }[] = [];
  readonly #fromMs = performance.now();

  constructor(private readonly seed: number) {}

  add(result: DayResult): void {
    this.days += 1;
    this.violations += result.violations.length;
    for (const name of SUMMED) this.#sums[name] += result[name];
    this.#simulatedMs += result.simulatedMs;
    this.#tookMs += result.tookMs;
    for (const [kind, count] of Object.entries(result.faults)) {
      this.#faults[kind] = (this.#faults[kind] ?? 0) + count;
    }
    if (result.violations.length > 0 && this.#bad.length < MOST_LISTED) {
      this.#bad.push({ seed: result.seed, violations: result.violations });
    }
  }

  lines(): string[] {
    const { visits, taps, openings, byCentral, byLocal, voids, lives, messages } = this.#sums;
    const hours = (this.#simulatedMs / 3_600_000).toFixed(1);
    const secondsADay = (this.#tookMs / 1000 / Math.max(1, this.days)).toFixed(2);
    const faults = Object.entries(this.#faults).sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      `${this.days} days, ${hours} simulated hours, ${secondsADay} s a day`,
      `${visits} cards laid, ${taps} taps (${voids} void), the gate opened ${openings} times`,
      `decided by central ${byCentral}, locally ${byLocal}; ${lives} starts, ${messages} messages`,
      `faults: ${faults.map(([kind, count]) => `${kind} ${count}`).join(', ') || 'none'}`,
      ...this.#bad.flatMap(({ seed, violations }) => [
        `VIOLATED with seed ${seed}: scripts/chaos --day ${seed}`,
        ...violations.slice(0, 5).map((violation) => `  ${violation}`),
      ]),
      this.violations === 0 ? 'every day held' : `${this.violations} violations`,
    ];
  }

  json(): Readonly<Record<string, unknown>> {
    return {
      seed: this.seed,
      days: this.days,
      ...this.#sums,
      simulatedHours: this.#simulatedMs / 3_600_000,
      secondsADay: this.#tookMs / 1000 / Math.max(1, this.days),
      wallSeconds: (performance.now() - this.#fromMs) / 1000,
      faults: this.#faults,
      violations: this.violations,
      violated: this.#bad.map((day) => ({ ...day, again: `scripts/chaos --day ${day.seed}` })),
    };
  }
}
