import { setTimeout as pause } from 'node:timers/promises';
import { downTopic, upTopic } from '../../../protocol/wire/topics.js';
import { Crowd } from '../../soaking/crowd.js';
import { percentileOfRounds } from '../../staging/figures.js';
import { stagedPeople } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import { Echo, sizeOf } from '../parts/echo.js';
import { GateLink } from '../parts/gateLink.js';
import { needMosquitto, onSite, openStreet } from '../parts/street.js';
import type { Effort, Row, RowResult } from '../row.js';

const DEVICE = 'bench-gate';
const BUSY_DEVICE = 'busy-gate';
const PEOPLE = 200;
const ROUNDS = { full: 150, quick: 25 } as const;
/** Questions of the gate for one of the naive client, which takes long. */
const QUESTIONS_A_ROUND = 4;
/** Each figure is the middle one of so many. */
const COUNTED_ROUNDS = 5;
const WARM_UP = 50;
/** Where the records of one tap are under way when the next one comes, and where they are not. */
const MOST_BETWEEN_MS = 20;
const RECORD_BYTES = 1_000;
/** A delayed acknowledgement takes 40 ms on Linux (RFC 1122 clause 4.2.3.2 allows 500); what took so long waited for one. */
const STALL_MS = 38;

const stalledPercent = (times: readonly number[]) =>
  Math.round((1000 * times.filter((ms) => ms >= STALL_MS).length) / times.length) / 10;

interface Ends {
  readonly gate: GateLink;
  readonly naive: Echo;
  readonly raw: Echo;
}

/** Central and two gates at a stock broker: one that asks as it is told to, and a real one with people at it. */
async function open(site: StagedSite, say: (line: string) => void): Promise<Ends> {
  const people = stagedPeople(PEOPLE);
  const { url } = await openStreet(site, { people, devices: [DEVICE, BUSY_DEVICE], say });
  const crowd = new Crowd(people);
  const readerPort = await crowd.open();
  site.onClose(() => crowd.close());
  await site.startGate({ device: BUSY_DEVICE, brokerUrl: url, readerPort });
  void crowd.come(Number.POSITIVE_INFINITY);
  const gate = await GateLink.open(site, DEVICE, url, people[0]?.idNumber ?? '');
  const sizes = {
    up: await sizeOf(url, upTopic(DEVICE, 'verify'), () => gate.ask()),
    down: await sizeOf(url, downTopic(DEVICE, 'verdict'), () => gate.ask()),
  };
  const naive = await Echo.open(url, 'naive', sizes);
  site.onClose(() => naive.close());
  const raw = await Echo.open(url, 'raw', sizes);
  site.onClose(() => raw.close());
  return { gate, naive, raw };
}

async function play({ gate, naive, raw }: Ends, effort: Effort): Promise<RowResult> {
  const times = { gate: [] as number[], naive: [] as number[], raw: [] as number[] };
  for (let asked = 0; asked < WARM_UP; asked++) await Promise.all([gate.ask(), raw.ask()]);
  for (let round = 0; round < ROUNDS[effort]; round++) {
    for (let question = 0; question < QUESTIONS_A_ROUND; question++) {
      times.gate.push(await gate.ask());
      await pause(Math.random() * MOST_BETWEEN_MS);
    }
    times.raw.push(await raw.ask());
    // Its records share the connection, as ours do.
    naive.tell(RECORD_BYTES);
    times.naive.push(await naive.ask());
  }
  const p50 = (of: readonly number[]) => percentileOfRounds(of, 0.5, COUNTED_ROUNDS);
  const p99 = (of: readonly number[]) => percentileOfRounds(of, 0.99, COUNTED_ROUNDS);
  return {
    figures: {
      p99Ms: p99(times.gate),
      stalledPercent: stalledPercent(times.gate),
      naiveP99Ms: p99(times.naive),
    },
    beside: {
      questions: times.gate.length,
      p50Ms: p50(times.gate),
      naiveP50Ms: p50(times.naive),
      rawP50Ms: p50(times.raw),
      rawP99Ms: p99(times.raw),
      naiveStalledPercent: stalledPercent(times.naive),
      rawStalledPercent: stalledPercent(times.raw),
    },
  };
}

export const stockBroker: Row = {
  name: 'stockBroker',
  about:
    'question -> verdict on a broker as it is shipped, with records flowing at QoS 1 and another gate busy; ' +
    'beside: QoS 1 on one plain connection (naive), and QoS 0 with nothing of cardpad (raw)',
  figures: {
    p99Ms: '99 of 100 questions had their verdict within this.',
    stalledPercent: 'of 100 questions so many waited for a delayed acknowledgement (38 ms and more).',
    naiveP99Ms: 'the same 99 of 100 for a client that does everything at QoS 1 on one connection.',
  },
  async measure(say, effort) {
    needMosquitto();
    return onSite(async (site) => play(await open(site, say), effort));
  },
};
