import { rm } from 'node:fs/promises';
import { violationsOf } from './checks/invariants.js';
import { type OpenedLedger, openLedger } from './checks/readLedger.js';
import { type DayPlan, planDay } from './day.js';
import { makeSite } from './site.js';
import { Street } from './street.js';

/** What became of one day. */
export interface DayResult {
  readonly seed: number;
  /** Empty when all is well. */
  readonly violations: readonly string[];
  readonly visits: number;
  readonly taps: number;
  readonly openings: number;
  readonly byCentral: number;
  readonly byLocal: number;
  /** Taps whose frame failed after its text was taken. */
  readonly voids: number;
  readonly lives: number;
  readonly messages: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly simulatedMs: number;
  readonly tookMs: number;
  /** What was seen of the lines and decided: the same whenever this seed is run. */
  readonly story: readonly string[];
  /** Where the day's folder and log were left, if they were kept. */
  readonly kept?: string;
  readonly logged: readonly string[];
}

export interface LiveOptions {
  /** Leave the folder of a day with a violation behind. */
  readonly keep?: boolean;
  readonly plan?: DayPlan;
}

function storyOf({ seen }: Street, { verdicts }: OpenedLedger): string[] {
  const edges = seen.edges.map(({ atMs, line, on }) => `${atMs.toFixed(3)} ${line} ${on ? 1 : 0}`);
  const decided = verdicts.map(
    ({ key, content }) =>
      `${key} ${content.outcome} ${content.action} ${content.decidedBy} ${content.reasons.join()} ${content.tookMs}`,
  );
  return [...edges, ...decided];
}

/** Lives the day of a seed, and looks at what is left of it. */
export async function liveDay(
  seed: number,
  { keep = false, plan = planDay(seed) }: LiveOptions = {},
): Promise<DayResult> {
  const fromMs = performance.now();
  const site = await makeSite(plan);
  const street = new Street(plan, site);
  let isKept = false;
  const crashed = (thrown: unknown) => street.crashed(thrown);
  process.prependListener('unhandledRejection', crashed);
  process.prependListener('uncaughtException', crashed);
  try {
    await street.live();
    const ledger = await openLedger(site);
    await street.stop();
    const violations = await violationsOf(street, ledger);
    isKept = keep && violations.length > 0;
    const { seen } = street;
    const by = (whom: 'central' | 'local') =>
      ledger.verdicts.filter(({ content }) => content.decidedBy === whom).length;
    return {
      seed,
      violations,
      visits: plan.visits.length,
      taps: ledger.taps.size,
      openings: seen.openings.length,
      byCentral: by('central'),
      byLocal: by('local'),
      voids: ledger.voids.length,
      lives: seen.lives.length,
      messages: street.broker.history.length,
      faults: seen.faults,
      simulatedMs: Math.round(street.time.nowMs),
      tookMs: Math.round(performance.now() - fromMs),
      story: storyOf(street, ledger),
      logged: seen.logged,
      ...(isKept ? { kept: site.base } : {}),
    };
  } finally {
    process.off('unhandledRejection', crashed);
    process.off('uncaughtException', crashed);
    if (!isKept) await rm(site.base, { recursive: true, force: true, maxRetries: 5 });
  }
}
