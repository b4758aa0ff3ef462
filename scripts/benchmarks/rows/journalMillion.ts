import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Journal } from '../../../daemon/journal/journal.js';
import { TimeKeeper } from '../../../daemon/time.js';
import { systemClock } from '../../../platform/clock.js';
import { silentLog as log } from '../../../platform/log.js';
import { createSm2Pool } from '../../../platform/sm2/pool.js';
import { stagedPeople } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import {
  appendVisits,
  type GateJournalOptions,
  gateJournalOptions,
  openGateJournal,
  tapOf,
} from '../parts/gateJournal.js';
import { onSite, warnOfMemoryDisk } from '../parts/street.js';
import { inLanes, median, medianRatio, rounded, spreadPercent, timed } from '../rounds.js';
import type { Effort, Row, RowResult } from '../row.js';

const DEVICE = 'bench-gate';
/** Visits of two events each, up to which the large journal is filled: a quarter of a million events, and a million. */
const VISITS = { full: { quarter: 125_000, all: 500_000 }, quick: { quarter: 500, all: 1_000 } } as const;
const OPENINGS = { full: 7, quick: 2 } as const;
const ROUNDS = { full: 15, quick: 2 } as const;
/** Appended one after another in a round. */
const APPENDS = { full: 200, quick: 20 } as const;
/** More than that is looked for neither by count nor by bytes: nothing is dropped. */
const LIMITS = { maxRecords: 4_000_000, maxBytes: 4e9, retentionMs: 72 * 3_600_000 };
const EVENT_BYTES = 800;
const MB = 1e6;

/** On V8's heap and in buffers. */
function usedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** @throws Error where the disk would be nearly full */
async function needRoom({ folder }: StagedSite, events: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const neededBytes = 2 * events * EVENT_BYTES;
  if (bavail * bsize < neededBytes)
    throw new Error(`${Math.ceil(neededBytes / MB)} MB of free disk are needed below ${folder}`);
}

/** Records a second, one after another, in a large journal and in an empty one, taken in turns. */
async function appends(large: Journal, empty: Journal, token: string, effort: Effort) {
  const content = tapOf(token);
  const count = APPENDS[effort];
  const rate = async (journal: Journal) =>
    count / (await timed(() => inLanes(1, count, () => journal.append({ kind: 'tap', content }).durable)));
  const pairs: [number, number][] = [];
  for (let round = -1; round < ROUNDS[effort]; round++) {
    const pair: [number, number] = [await rate(large), await rate(empty)];
    // The first round warms up.
    if (round >= 0) pairs.push(pair);
  }
  return pairs;
}

/** From the beginning of the opening until it has taken a record, in ms. */
async function opened(options: GateJournalOptions, token: string) {
  const prepared = await gateJournalOptions(options);
  const startMs = performance.now();
  const journal = await Journal.open(prepared);
  const { durable } = journal.append({ kind: 'tap', content: tapOf(token) });
  const tookMs = performance.now() - startMs;
  await durable;
  return { journal, tookMs };
}

/** How long it takes to open a journal, and what it holds then, on V8's heap and in buffers, after a collection. */
async function openings(options: GateJournalOptions, token: string, collect: () => void, effort: Effort) {
  const tookMs: number[] = [];
  const heldBytes: number[] = [];
  for (let opening = 0; opening < OPENINGS[effort]; opening++) {
    collect();
    const beforeBytes = usedBytes();
    const { journal, tookMs: thisMs } = await opened(options, token);
    collect();
    heldBytes.push(usedBytes() - beforeBytes);
    tookMs.push(thisMs);
    await journal.close();
  }
  return { ms: median(tookMs), firstMs: rounded(tookMs[0] ?? 0), bytes: median(heldBytes) };
}

async function play(site: StagedSite, say: (line: string) => void, effort: Effort): Promise<RowResult> {
  await warnOfMemoryDisk(site, say);
  const { quarter, all } = VISITS[effort];
  await needRoom(site, 2 * all);
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const people = stagedPeople(1);
  const [token = ''] = people.map(({ idNumber }) => idNumber);
  await site.initCentral(people);
  await site.enroll(DEVICE);
  const sm2 = createSm2Pool({ size: 1, eager: true, log });
  site.onClose(() => sm2.close());
  const dataDir = join(site.folder, DEVICE);
  const time = new TimeKeeper(systemClock);
  const at = (name: string) => ({
    ...{ dataDir, device: DEVICE, sm2, time, limits: LIMITS },
    folder: join(dataDir, name),
  });

  const [large, empty] = [await openGateJournal(at('large')), await openGateJournal(at('small'))];
  const fill = async (visits: number) => {
    say(`${2 * visits} events are being written`);
    return (await timed(() => appendVisits(large, visits, token))) / 1000;
  };
  const firstS = await fill(quarter);
  const quarterPairs = await appends(large, empty, token, effort);
  const fillS = firstS + (await fill(all - quarter));
  const pairs = await appends(large, empty, token, effort);
  await large.close();
  await empty.close();

  const none = await openings(at('empty'), token, collect, effort);
  const full = await openings(at('large'), token, collect, effort);
  const rates = (which: 0 | 1) => median(pairs.map((pair) => pair[which] * 1000));
  return {
    figures: {
      flatRatio: medianRatio(pairs),
      openMs: full.ms,
      openMemoryMb: rounded((full.bytes - none.bytes) / MB),
    },
    beside: {
      storedEvents: 2 * all,
      flatRatioAtQuarter: medianRatio(quarterPairs),
      flatSpreadPercent: spreadPercent(pairs.map(([ours, other]) => ours / other)),
      appendsPerSecond: rates(0),
      emptyAppendsPerSecond: rates(1),
      filledPerSecond: Math.round((2 * all) / fillS),
      firstOpenMs: full.firstMs,
      emptyOpenMs: none.ms,
    },
  };
}

export const journalMillion: Row = {
  name: 'journalMillion',
  about: 'a journal of a million events beside an empty one: 0.7 GB of disk for a minute or two',
  figures: {
    flatRatio:
      'so many records a second are appended to it, one after another, for one appended to the empty one.',
    openMs: 'opening it until it has taken its first new record takes this (few events with --quick).',
    openMemoryMb: 'so many MB more are held by it when it is open.',
  },
  measure: (say, effort) => onSite((site) => play(site, say, effort)),
};
