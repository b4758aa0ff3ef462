import { setTimeout as pause } from 'node:timers/promises';
import { enroll } from '../../../central/enrolments.js';
import { generateSm2KeyPair } from '../../../protocol/sm/sm2.js';
import { percentile } from '../../staging/figures.js';
import { stagedPeople } from '../../staging/people.js';
import type { StagedSite } from '../../staging/site.js';
import { Echo } from '../parts/echo.js';
import { needMosquitto, onSite, openStreet } from '../parts/street.js';
import { type Prepared, StreetGate } from '../parts/streetGate.js';
import { inLanes, median, medianRatio, spreadPercent, timed } from '../rounds.js';
import type { Effort, Row, RowResult } from '../row.js';

const PEOPLE = 1_000;
const GATES = { full: 48, quick: 4 } as const;
const ROUNDS = { full: 7, quick: 2 } as const;
/** One a gate, and so many under way at once: enough that central never waits for us. */
const QUESTIONS = { full: 2_400, quick: 80 } as const;
/** How long half the load lasts in a round. */
const HALF_LOAD_MS = { full: 2_000, quick: 300 } as const;
/** Central works on four at a time, and lets those that wait longer than 3.5 s go. */
const HELLOS_AT_ONCE = 8;

interface Ends {
  readonly gates: readonly StreetGate[];
  readonly raw: Echo;
  readonly token: string;
}

async function open(site: StagedSite, say: (line: string) => void, effort: Effort): Promise<Ends> {
  const people = stagedPeople(PEOPLE);
  const [key, fresh] = [generateSm2KeyPair(), generateSm2KeyPair()];
  const devices = Array.from({ length: GATES[effort] }, (_, index) => `gate-${index}`);
  const { url } = await openStreet(site, {
    ...{ people, devices: [], say },
    async prepare() {
      for (const device of devices) {
        const how = { replace: false, nowMs: Date.now() };
        await enroll(site.central, StreetGate.enrolment(device, key), how);
      }
    },
  });
  const gates = await Promise.all(devices.map((device) => StreetGate.connect(url, device, key, fresh)));
  for (const gate of gates) site.onClose(() => gate.close());
  await greet(gates);
  const [gate] = gates;
  const token = people[0]?.idNumber ?? '';
  const question = gate?.question(token);
  if (gate === undefined || question === undefined) throw new Error('no gates');
  const sizes = { up: question.payload.length, down: (await gate.ask(question)).length };
  const raw = await Echo.open(url, 'raw', sizes);
  site.onClose(() => raw.close());
  return { gates, raw, token };
}

/** Every gate opens a session; gives how many there were a second. */
async function greet(gates: readonly StreetGate[]): Promise<number> {
  const hellos = gates.map((gate) => ({ gate, hello: gate.hello() }));
  const welcomes = new Map<StreetGate, Buffer>();
  const tookMs = await timed(() =>
    inLanes(HELLOS_AT_ONCE, hellos.length, async (index) => {
      const due = hellos[index];
      if (due !== undefined) welcomes.set(due.gate, await due.gate.ask(due.hello));
    }),
  );
  for (const [gate, welcome] of welcomes) gate.welcome(welcome);
  return (1000 * gates.length) / tookMs;
}

/** Questions of all gates in turn. */
const asked = ({ gates, token }: Ends, count: number) =>
  gates.map((gate) =>
    Array.from({ length: Math.ceil(count / gates.length) }, (): Prepared => gate.question(token)),
  );

/** Each gate asks again as soon as it has its verdict; gives how many there were a second. */
async function flatOut(ends: Ends, count: number): Promise<number> {
  const questions = asked(ends, count);
  const verdicts: { gate: StreetGate; payload: Buffer }[] = [];
  const tookMs = await timed(() =>
    Promise.all(
      ends.gates.map(async (gate, index) => {
        for (const question of questions[index] ?? []) {
          verdicts.push({ gate, payload: await gate.ask(question) });
        }
      }),
    ),
  );
  for (const { gate, payload } of verdicts) gate.check(payload);
  return (1000 * verdicts.length) / tookMs;
}

/** As many plain round trips at once as there are gates; gives how many there were a second. */
async function plain({ raw, gates }: Ends, count: number): Promise<number> {
  return (1000 * count) / (await timed(() => inLanes(gates.length, count, () => raw.ask())));
}

/**
 * Questions at a steady rate; gives how long each took, in ms. One that could not be sent when it was due, since its gate
 * still waited, counts from then: a stall must not hide those that it kept from being asked.
 */
async function steadily(ends: Ends, perSecond: number, lastsMs: number): Promise<number[]> {
  const count = Math.max(ends.gates.length, Math.round((perSecond * lastsMs) / 1000));
  const questions = asked(ends, count);
  const tookMs: number[] = [];
  const startMs = performance.now();
  await Promise.all(
    ends.gates.map(async (gate, index) => {
      for (const [turn, question] of (questions[index] ?? []).entries()) {
        const dueMs = startMs + (1000 * (turn * ends.gates.length + index)) / perSecond;
        const isFree = performance.now() <= dueMs;
        if (isFree) await pause(dueMs - performance.now());
        // That a timer goes off late is no fault of central.
        const fromMs = isFree ? performance.now() : dueMs;
        const verdict = await gate.ask(question);
        tookMs.push(performance.now() - fromMs);
        gate.check(verdict);
      }
    }),
  );
  return tookMs;
}

async function play(ends: Ends, effort: Effort): Promise<RowResult> {
  const verifies: [number, number][] = [];
  const hellos: number[] = [];
  const halfLoad: number[][] = [];
  const questions = QUESTIONS[effort];
  await Promise.all([flatOut(ends, questions), plain(ends, questions)]);
  for (let round = 0; round < ROUNDS[effort]; round++) {
    const perSecond = await flatOut(ends, questions);
    verifies.push([perSecond, await plain(ends, questions)]);
    halfLoad.push(await steadily(ends, perSecond / 2, HALF_LOAD_MS[effort]));
    hellos.push(await greet(ends.gates));
  }
  const halfP = (part: number) => median(halfLoad.map((times) => percentile(times, part)));
  return {
    figures: {
      verifiesPerSecond: median(verifies.map(([ours]) => ours)),
      p99Ms: halfP(0.99),
      ratio: medianRatio(verifies),
      hellosPerSecond: median(hellos),
    },
    beside: {
      rounds: verifies.length,
      gates: ends.gates.length,
      spreadPercent: spreadPercent(verifies.map(([ours]) => ours)),
      plainPerSecond: median(verifies.map(([, plainRate]) => plainRate)),
      halfLoadP50Ms: halfP(0.5),
    },
  };
}

export const central: Row = {
  name: 'central',
  about: "how many gates' questions and hellos one central answers a second, all of them over one broker",
  figures: {
    verifiesPerSecond: 'questions answered a second, when every gate asks again at once.',
    p99Ms: 'at half that load, 99 of 100 gates have their verdict within this.',
    ratio: 'so many questions are answered for one plain mqtt.js round trip of the same sizes.',
    hellosPerSecond: 'sessions opened a second, which is what SM2 allows.',
  },
  async measure(say, effort) {
    needMosquitto();
    return onSite(async (site) => play(await open(site, say, effort), effort));
  },
};
