import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../protocol/errors.js';
import type { Outcome } from '../../protocol/verdict.js';
import { EXIT, toPeople, toResults } from '../cli/command.js';
import { parseCommandLine, UsageError } from '../cli/options.js';
import { percentile } from '../staging/figures.js';
import { stagedPeople } from '../staging/people.js';
import { type Stage, setStage } from './stage.js';

const HELP = `usage: scripts/demo [--taps N]

Runs a gate, a card reader, a broker and central in one temporary folder, and lets N people (default 30) put their
cards on the pad. For the middle third of them the gate's network cable is pulled.

What is shown goes to standard output; its last line is one JSON document:
  {"taps", "verdicts": {"pass", "attend", "refuse", "undetermined"}, "lost", "p50Ms", "p99Ms"}
The times run from the last byte of a card's frame to the first outcome lamp. Exit code 0 only if nothing was lost.`;

/** People do not follow one another faster than this; a lamp that may not flicker could not keep up with them. */
const NEXT_PERSON_MS = 500;
const OUTCOME_WITHIN_MS = 6_000;
const DRAIN_WITHIN_MS = 30_000;

interface Result {
  readonly taps: number;
  readonly verdicts: Record<Outcome, number>;
  readonly lost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One person: card on the pad, outcome on the lamps, card taken away. Gives the time in ms; undefined for no lamp. */
async function tap(stage: Stage, idNumber: string): Promise<number | undefined> {
  const stepsUp = setTimeout(NEXT_PERSON_MS);
  stage.put(idNumber);
  const lampNs = await stage.trace.outcomeAfter(() => stage.cardReadNs(), OUTCOME_WITHIN_MS);
  const readNs = stage.cardReadNs();
  await stepsUp;
  stage.lift();
  return lampNs === undefined || readNs === undefined ? undefined : Number(lampNs - readNs) / 1e6;
}

/** Taps and verdicts as central has them, once it has all, or when it is given up. */
async function collect(
  stage: Stage,
  taps: number,
): Promise<{ verdicts: Record<Outcome, number>; lost: number }> {
  const giveUp = AbortSignal.timeout(DRAIN_WITHIN_MS);
  for (;;) {
    const events = await stage.events();
    const tapped = events.filter(({ kind }) => kind === 'tap').length;
    const outcomes = events.filter(({ kind }) => kind === 'verdict').map(({ outcome }) => outcome as Outcome);
    const whole = Math.min(tapped, outcomes.length);
    if (whole < taps && !giveUp.aborted) continue;
    const verdicts: Record<Outcome, number> = { pass: 0, attend: 0, refuse: 0, undetermined: 0 };
    for (const outcome of outcomes) verdicts[outcome] += 1;
    // A verdict that central never got was given by nobody whom we could ask.
    verdicts.undetermined += Math.max(0, taps - outcomes.length);
    return { verdicts, lost: taps - whole };
  }
}

/** Pulls or plugs the cable when it is time, and waits until the gate has noticed. */
async function turnNetwork(stage: Stage, index: number, taps: number): Promise<void> {
  const pullAt = Math.floor(taps / 3);
  const plugAt = Math.floor((2 * taps) / 3);
  if (pullAt === plugAt) return;
  const from = stage.gate.written;
  if (index === pullAt) {
    await stage.cable.pull();
    await stage.gate.line('connection lost', from);
    toResults(`  the network cable is pulled before person ${index + 1}`);
  }
  if (index === plugAt) {
    await stage.cable.plug();
    await stage.gate.line('connected', from);
    toResults(`  the network is back before person ${index + 1}`);
  }
}

async function play(stage: Stage, people: readonly { idNumber: string }[]): Promise<Result> {
  const taps = people.length;
  const times: number[] = [];
  for (const [index, { idNumber }] of people.entries()) {
    await turnNetwork(stage, index, taps);
    const tookMs = await tap(stage, idNumber);
    if (tookMs === undefined) toResults(`  person ${index + 1} saw no lamp`);
    else times.push(tookMs);
    if ((index + 1) % 10 === 0) toResults(`  ${index + 1} of ${taps} people`);
  }
  toResults('waiting until central has every event ...');
  const { verdicts, lost } = await collect(stage, taps);
  return {
    taps,
    verdicts,
    lost: Math.max(lost, taps - times.length),
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
  };
}

function summary({ taps, verdicts, lost, p50Ms, p99Ms }: Result): string {
  const { pass, attend, refuse, undetermined } = verdicts;
  return [
    '',
    `${taps} came: ${pass} passed by central's verdict, ${undetermined} were registered without it while the network was`,
    `gone, ${attend} were met by staff, ${refuse} refused.`,
    `From the last byte of the card to the lamp: ${p50Ms} ms in the middle, ${p99Ms} ms for the slowest in a hundred.`,
    lost === 0 ? 'Nothing was lost: central has every tap and every verdict.' : `LOST: ${lost}`,
    '',
  ].join('\n');
}

async function demo(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(argv, {
    taps: { type: 'string' },
    help: { type: 'boolean' },
  });
  if (values.help) {
    toResults(HELP);
    return EXIT.done;
  }
  const taps = Number(values.taps ?? '30');
  if (!Number.isSafeInteger(taps) || taps < 1 || taps > 100_000 || positionals.length > 0) {
    throw new UsageError('--taps takes a whole number from 1 to 100000, and there is nothing else to say');
  }
  const people = stagedPeople(taps);
  toResults('setting the stage:');
  const stage = await setStage(people, (line) => toResults(`  ${line}`));
  try {
    toResults(`${taps} people put their cards on the pad:`);
    const result = await play(stage, people);
    toResults((await stage.verify()).trimEnd());
    toResults(summary(result));
    toResults(JSON.stringify(result));
    return result.lost === 0 ? EXIT.done : EXIT.no;
  } finally {
    await stage.close();
  }
}

try {
  process.exitCode = await demo(process.argv.slice(2));
} catch (thrown) {
  toPeople(`scripts/demo: ${messageOf(thrown)}`);
  if (thrown instanceof UsageError) toPeople('scripts/demo --help says how it is used.');
  process.exitCode = thrown instanceof UsageError ? EXIT.usage : EXIT.unreachable;
}
