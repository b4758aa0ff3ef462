import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom } from '../../../drivers/simulated/random.js';
import { Capture } from '../../e2e/support/capture.js';
import type { Child, TestScope } from '../../e2e/support/child.js';
import { TestGate } from '../../e2e/support/gate.js';
import { elder, type Person } from '../../e2e/support/people.js';
import { Site } from '../../e2e/support/site.js';
import { type BrokerKind, defaultBroker } from '../../support/brokers.js';
import { type FaultyProxy, startProxy } from '../../support/faultyProxy.js';
import { between } from '../sim/clock.js';
import { accountFaults } from './account.js';

/** A broker whose connections all go, once in each second, while people come. */
export interface FlapOptions {
  readonly seed: number;
  readonly seconds: number;
}

export interface FlapResult {
  readonly violations: readonly string[];
  readonly visits: number;
  readonly byCentral: number;
  readonly byLocal: number;
  readonly records: number;
  /** How often all connections were cut, and how many were made to the broker in all, central's too. */
  readonly cuts: number;
  readonly connections: number;
  /** How often the gate itself was connected. */
  readonly connected: number;
  /** Sessions that it asked for, and that it had. */
  readonly hellos: number;
  readonly sessions: number;
  /** Of each process: resident memory when the flapping began and at its end, and open files. */
  readonly gate: Footprints;
  readonly central: Footprints;
  /** Lines a second that the gate wrote to its log. */
  readonly linesASecond: number;
  /** From the last cut until central has everything. */
  readonly drainMs: number;
}

interface Footprint {
  readonly rssMb: number;
  readonly files: number;
}

interface Footprints {
  readonly before: Footprint;
  readonly after: Footprint;
}

const DEVICE = 'gate-1';
const CROWD = 800;
const SECOND_MS = 1_000;
const REST_MS = [100, 1_200] as const;
/** More than any drain of some minutes takes, on a machine that others use. */
const DRAIN_MS = 120_000;

/** What a gate that doubts its session may ask for beside one a connection (daemon/link/doubt.ts). */
const MOST_MORE_HELLOS = 6;
/** V8 takes what it needs for a while and gives it back when it must: the bench sees 34 MB in 2,000 taps. */
const MOST_GROWTH_MB = 64;
const MOST_MORE_FILES = 8;
/** Lost, refused, connected, and what each of them says of the session; and a tap. */
const MOST_LINES_A_SECOND = 15;

/** A broker behind a stretch of network: gates and central reach it no other way. */
function behind(kind: BrokerKind, onProxy: (proxy: FaultyProxy, directUrl: string) => void): BrokerKind {
  return {
    ...kind,
    async start(t, port) {
      const broker = await kind.start(t, port);
      const proxy = await startProxy(t, broker.port, { frames: 'bytes' });
      onProxy(proxy, broker.url);
      return { ...broker, url: `mqtt://127.0.0.1:${proxy.port}`, port: proxy.port };
    },
  };
}

function footprint({ pid = 0 }: Child): Footprint {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kb = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
  return { rssMb: Math.round(kb / 1024), files: readdirSync(`/proc/${pid}/fd`).length };
}

function growth(name: string, { before, after }: Footprints): string[] {
  const moreMb = after.rssMb - before.rssMb;
  const moreFiles = after.files - before.files;
  return [
    ...(moreMb > MOST_GROWTH_MB ? [`${name} has grown by ${moreMb} MB`] : []),
    ...(moreFiles > MOST_MORE_FILES ? [`${name} has ${moreFiles} more files open`] : []),
  ];
}

/** Cuts all connections at one instant of each second. */
async function flap(proxy: FaultyProxy, random: () => number, seconds: number): Promise<number> {
  const fromMs = performance.now();
  let cuts = 0;
  for (let second = 0; second < seconds; second++) {
    const atMs = fromMs + second * SECOND_MS + between(random, 0, SECOND_MS);
    await pause(Math.max(0, atMs - performance.now()));
    proxy.cut();
    cuts += 1;
  }
  return cuts;
}

/** People come one after another, as long as they are let; gives how many. */
async function come(gate: TestGate, people: readonly Person[], random: () => number, isOver: () => boolean) {
  let visits = 0;
  while (!isOver()) {
    const person = people[visits % people.length];
    if (person === undefined) break;
    const said = gate.process.written;
    gate.put(person);
    await gate.decided(said);
    gate.lift();
    visits += 1;
    await pause(between(random, ...REST_MS));
  }
  return visits;
}

/** What the broker saw of the gate: the log says a few lines a minute and no more. */
function seenOf({ messages }: Capture) {
  const on = (kind: string) => messages.filter(({ topic }) => topic === `cardpad/v1/d/${DEVICE}/up/${kind}`);
  const states = on('state').map(({ payload }) => JSON.parse(payload.toString()));
  // The will of a connection says `lost`, in the broker's own time.
  const numbers = states.filter(({ state }) => state !== 'lost').map(({ connection }) => connection);
  return { hellos: on('hello').length, connected: new Set(numbers).size };
}

/** Lives it in real time, with a real gate, central and broker; what it began ends with the scope. */
export async function liveFlap(t: TestScope, { seed, seconds }: FlapOptions): Promise<FlapResult> {
  const random = seededRandom(seed);
  const streets = seededRandom(seed ^ 0x5eed);
  const people = Array.from({ length: CROWD }, (_, index) => elder(index, { healthCode: 'green' }));
  let way: { readonly proxy: FaultyProxy; readonly directUrl: string } | undefined;
  const broker = behind(defaultBroker(), (proxy, directUrl) => {
    way = { proxy, directUrl };
  });
  const site = await Site.open(t, { people, broker });
  if (way === undefined) throw new Error('no proxy');
  const { proxy, directUrl } = way;
  // Beside the proxy: the onlooker misses nothing.
  const capture = await Capture.open(t, directUrl, site.asClient());
  const gate = await TestGate.open(site, { device: DEVICE });
  const before = { gate: footprint(gate.process), central: footprint(site.service) };
  const linesFrom = gate.process.written;

  let isOver = false;
  const visiting = come(gate, people, streets, () => isOver);
  const cuts = await flap(proxy, random, seconds);
  isOver = true;
  const visits = await visiting;
  const endMs = performance.now();
  const linesASecond = (gate.process.written - linesFrom) / seconds;
  const account = await accountFaults(site, gate, DRAIN_MS);
  const drainMs = Math.round(performance.now() - endMs);
  const footprints = {
    gate: { before: before.gate, after: footprint(gate.process) },
    central: { before: before.central, after: footprint(site.service) },
  };
  const { hellos, connected } = seenOf(capture);
  return {
    violations: [
      ...account.faults,
      ...(account.taps === visits ? [] : [`${visits} cards were laid, ${account.taps} taps decided`]),
      ...(hellos > connected + MOST_MORE_HELLOS ? [`${hellos} hellos on ${connected} connections`] : []),
      ...(linesASecond > MOST_LINES_A_SECOND ? [`${linesASecond.toFixed(1)} lines a second`] : []),
      ...growth('the gate', footprints.gate),
      ...growth('central', footprints.central),
    ],
    visits,
    byCentral: account.byCentral,
    byLocal: account.taps - account.byCentral,
    records: account.records,
    cuts,
    connections: proxy.taken,
    connected,
    hellos,
    sessions: gate.process.stderr.match(/session open/g)?.length ?? 0,
    ...footprints,
    linesASecond,
    drainMs,
  };
}
