import { setTimeout as pause } from 'node:timers/promises';
import { downTopic, upTopic } from '../../../protocol/wire/topics.js';
import { percentileOfRounds } from '../../staging/figures.js';
import { stagedPeople } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import { Echo, sizeOf } from '../parts/echo.js';
import { onSite, openStreet } from '../parts/street.js';
import { Visitors } from '../parts/visitors.js';
import { rounded } from '../rounds.js';
import type { Effort, Row, RowResult } from '../row.js';

const DEVICE = 'bench-gate';
const PEOPLE = 600;
const WARM_UP = 10;
/** Each figure is the middle one of so many rounds, in which the paces take turns. */
const ROUNDS = { full: 3, quick: 1 } as const;

interface Pace {
  /** A person comes this often. */
  readonly everyMs: number;
  /** In one round. */
  readonly taps: Readonly<Record<Effort, number>>;
}

/** A lamp rises at most once in 400 ms (WCAG 2.3.1): people cannot be told anything any faster. */
const BUSY: Pace = { everyMs: 450, taps: { full: 40, quick: 5 } };
const SPARSE: Pace = { everyMs: 3_000, taps: { full: 12, quick: 2 } };

interface Ends {
  readonly visitors: Visitors;
  readonly raw: Echo;
}

/** What one pace came to, in ms. */
interface Times {
  readonly lights: number[];
  readonly network: number[];
  readonly raw: number[];
}

const noTimes = (): Times => ({ lights: [], network: [], raw: [] });

async function open(site: StagedSite, say: (line: string) => void): Promise<Ends> {
  const people = stagedPeople(PEOPLE).filter(({ healthCode }) => healthCode === 'green');
  const { url } = await openStreet(site, { people, devices: [DEVICE], say });
  const visitors = await Visitors.open(site, { device: DEVICE, brokerUrl: url, people });
  const sizes = {
    up: await sizeOf(url, upTopic(DEVICE, 'verify'), () => visitors.come(1, BUSY.everyMs)),
    down: await sizeOf(url, downTopic(DEVICE, 'verdict'), () => visitors.come(1, BUSY.everyMs)),
  };
  const raw = await Echo.open(url, 'raw', sizes);
  site.onClose(() => raw.close());
  return { visitors, raw };
}

/** A tap and a plain round trip take turns, each as seldom: a machine that has slept is slower than one that runs hot. */
async function round({ visitors, raw }: Ends, everyMs: number, taps: number, times: Times): Promise<void> {
  const before = visitors.networkMs.length;
  for (let tap = 0; tap < taps; tap++) {
    times.lights.push(...(await visitors.come(1, everyMs / 2)));
    const nextComes = pause(everyMs / 2);
    times.raw.push(await raw.ask());
    await nextComes;
  }
  times.network.push(...visitors.networkMs.slice(before));
}

async function play(ends: Ends, effort: Effort): Promise<RowResult> {
  await round(ends, BUSY.everyMs, WARM_UP, noTimes());
  const [busy, sparse] = [noTimes(), noTimes()];
  for (let number = 0; number < ROUNDS[effort]; number++) {
    await round(ends, BUSY.everyMs, BUSY.taps[effort], busy);
    await round(ends, SPARSE.everyMs, SPARSE.taps[effort], sparse);
  }
  const of = (values: readonly number[], part: number) => percentileOfRounds(values, part, ROUNDS[effort]);
  const over = ({ lights, raw }: Times, part: number) => rounded(of(lights, part) - of(raw, part));
  const p50s = (name: string, { lights, network, raw }: Times) => ({
    [`${name}P50Ms`]: of(lights, 0.5),
    [`${name}NetworkP50Ms`]: of(network, 0.5),
    [`${name}RawP50Ms`]: of(raw, 0.5),
  });
  return {
    figures: {
      overheadP50Ms: over(busy, 0.5),
      overheadP99Ms: over(busy, 0.99),
      sparseOverheadP50Ms: over(sparse, 0.5),
      sparseOverheadP99Ms: over(sparse, 0.99),
    },
    beside: {
      taps: busy.lights.length,
      ...p50s('busy', busy),
      busyP99Ms: of(busy.lights, 0.99),
      busyRawP99Ms: of(busy.raw, 0.99),
      sparseTaps: sparse.lights.length,
      ...p50s('sparse', sparse),
      sparseP99Ms: of(sparse.lights, 0.99),
      sparseRawP99Ms: of(sparse.raw, 0.99),
    },
  };
}

export const tapToLight: Row = {
  name: 'tapToLight',
  about:
    "last byte of a card's frame -> green lamp in the daemon, over a plain mqtt.js round trip of the same sizes at " +
    'QoS 0 (raw), with records on their way',
  figures: {
    overheadP50Ms: 'what every other tap took beyond a plain round trip, people 0.45 s apart (busy).',
    overheadP99Ms: 'the same for 99 of 100 taps.',
    sparseOverheadP50Ms: 'what every other tap took beyond a plain round trip, people 3 s apart (sparse).',
    sparseOverheadP99Ms: 'the same for 99 of 100 taps; of few taps it is the slowest one.',
  },
  measure: (say, effort) => onSite(async (site) => play(await open(site, say), effort)),
};
