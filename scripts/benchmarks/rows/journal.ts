import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Journal } from '../../../daemon/journal/journal.js';
import { TimeKeeper } from '../../../daemon/time.js';
import { systemClock } from '../../../platform/clock.js';
import { silentLog as log } from '../../../platform/log.js';
import { createSm2Pool } from '../../../platform/sm2/pool.js';
import { Crowd } from '../../soaking/crowd.js';
import { stagedPeople } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import { FlushCount } from '../parts/flushes.js';
import {
  appendVisits,
  type GateJournalOptions,
  gateJournalOptions,
  openGateJournal,
  tapOf,
} from '../parts/gateJournal.js';
import { slowDatasync } from '../parts/slowDatasync.js';
import { storedIn } from '../parts/stored.js';
import { onSite, openStreet, warnOfMemoryDisk } from '../parts/street.js';
import { inLanes, median, medianRatio, rounded, spreadPercent, timed } from '../rounds.js';
import type { Effort, Row, RowResult } from '../row.js';

const DEVICE = 'bench-gate';
const PEOPLE = 200;
const ROUNDS = { full: 15, quick: 2 } as const;
/** Appended one after another in a round, by us and bare. */
const ONE_BY_ONE = { full: 200, quick: 20 } as const;
const AT_ONCE = 16;
const REST_MS = 200;
/** In the part where each flush takes 10 ms more. */
const SLOW_ROUNDS = { full: 5, quick: 1 } as const;
const SLOW_ONE_BY_ONE = 12;
const SLOW_GROUPED = 8 * AT_ONCE;
const GROUPED = { full: 800, quick: 64 } as const;
/** Until the last card is decided on and written. */
const QUIET_MS = 1_500;
const VISITS = { full: 150, quick: 10 } as const;
/** 250,000 events is what a gate is sized for: five days of a busy lane without a network. */
const STORED_VISITS = { full: 125_000, quick: 500 } as const;
const OPENINGS = { full: 7, quick: 2 } as const;

/** Visits at a real gate: what they cost in flushes, and what one of their records takes on disk. */
async function visits(site: StagedSite, count: number, say: (line: string) => void) {
  const people = stagedPeople(PEOPLE);
  const { url } = await openStreet(site, { people, devices: [DEVICE], say });
  const crowd = new Crowd(people);
  const readerPort = await crowd.open();
  site.onClose(() => crowd.close());
  const flushes = new FlushCount();
  const gate = await site.startGate({
    ...{ device: DEVICE, brokerUrl: url, readerPort },
    service: flushes.options,
  });
  const before = await flushes.of(gate.service);
  await crowd.come(count);
  await pause(QUIET_MS);
  const inVisits = (await flushes.of(gate.service)) - before;
  await gate.service.stop();
  const stored = await storedIn(join(gate.data, 'journal'));
  return {
    flushesPerVisit: rounded(inVisits / count),
    bytesPerEvent: Math.round(stored.bytes / stored.records),
  };
}

/** The same calls with nothing of ours: so many appends of so many bytes, each followed by its fdatasync. */
async function bareAppends(path: string, count: number, bytes: Buffer): Promise<number> {
  const handle = await open(path, 'ax', 0o600);
  const tookMs = await timed(async () => {
    for (let index = 0; index < count; index++) {
      await handle.appendFile(bytes);
      await handle.datasync();
    }
  });
  await handle.close();
  return tookMs;
}

async function appends(journal: Journal, folder: string, token: string, bytes: number, effort: Effort) {
  const content = tapOf(token);
  const append = () => journal.append({ kind: 'tap', content }).durable;
  const frame = Buffer.alloc(bytes, 'r');
  const [oneByOne, grouped] = [ONE_BY_ONE[effort], GROUPED[effort]];
  const single: [number, number][] = [];
  const together: [number, number][] = [];
  for (let round = 0; round <= ROUNDS[effort]; round++) {
    // Ours between two halves of the bare ones: whatever grows or shrinks meanwhile hits both.
    const half = oneByOne / 2;
    const beforeMs = await bareAppends(join(folder, `bare-${round}-before`), half, frame);
    const oursMs = await timed(() => inLanes(1, oneByOne, append));
    const bareMs = beforeMs + (await bareAppends(join(folder, `bare-${round}-after`), half, frame));
    const groupMs = await timed(() => inLanes(AT_ONCE, grouped, append));
    // A scheduler holds it against a process when it has just been busy; the next round begins rested.
    await pause(REST_MS);
    // The first round warms up.
    if (round === 0) continue;
    single.push([oneByOne / oursMs, oneByOne / bareMs]);
    together.push([grouped / groupMs, oneByOne / bareMs]);
  }
  return { single, together };
}

/** 16 at once on a disk whose flush takes as long as a card's, over bare appends on the same. */
async function appendsOnCard(journal: Journal, folder: string, token: string, bytes: number, effort: Effort) {
  const content = tapOf(token);
  const append = () => journal.append({ kind: 'tap', content }).durable;
  const frame = Buffer.alloc(bytes, 'r');
  const pairs: [number, number][] = [];
  const quick = await slowDatasync();
  try {
    for (let round = 0; round < SLOW_ROUNDS[effort]; round++) {
      const bareMs = await bareAppends(join(folder, `card-${round}`), SLOW_ONE_BY_ONE, frame);
      const groupMs = await timed(() => inLanes(AT_ONCE, SLOW_GROUPED, append));
      pairs.push([SLOW_GROUPED / groupMs, SLOW_ONE_BY_ONE / bareMs]);
    }
  } finally {
    quick();
  }
  return medianRatio(pairs);
}

async function openings(options: GateJournalOptions, count: number): Promise<number> {
  const tookMs: number[] = [];
  for (let opening = 0; opening < count; opening++) {
    const prepared = await gateJournalOptions(options);
    const startMs = performance.now();
    const journal = await Journal.open(prepared);
    tookMs.push(performance.now() - startMs);
    await journal.close();
  }
  return median(tookMs);
}

async function play(site: StagedSite, say: (line: string) => void, effort: Effort): Promise<RowResult> {
  await warnOfMemoryDisk(site, say);
  const { flushesPerVisit, bytesPerEvent } = await visits(site, VISITS[effort], say);
  const sm2 = createSm2Pool({ size: 1, eager: true, log });
  site.onClose(() => sm2.close());
  const dataDir = join(site.folder, DEVICE);
  const time = new TimeKeeper(systemClock);
  const options = (name: string) => ({ dataDir, device: DEVICE, sm2, time, folder: join(dataDir, name) });
  const [token = ''] = stagedPeople(1).map(({ idNumber }) => idNumber);

  const journal = await openGateJournal(options('appends'));
  const { single, together } = await appends(journal, dataDir, token, bytesPerEvent, effort);
  const cardGroupRatio = await appendsOnCard(journal, dataDir, token, bytesPerEvent, effort);
  await journal.close();

  const emptyOpenMs = await openings(options('empty'), OPENINGS[effort]);
  say(`a journal of ${2 * STORED_VISITS[effort]} events is being written`);
  const large = await openGateJournal(options('large'));
  await appendVisits(large, STORED_VISITS[effort], token);
  await large.close();
  const openMs = await openings(options('large'), OPENINGS[effort]);
  const rates = (pairs: readonly [number, number][]) => median(pairs.map(([ours]) => ours * 1000));
  return {
    figures: {
      appendRatio: medianRatio(single),
      groupRatio: medianRatio(together),
      cardGroupRatio,
      flushesPerVisit,
      bytesPerEvent,
      openMs,
    },
    beside: {
      rounds: single.length,
      appendSpreadPercent: spreadPercent(single.map(([ours, bare]) => ours / bare)),
      groupSpreadPercent: spreadPercent(together.map(([ours, bare]) => ours / bare)),
      appendsPerSecond: rates(single),
      groupedPerSecond: rates(together),
      barePerSecond: median(single.map(([, bare]) => bare * 1000)),
      storedEvents: 2 * STORED_VISITS[effort],
      emptyOpenMs,
    },
  };
}

export const journal: Row = {
  name: 'journal',
  about: 'records sealed, chained and flushed, over bare appends of the same bytes, each with its fdatasync',
  figures: {
    appendRatio: 'one record after another: so many a second for one bare append (1 would cost nothing).',
    groupRatio: '16 records at once share flushes: so many a second for one bare append.',
    cardGroupRatio: 'the same where each flush takes 10 ms more, as on an SD card.',
    flushesPerVisit: 'so many flushes a visit costs the disk of a real gate.',
    bytesPerEvent: 'so many bytes an event takes on disk.',
    openMs: 'opening a journal of 250,000 events takes this (few of them with --quick).',
  },
  measure: (say, effort) => onSite((site) => play(site, say, effort)),
};
