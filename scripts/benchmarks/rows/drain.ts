import { join } from 'node:path';
import { connectAsync, type MqttClient } from 'mqtt';
import { TimeKeeper } from '../../../daemon/time.js';
import { systemClock } from '../../../platform/clock.js';
import { silentLog as log } from '../../../platform/log.js';
import { createSm2Pool } from '../../../platform/sm2/pool.js';
import { FRAME_HEADER_BYTES } from '../../../protocol/journal/frame.js';
import { type StagedPerson, stagedPeople } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import { Acks } from '../parts/acks.js';
import { withoutNagle } from '../parts/echoKinds.js';
import { appendVisits, openGateJournal } from '../parts/gateJournal.js';
import { GateLink } from '../parts/gateLink.js';
import { storedIn } from '../parts/stored.js';
import { needMosquitto, onSite, openStreet, warnOfMemoryDisk } from '../parts/street.js';
import { Visitors } from '../parts/visitors.js';
import { inLanes, median, medianRatio, spreadPercent, timed } from '../rounds.js';
import type { Effort, Row, RowResult } from '../row.js';

const LINK_DEVICE = 'bench-link';
const GATE_DEVICE = 'bench-gate';
const PEOPLE = 600;
const ROUNDS = { full: 7, quick: 1 } as const;
const VISITS = { full: 2_000, quick: 200 } as const;
/** As the uploader has it: so many batches are under way on a quick line, of so many bytes and records at most. */
const BATCHES_OUT = 2;
const BATCH_BYTES = 32 * 1024;
const BATCH_RECORDS = 64;

const TAP_ROUNDS = { full: 3, quick: 1 } as const;
const TAPS = { full: 20, quick: 3 } as const;
/** Of a process that has just been started, the first taps are slow. */
const WARM_UP_TAPS = { full: 10, quick: 2 } as const;
/** A lamp rises at most once in 400 ms (WCAG 2.3.1): people cannot be told anything any faster. */
const NEXT_PERSON_MS = 450;
/** More than goes to central while these people come. */
const BACKLOG_MARGIN = 1.5;
const MOST_DOUBLED = 4;

interface TapRun {
  readonly effort: Effort;
  readonly say: (line: string) => void;
  /** Visits whose records are to drain in the first round. */
  readonly backlog: number;
}

/** Events a second: of a drain, and of plain publishes with as many records, or messages, under way. */
interface UploadRound {
  readonly ours: number;
  readonly byRecords: number;
  readonly byMessages: number;
}

/** Records to drain beside the same number of plain publishes. */
async function uploads(site: StagedSite, url: string, token: string, effort: Effort) {
  const gate = await GateLink.open(site, LINK_DEVICE, url, token);
  const plain = await connectAsync(url, { reconnectPeriod: 0 });
  withoutNagle(plain);
  site.onClose(() => plain.endAsync(true));
  const rounds: UploadRound[] = [];
  let batchRecords = BATCH_RECORDS;
  for (let round = -1; round < ROUNDS[effort]; round++) {
    await gate.gather(VISITS[effort]);
    const { bytes, records } = await storedIn(join(site.folder, LINK_DEVICE, 'journal'));
    const recordBytes = Math.round(bytes / records) - FRAME_HEADER_BYTES;
    batchRecords = Math.min(BATCH_RECORDS, Math.floor(BATCH_BYTES / recordBytes));
    const events = 2 * VISITS[effort];
    const oursMs = await timed(() => gate.drain());
    const plainMs = (window: number) => timed(() => publishAll(plain, events, recordBytes, window));
    const byRecordsMs = await plainMs(BATCHES_OUT * batchRecords);
    const byMessagesMs = await plainMs(BATCHES_OUT);
    const perSecond = (tookMs: number) => (1000 * events) / tookMs;
    // The first round warms up.
    if (round < 0) continue;
    rounds.push({
      ours: perSecond(oursMs),
      byRecords: perSecond(byRecordsMs),
      byMessages: perSecond(byMessagesMs),
    });
  }
  return { rounds, batchRecords };
}

/** One record each at QoS 1, so many of them under way. */
function publishAll(client: MqttClient, count: number, bytes: number, window: number): Promise<void> {
  const record = Buffer.alloc(bytes, 'r');
  return inLanes(window, count, () => client.publishAsync('bench/records', record, { qos: 1 }));
}

/** What a gate has gathered while it was alone, put into its folder before it starts. */
async function leaveBacklog(site: StagedSite, visits: number, token: string): Promise<void> {
  const sm2 = createSm2Pool({ size: 1, eager: true, log });
  const time = new TimeKeeper(systemClock);
  const dataDir = join(site.folder, GATE_DEVICE);
  const journal = await openGateJournal({ dataDir, device: GATE_DEVICE, sm2, time });
  await appendVisits(journal, visits, token);
  await journal.close();
  await sm2.close();
}

/**
 * People at a gate that is draining, and then at the same gate when it is not; card to lamp in ms. Undefined when
 * everything had drained before the last of them came.
 */
async function tapRound(site: StagedSite, url: string, people: readonly StagedPerson[], effort: Effort) {
  const acks = await Acks.watch(url, GATE_DEVICE);
  const visitors = await Visitors.open(site, { device: GATE_DEVICE, brokerUrl: url, people });
  await visitors.come(WARM_UP_TAPS[effort], NEXT_PERSON_MS);
  const draining = await visitors.come(TAPS[effort], NEXT_PERSON_MS);
  const countThen = acks.count;
  await acks.over();
  // A tap brings two records and one or two acknowledgements; a backlog brings hundreds.
  const wasDraining = acks.count - countThen > 2;
  const idle = wasDraining ? await visitors.come(TAPS[effort], NEXT_PERSON_MS) : [];
  await visitors.stop();
  await acks.close();
  return wasDraining ? ([median(draining), median(idle)] as const) : undefined;
}

/** Rounds of taps, each with a backlog that lasts; a machine that has become faster meanwhile takes a longer one. */
async function tapRounds(site: StagedSite, url: string, people: readonly StagedPerson[], run: TapRun) {
  const { effort, say } = run;
  const taps: (readonly [number, number])[] = [];
  let { backlog } = run;
  for (let tries = 0; taps.length < TAP_ROUNDS[effort]; tries++) {
    if (tries > TAP_ROUNDS[effort] + MOST_DOUBLED)
      throw new Error('everything drains before anybody can come');
    say(
      `people come while ${2 * backlog} events drain, and afterwards (${taps.length + 1} of ${TAP_ROUNDS[effort]})`,
    );
    await leaveBacklog(site, backlog, people[0]?.idNumber ?? '');
    const round = await tapRound(site, url, people, effort);
    if (round === undefined) backlog *= 2;
    else taps.push(round);
  }
  return taps;
}

async function play(site: StagedSite, say: (line: string) => void, effort: Effort): Promise<RowResult> {
  await warnOfMemoryDisk(site, say);
  const people = stagedPeople(PEOPLE).filter(({ healthCode }) => healthCode === 'green');
  const token = people[0]?.idNumber ?? '';
  const { url } = await openStreet(site, { people, devices: [LINK_DEVICE, GATE_DEVICE], say });
  const { rounds, batchRecords } = await uploads(site, url, token, effort);
  const perSecond = median(rounds.map(({ ours }) => ours));
  const besideRecords = rounds.map(({ ours, byRecords }): [number, number] => [ours, byRecords]);
  const besideMessages = rounds.map(({ ours, byMessages }): [number, number] => [ours, byMessages]);
  const lastS = ((WARM_UP_TAPS[effort] + TAPS[effort]) * NEXT_PERSON_MS) / 1000;
  const backlog = Math.ceil((perSecond * lastS * BACKLOG_MARGIN) / 2);
  const taps = await tapRounds(site, url, people, { effort, say, backlog });
  return {
    figures: {
      ratio: medianRatio(besideRecords),
      messageRatio: medianRatio(besideMessages),
      tapRatio: medianRatio(taps),
      eventsPerSecond: perSecond,
    },
    beside: {
      rounds: rounds.length,
      spreadPercent: spreadPercent(besideRecords.map(([ours, plain]) => ours / plain)),
      plainPerSecond: median(besideRecords.map(([, plain]) => plain)),
      plainByMessagesPerSecond: median(besideMessages.map(([, plain]) => plain)),
      batchRecords,
      tapRounds: taps.length,
      drainingP50Ms: median(taps.map(([draining]) => draining)),
      idleP50Ms: median(taps.map(([, idle]) => idle)),
    },
  };
}

export const drain: Row = {
  name: 'drain',
  about:
    "a gate's backlog on its way to central's disk, over plain mqtt.js publishes at QoS 1 of one record each; and what " +
    'somebody at the gate notices of it',
  figures: {
    ratio:
      'so many events are at central, acknowledged and on its disk, for one plain publish, as many records under way.',
    messageRatio: 'the same with as many messages under way: two.',
    tapRatio: 'card to lamp takes so many times as long while a backlog drains.',
    eventsPerSecond: 'so many events a second went to central.',
  },
  async measure(say, effort) {
    needMosquitto();
    return onSite((site) => play(site, say, effort));
  },
};
