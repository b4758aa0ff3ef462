import { setTimeout as pause } from 'node:timers/promises';
import { Crowd } from '../../soaking/crowd.js';
import { usedBytes } from '../../soaking/sample.js';
import { Watched } from '../../soaking/watched.js';
import { stagedPeople } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import { type Memory, memoryOf, startBareNode } from '../parts/processes.js';
import { onSite, openStreet } from '../parts/street.js';
import { median, rounded, spreadPercent } from '../rounds.js';
import type { Effort, Row, RowResult } from '../row.js';

const DEVICE = 'bench-gate';
/** Enough that nobody comes again while the gate takes it for the same gesture. */
const PEOPLE = 500;
const MB = 1e6;
const STARTS = { full: 5, quick: 1 } as const;
/** After a start until nothing of it is left to do: SM2's self-test takes over a second on a board. */
const REST_MS = { full: 5_000, quick: 2_000 } as const;
/** The newest 256 records stay in memory, and code is compiled while it is new: memory is compared with what it is after these. */
const BASELINE_TAPS = { full: 500, quick: 30 } as const;
const MORE_TAPS = { full: 2_000, quick: 30 } as const;
/**
 * The gate's timers and its clock run so many times as fast, or its taps would take five minutes. Not faster: a gate whose
 * patience is over before a busy machine has answered opens no session.
 */
const LAPSE = { full: 5, quick: 1 } as const;
/** Time in the gate until an outcome has gone dark and what is left of the last tap is done. */
const QUIET_MS = 1_000;

interface Stage {
  readonly site: StagedSite;
  readonly brokerUrl: string;
  readonly crowd: Crowd;
  readonly readerPort: number;
}

async function open(site: StagedSite, say: (line: string) => void): Promise<Stage> {
  const people = stagedPeople(PEOPLE);
  const { url } = await openStreet(site, { people, devices: [DEVICE], say });
  const crowd = new Crowd(people);
  const readerPort = await crowd.open();
  site.onClose(() => crowd.close());
  return { site, brokerUrl: url, crowd, readerPort };
}

/** A gate and a process that does nothing, started together and looked at when they are at rest. */
async function oneStart(stage: Stage, effort: Effort): Promise<readonly [gate: Memory, bare: Memory]> {
  const { site, brokerUrl, readerPort } = stage;
  const bare = startBareNode();
  try {
    const { service } = await site.startGate({ device: DEVICE, brokerUrl, readerPort });
    await pause(REST_MS[effort]);
    const looks = await Promise.all([memoryOf(service.pid), memoryOf(bare.pid)]);
    await service.stop();
    return [looks[0], looks[1]];
  } finally {
    await bare.end();
  }
}

/** What the gate holds more after many taps: on V8's heap and in buffers, after a collection; and resident. */
async function growth({ site, brokerUrl, crowd, readerPort }: Stage, effort: Effort) {
  const watched = new Watched(LAPSE[effort]);
  const { service } = await site.startGate({
    ...{ device: DEVICE, brokerUrl, readerPort },
    service: watched.options,
  });
  await crowd.come(BASELINE_TAPS[effort]);
  await pause(QUIET_MS);
  const base = await watched.sample(service);
  await crowd.come(BASELINE_TAPS[effort] + MORE_TAPS[effort]);
  await pause(QUIET_MS);
  const last = await watched.sample(service);
  return {
    growthMb: rounded((usedBytes(last) - usedBytes(base)) / MB),
    usedMb: rounded(usedBytes(last) / MB),
    rssGrowthMb: rounded((last.rssBytes - base.rssBytes) / MB),
    rssAfterTapsMb: rounded(last.rssBytes / MB),
  };
}

async function play(stage: Stage, say: (line: string) => void, effort: Effort): Promise<RowResult> {
  const starts: (readonly [Memory, Memory])[] = [];
  for (let start = 0; start < STARTS[effort]; start++) starts.push(await oneStart(stage, effort));
  const gates = starts.map(([gate]) => gate);
  const bares = starts.map(([, bare]) => bare);
  const ratios = (of: (memory: Memory) => number) => starts.map(([gate, bare]) => of(gate) / of(bare));
  say(`memory after ${BASELINE_TAPS[effort]} taps, and after ${MORE_TAPS[effort]} more`);
  const { growthMb, ...grown } = await growth(stage, effort);
  return {
    figures: {
      ratio: median(ratios(({ rssMb }) => rssMb)),
      growthMb,
      rssMb: median(gates.map(({ rssMb }) => rssMb)),
    },
    beside: {
      starts: starts.length,
      spreadPercent: spreadPercent(ratios(({ rssMb }) => rssMb)),
      bareRssMb: median(bares.map(({ rssMb }) => rssMb)),
      pssMb: median(gates.map(({ pssMb }) => pssMb)),
      barePssMb: median(bares.map(({ pssMb }) => pssMb)),
      privateMb: median(gates.map(({ privateMb }) => privateMb)),
      barePrivateMb: median(bares.map(({ privateMb }) => privateMb)),
      taps: MORE_TAPS[effort],
      ...grown,
    },
  };
}

export const memory: Row = {
  name: 'memory',
  about:
    'what a gate holds in memory, at rest with a session, over a Node.js that does nothing; and after many taps',
  figures: {
    ratio: "the daemon's resident memory is so many times that of a Node.js that does nothing.",
    growthMb: 'so much more it keeps (heap and buffers, collected) after 2,000 taps: about nothing is right.',
    rssMb: 'the resident memory of the daemon at rest, in MB.',
  },
  measure: (say, effort) => onSite(async (site) => play(await open(site, say), say, effort)),
};
