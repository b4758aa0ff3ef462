import { type Random, seededRandom } from '../../drivers/simulated/random.js';
import { type DayPerson, drawPeople } from './people.js';
import { between, chance } from './sim/clock.js';

export type Whose = 'gate' | 'central';
export type CutKind = 'lost' | 'kept' | 'torn';

/** Something that goes wrong, or is done on purpose, and for how long. */
export type Fault =
  | { readonly kind: 'network-refused' | 'network-dead'; readonly whose: Whose; readonly forMs: number }
  | {
      readonly kind: 'network-slow';
      readonly whose: Whose;
      readonly forMs: number;
      readonly latencyMs: readonly [number, number];
    }
  | { readonly kind: 'network-lossy'; readonly whose: Whose; readonly forMs: number; readonly loss: number }
  | { readonly kind: 'network-doubles'; readonly whose: Whose; readonly forMs: number }
  | { readonly kind: 'network-cut'; readonly whose: Whose }
  | { readonly kind: 'broker-restart'; readonly forMs: number; readonly keepRetained: boolean }
  | { readonly kind: 'central-stop'; readonly forMs: number }
  | { readonly kind: 'central-kill'; readonly forMs: number; readonly torn: boolean }
  | { readonly kind: 'central-backup' }
  | { readonly kind: 'central-restore'; readonly forMs: number }
  | { readonly kind: 'central-tickets' }
  | { readonly kind: 'clock'; readonly whose: Whose; readonly byMs: number }
  | { readonly kind: 'gate-kill'; readonly forMs: number }
  | { readonly kind: 'gate-restart'; readonly forMs: number }
  | { readonly kind: 'power-cut'; readonly forMs: number; readonly cut: CutKind }
  | { readonly kind: 'disk-slow'; readonly forMs: number; readonly slowestSyncMs: number }
  | { readonly kind: 'disk-full' | 'disk-failing'; readonly forMs: number }
  | { readonly kind: 'reader-noise'; readonly forMs: number; readonly rate: number }
  | { readonly kind: 'reader-pieces'; readonly forMs: number; readonly mergeMs: number }
  | { readonly kind: 'reader-mute'; readonly forMs: number }
  | { readonly kind: 'reader-closed'; readonly forMs: number }
  | { readonly kind: 'hostile-replay'; readonly forMs: number; readonly retain: boolean }
  | { readonly kind: 'hostile-garbage'; readonly forMs: number; readonly retain: boolean }
  | { readonly kind: 'hostile-misdirect' | 'hostile-answers'; readonly forMs: number };

export interface Visit {
  readonly atMs: number;
  readonly person: number;
  readonly stayMs: number;
  /** The module's answer breaks off when the card is lifted. */
  readonly cutShort: boolean;
}

/** One day of one gate: all that is decided before it begins. */
export interface DayPlan {
  readonly seed: number;
  readonly people: readonly DayPerson[];
  readonly visits: readonly Visit[];
  readonly faults: readonly (Fault & { readonly atMs: number })[];
  readonly endMs: number;
  readonly direction: 'entry' | 'exit';
  readonly whenNotDurable: 'call-staff' | 'open';
  readonly pulseMs: number;
  readonly deadlineMs: number;
  readonly pollMs: number;
  readonly refind: 'until-lifted' | 'always';
  readonly sessionLifetimeMs: number;
  /** The street has just been switched on. */
  readonly isColdStart: boolean;
}

const YEAR_MS = 365.25 * 86_400_000;

function drawVisits(random: Random, people: number): Visit[] {
  const visits: Visit[] = [];
  const wanted = 30 + (random() % 50);
  let atMs = between(random, 2_000, 15_000);
  let rush = 0;
  let person = random() % people;
  while (visits.length < wanted) {
    // Somebody tries again now and then, most of all who was turned away.
    if (!chance(random, 0.2)) person = random() % people;
    const lies = random() % 20;
    const stayMs =
      lies === 0
        ? between(random, 20_000, 150_000)
        : lies < 4
          ? between(random, 20, 500)
          : between(random, 900, 3_000);
    visits.push({ atMs, person, stayMs, cutShort: chance(random, 0.7) });
    if (rush > 0) rush -= 1;
    else if (chance(random, 0.08)) rush = 3 + (random() % 8);
    const gapMs =
      rush > 0 ? between(random, 60, 2_000) : Math.min(90_000, -9_000 * Math.log(between(random, 1e-4, 1)));
    atMs += stayMs + gapMs;
  }
  return visits;
}

const FAULT_KINDS = [
  'network-refused',
  'network-dead',
  'network-slow',
  'network-lossy',
  'network-doubles',
  'network-cut',
  'broker-restart',
  'central-stop',
  'central-kill',
  'central-tickets',
  'clock',
  'gate-kill',
  'gate-restart',
  'power-cut',
  'disk-slow',
  'disk-full',
  'disk-failing',
  'reader-noise',
  'reader-pieces',
  'reader-mute',
  'reader-closed',
  'hostile-replay',
  'hostile-garbage',
  'hostile-misdirect',
  'hostile-answers',
] as const satisfies readonly Fault['kind'][];
/** The dear ones: each start or session costs SM2, and a day has to be over in seconds. */
const MOST_STARTS = 4;
const STARTS: readonly Fault['kind'][] = ['gate-kill', 'gate-restart', 'power-cut'];

function drawFault(kind: (typeof FAULT_KINDS)[number], random: Random): Fault {
  const whose: Whose = chance(random, 0.6) ? 'gate' : 'central';
  const forMs = chance(random, 0.25) ? between(random, 20_000, 90_000) : between(random, 200, 20_000);
  switch (kind) {
    case 'network-slow': {
      const leastMs = between(random, 50, 2_500);
      return { kind, whose, forMs, latencyMs: [leastMs, leastMs + between(random, 10, 2_500)] };
    }
    case 'network-lossy':
      return { kind, whose, forMs, loss: between(random, 0.2, 0.9) };
    case 'network-cut':
      return { kind, whose };
    case 'broker-restart':
      return { kind, forMs, keepRetained: chance(random, 0.5) };
    case 'central-kill':
      return { kind, forMs, torn: chance(random, 0.5) };
    case 'central-tickets':
      return { kind };
    case 'clock':
      return { kind, whose, byMs: between(random, -9, 9) * YEAR_MS };
    case 'power-cut': {
      const cut = (['lost', 'kept', 'torn'] as const)[random() % 3] ?? 'lost';
      return { kind, forMs: between(random, 3_000, 30_000), cut };
    }
    case 'gate-kill':
    case 'gate-restart':
      return { kind, forMs: between(random, 100, 3_000) };
    case 'disk-slow':
      return { kind, forMs, slowestSyncMs: between(random, 100, 1_800) };
    case 'reader-noise':
      return { kind, forMs, rate: 10 ** between(random, -4, -2) };
    case 'reader-pieces':
      return { kind, forMs, mergeMs: random() % 40 };
    case 'hostile-replay':
    case 'hostile-garbage':
      return { kind, forMs, retain: chance(random, 0.4) };
    case 'network-refused':
    case 'network-dead':
    case 'network-doubles':
      return { kind, whose, forMs };
    case 'hostile-answers':
      return { kind, forMs: 5 * forMs };
    default:
      return { kind, forMs };
  }
}

/** When a fault comes: any time, or, since most of a day is quiet, while somebody's card is being dealt with. */
function drawMoment(random: Random, visits: readonly Visit[], endMs: number): number {
  const visit = visits[random() % Math.max(1, visits.length)];
  const isAimed = visit !== undefined && chance(random, 0.6);
  return isAimed ? visit.atMs + between(random, 0, 1_200) : between(random, 0, endMs);
}

function drawFaults(random: Random, visits: readonly Visit[], endMs: number): DayPlan['faults'] {
  // Now and then a day without any: nothing else would show that a gate works at all in here.
  const wanted = chance(random, 0.06) ? 0 : 3 + (random() % 16);
  const faults: (Fault & { readonly atMs: number })[] = [];
  let starts = 0;
  while (faults.length < wanted) {
    const kind = FAULT_KINDS[random() % FAULT_KINDS.length] ?? 'network-cut';
    if (STARTS.includes(kind) && ++starts > MOST_STARTS) continue;
    faults.push({ atMs: drawMoment(random, visits, endMs), ...drawFault(kind, random) });
  }
  // By a central whose clock is years ahead, a gate lets go of what it would send again to one that was restored.
  const isTimeTrue = !faults.some((fault) => fault.kind === 'clock' && fault.whose === 'central');
  // And so it does where its disk was full.
  const hadRoom = !faults.some(({ kind }) => kind === 'disk-full');
  if (wanted > 0 && isTimeTrue && hadRoom && chance(random, 0.2)) {
    faults.push({ atMs: between(random, 0, endMs * 0.4), kind: 'central-backup' });
    faults.push({
      atMs: between(random, endMs * 0.5, endMs),
      kind: 'central-restore',
      forMs: between(random, 500, 20_000),
    });
  }
  return faults.sort((a, b) => a.atMs - b.atMs);
}

/** The same seed gives the same day. */
export function planDay(seed: number): DayPlan {
  const random = seededRandom(seed);
  const people = drawPeople(random);
  const visits = drawVisits(random, people.length);
  const last = visits.at(-1);
  const endMs = (last === undefined ? 0 : last.atMs + last.stayMs) + 2_000;
  const faults = drawFaults(random, visits, endMs);
  return {
    seed,
    people,
    visits,
    faults,
    endMs,
    direction: chance(random, 0.1) ? 'exit' : 'entry',
    whenNotDurable: chance(random, 0.1) ? 'open' : 'call-staff',
    pulseMs: 100 + (random() % 900),
    deadlineMs: [1_500, 1_500, 1_500, 500, 3_000][random() % 5] ?? 1_500,
    pollMs: 250 + (random() % 250),
    refind: chance(random, 0.5) ? 'always' : 'until-lifted',
    sessionLifetimeMs: chance(random, 0.25) ? Math.round(endMs / (1.5 + (random() % 3))) : 12 * 3_600_000,
    isColdStart: chance(random, 0.2),
  };
}
