import { seededRandom } from '../../drivers/simulated/random.js';
import { lossesOf } from './checks/invariants.js';
import { keyOf, openLedger } from './checks/readLedger.js';
import { type CutKind, type DayPlan, planDay, type Visit } from './day.js';
import { between } from './sim/clock.js';
import { makeSite } from './site.js';
import { Street } from './street.js';

/** A long time without network, with people who come all the same and a power that goes now and then. */
export interface OutageOptions {
  readonly seed: number;
  readonly hours: number;
  /** At least so many. */
  readonly taps: number;
  readonly powerCuts: number;
}

export interface OutageResult extends OutageOptions {
  readonly violations: readonly string[];
  readonly visits: number;
  /** Taps at central, and those of them for which the gate opened. */
  readonly tapsAtCentral: number;
  readonly openings: number;
  /** Taps that were durable when the gate opened, and are not at central; and those that are there twice. */
  readonly lost: number;
  readonly doubled: number;
  readonly records: number;
  /** The journal on the gate's disk at the end. */
  readonly files: number;
  readonly bytes: number;
  /** From the network's return until central has everything, simulated; looked at every 2 s. */
  readonly drainMs: number;
  readonly starts: number;
  readonly tookMs: number;
}

/** The gate has its first session when the network goes. */
const ONLINE_MS = 20_000;
const DARK_MS = [5_000, 25_000] as const;
/** Somebody lays a card when the gate is dark, or starts: he is nobody. */
const VISITS_LOST_A_CUT = 12;
const STAY_MS = [1_300, 1_900] as const;
/** Until the next one: reading, and the pad's rest. */
const REST_MS = 900;
const KINDS: readonly CutKind[] = ['lost', 'torn', 'kept'];

function drawVisits(seed: number, people: number, { hours, taps, powerCuts }: OutageOptions): Visit[] {
  const random = seededRandom(seed ^ 0x0a7a6e);
  const wanted = Math.ceil(taps * 1.01) + VISITS_LOST_A_CUT * powerCuts;
  const everyMs = (hours * 3_600_000) / wanted;
  if (everyMs < STAY_MS[1] + REST_MS) throw new RangeError('so many people do not fit into so many hours');
  return Array.from({ length: wanted }, (_, number) => {
    const stayMs = between(random, ...STAY_MS);
    const waitMs = between(random, 0, everyMs - stayMs - REST_MS);
    return { atMs: ONLINE_MS + number * everyMs + waitMs, person: number % people, stayMs, cutShort: false };
  });
}

export function planOutage(options: OutageOptions): DayPlan {
  const { seed, hours, powerCuts } = options;
  const random = seededRandom(seed);
  const plan = planDay(seed);
  const forMs = hours * 3_600_000;
  const cuts = Array.from({ length: powerCuts }, (_, number) => ({
    kind: 'power-cut' as const,
    // One in each part of the outage, at any instant of it.
    atMs: ONLINE_MS + ((number + between(random, 0.05, 0.95)) * forMs) / powerCuts,
    forMs: between(random, ...DARK_MS),
    cut: KINDS[number % KINDS.length] ?? 'lost',
  }));
  return {
    ...plan,
    visits: drawVisits(seed, plan.people.length, options),
    faults: [{ kind: 'network-dead', whose: 'gate', atMs: ONLINE_MS, forMs }, ...cuts],
    endMs: ONLINE_MS + forMs,
    direction: 'entry',
    whenNotDurable: 'call-staff',
    pollMs: 500,
    sessionLifetimeMs: 12 * 3_600_000,
    isColdStart: false,
  };
}

export async function liveOutage(options: OutageOptions): Promise<OutageResult> {
  const fromMs = performance.now();
  const plan = planOutage(options);
  const site = await makeSite(plan);
  const street = new Street(plan, site);
  try {
    await street.live();
    const drainMs = Math.round(street.time.nowMs - plan.endMs);
    const ledger = await openLedger(site);
    await street.stop();
    const violations = await lossesOf(street, ledger);
    const { seen, gate } = street;
    const { records, taps } = ledger;
    const stored = records.filter(({ record }) => record.kind === 'tap').map(({ record }) => keyOf(record));
    const there = new Set(stored);
    const promised = new Set(seen.openings.flatMap(({ durableTaps }) => durableTaps));
    const few = taps.size < options.taps ? [`${taps.size} taps, and ${options.taps} were wanted`] : [];
    return {
      ...options,
      violations: [...violations, ...few],
      visits: plan.visits.length,
      tapsAtCentral: taps.size,
      openings: seen.openings.length,
      lost: [...promised].filter((key) => !there.has(key)).length,
      doubled: stored.length - there.size,
      records: records.length,
      files: gate.disk.names.length,
      bytes: gate.disk.names.reduce((sum, name) => sum + gate.disk.bytesOf(name).length, 0),
      drainMs,
      starts: seen.lives.length,
      tookMs: Math.round(performance.now() - fromMs),
    };
  } finally {
    await site.remove();
  }
}
