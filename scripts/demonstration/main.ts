import { setTimeout } from 'node:timers/promises';
import { type Command, EXIT, runProgram, toPeople, toResults } from '../cli/command.js';
import { noMorePositionals, parseCommandLine, wholeNumber } from '../cli/options.js';
import { abilities } from '../screen/terminal.js';
import { percentile } from '../staging/figures.js';
import { stagedPeople } from '../staging/people.js';
import { liveDemo } from './live/live.js';
import { collect, type Result } from './result.js';
import { type Stage, setStage } from './stage.js';

const HELP = `usage: scripts/demo [--taps N] [--json]

Runs a gate, a card reader, a broker and central in one temporary folder.

In a terminal it shows the lane: what the elder sees, what central knows and what the broker sees, and takes keys:
  g y r u x d    a card on the pad: green, yellow, red, unknown, expired, damaged
  n              pulls the network, and puts it back
  k              kills the daemon in the middle of the gate's pulse, and starts it again
  t              tampers with a record in a copy of central's ledger, and lets "central verify" find it
  q              ends

With --taps or --json, and where standard output is no terminal, N people (default 30) put their cards on the pad, and lines
tell what happens. For the middle third of them the gate's network cable is pulled.

What is shown goes to standard output; its last line is one JSON document:
  {"taps", "verdicts": {"pass", "attend", "refuse", "undetermined"}, "lost", "p50Ms", "p99Ms"}
The times run from the last byte of a card's frame to the first outcome lamp.

  --taps N    how many people come, 1 to 100000
  --json      that document alone on standard output; what happens goes to standard error

Exit codes: 0 nothing was lost, 1 something was, 2 wrong usage, 3 the stage could not be set.

example: scripts/demo --taps 9`;

/** People do not follow one another faster than this; a lamp that may not flicker could not keep up with them. */
const NEXT_PERSON_MS = 500;
const OUTCOME_WITHIN_MS = 6_000;

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

type Say = (line: string) => void;

/** Pulls or plugs the cable when it is time, and waits until the gate has noticed. */
async function turnNetwork(stage: Stage, index: number, taps: number, say: Say): Promise<void> {
  const pullAt = Math.floor(taps / 3);
  const plugAt = Math.floor((2 * taps) / 3);
  if (pullAt === plugAt) return;
  const from = stage.gate.written;
  if (index === pullAt) {
    await stage.cable.pull();
    await stage.gate.line('connection lost', from);
    say(`  the network cable is pulled before person ${index + 1}`);
  }
  if (index === plugAt) {
    await stage.cable.plug();
    await stage.gate.line('connected', from);
    say(`  the network is back before person ${index + 1}`);
  }
}

async function play(stage: Stage, people: readonly { idNumber: string }[], say: Say): Promise<Result> {
  const taps = people.length;
  const times: number[] = [];
  for (const [index, { idNumber }] of people.entries()) {
    await turnNetwork(stage, index, taps, say);
    const tookMs = await tap(stage, idNumber);
    if (tookMs === undefined) say(`  person ${index + 1} saw no lamp`);
    else times.push(tookMs);
    if ((index + 1) % 10 === 0) say(`  ${index + 1} of ${taps} people`);
  }
  say('waiting until central has every event ...');
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

/** So many people, one after another, told in lines. */
async function countedDemo(taps: number, json: boolean): Promise<number> {
  const say = json ? toPeople : toResults;
  const people = stagedPeople(taps);
  say('setting the stage:');
  const stage = await setStage({ people, say: (line) => say(`  ${line}`) });
  try {
    say(`${taps} people put their cards on the pad:`);
    const result = await play(stage, people, say);
    say((await stage.verify()).trimEnd());
    say(summary(result));
    toResults(JSON.stringify(result));
    return result.lost === 0 ? EXIT.done : EXIT.no;
  } finally {
    await stage.close();
  }
}

const demo: Command = {
  name: 'scripts/demo',
  summary: 'a gate, a card reader, a broker and central in one temporary folder',
  help: HELP,
  results: 'lines',
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      taps: { type: 'string' },
      json: { type: 'boolean' },
    });
    noMorePositionals(positionals);
    const taps = wholeNumber(values.taps ?? '30', '--taps', 1, 100_000);
    const json = values.json === true;
    const able = abilities(process.env, process.stdout.isTTY === true && process.stdin.isTTY === true);
    return values.taps === undefined && !json && able.screen ? liveDemo(able) : countedDemo(taps, json);
  },
};

// Who reads the pipe has seen enough: the end of the process takes the stage with it.
process.stdout.once('error', () => process.exit(EXIT.no));
process.exitCode = await runProgram(demo, process.argv.slice(2));
