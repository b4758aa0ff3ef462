import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { downTopic, upTopic } from '../../protocol/wire/topics.js';
import { Crowd } from '../soaking/crowd.js';
import { findMosquitto, startMosquitto } from '../staging/broker.js';
import { percentileOfRounds } from '../staging/figures.js';
import { type StagedPerson, stagedPeople } from '../staging/people.js';
import { StagedSite } from '../staging/site.js';
import { Echo, sizeOf } from './echo.js';
import { GateLink } from './gateLink.js';
import type { Row, RowResult } from './row.js';

const DEVICE = 'bench-gate';
const BUSY_DEVICE = 'busy-gate';
const PEOPLE = 200;
const QUESTION_RATE = 10_000;
const ROUNDS = 150;
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

/** @throws Error where it is missing: another broker would give another figure under the same name */
function mosquitto(): string {
  const program = findMosquitto();
  if (program !== undefined) return program;
  throw new Error(
    'the row stockBroker needs Mosquitto: install it (apt-get install mosquitto), or take another --row',
  );
}

const stalledPercent = (times: readonly number[]) =>
  Math.round((1000 * times.filter((ms) => ms >= STALL_MS).length) / times.length) / 10;

interface Ends {
  readonly gate: GateLink;
  readonly naive: Echo;
  readonly raw: Echo;
}

/** Central and two gates at a stock broker: one that asks as it is told to, and a real one with people at it. */
async function open(site: StagedSite, program: string, say: (line: string) => void): Promise<Ends> {
  const people = stagedPeople(PEOPLE);
  const broker = await startMosquitto(program);
  site.onClose(() => broker.close());
  say(`broker: ${broker.name}`);
  await site.initCentral(people);
  await site.enroll(DEVICE);
  await site.enroll(BUSY_DEVICE);
  await site.startCentral(broker.url, QUESTION_RATE);
  await startBusyGate(site, broker.url, people);
  const token = people[0]?.idNumber ?? '';
  const gate = await GateLink.open(join(site.folder, DEVICE), DEVICE, broker.url, token);
  site.onClose(() => gate.close());
  const sizes = {
    up: await sizeOf(broker.url, upTopic(DEVICE, 'verify'), () => gate.ask()),
    down: await sizeOf(broker.url, downTopic(DEVICE, 'verdict'), () => gate.ask()),
  };
  const naive = await Echo.open(broker.url, 'naive', sizes);
  site.onClose(() => naive.close());
  const raw = await Echo.open(broker.url, 'raw', sizes);
  site.onClose(() => raw.close());
  return { gate, naive, raw };
}

async function startBusyGate(
  site: StagedSite,
  brokerUrl: string,
  people: readonly StagedPerson[],
): Promise<void> {
  const crowd = new Crowd(people);
  const readerPort = await crowd.open();
  site.onClose(() => crowd.close());
  await site.startGate({ device: BUSY_DEVICE, brokerUrl, readerPort });
  void crowd.come(Number.POSITIVE_INFINITY);
}

async function play({ gate, naive, raw }: Ends, rounds: number): Promise<RowResult> {
  const times = { gate: [] as number[], naive: [] as number[], raw: [] as number[] };
  for (let asked = 0; asked < WARM_UP; asked++) await Promise.all([gate.ask(), raw.ask()]);
  for (let round = 0; round < rounds; round++) {
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
  async measure(say, rounds = ROUNDS) {
    const program = mosquitto();
    const site = await StagedSite.make('bench');
    try {
      return await play(await open(site, program, say), rounds);
    } finally {
      await site.close();
    }
  },
};
