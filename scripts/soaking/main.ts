import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { type Command, EXIT, runProgram, toPeople, toResults } from '../cli/command.js';
import { noMorePositionals, parseCommandLine, UsageError, wholeNumber } from '../cli/options.js';
import { type Bounds, broken, type Look, memoryFigures, tableHead, tableRow } from './report.js';
import { type SoakStage, setSoakStage } from './stage.js';

const BOUNDS: Bounds = { memoryMb: 2, loopP99Ms: 20 };
const DEFAULT_LAPSE = 20;
const DEFAULT_LOOKS = 10;

const HELP = `usage: scripts/soak [--taps N] [--baseline N] [--looks N] [--lapse N] [--json FILE]

Runs a gate, a broker (Mosquitto where it is installed) and central as real processes, and lets N people follow one
another as fast as the gate takes them. Now and then the gate is left alone for a moment and looked at, after a forced
garbage collection.

  --taps N       how many people come (default 100000)
  --baseline N   memory is compared with what it is after so many taps (default 1000)
  --looks N      how often it is looked at after that (default ${DEFAULT_LOOKS})
  --lapse N      time runs N times as fast in the gate (default ${DEFAULT_LAPSE}): its timers and its monotonic clock, all
                 else is as it is. With 1 a gate looks for a card ten times a second, and 100,000 taps take hours
  --json FILE    writes all figures there

Bounds: heap and buffers within ${BOUNDS.memoryMb} MB of the baseline; no more files, handles, listeners than there; the event loop
never later than ${BOUNDS.loopP99Ms} ms in 99 of 100 cases, between any two looks. No tap is lost: for each card that the gate read whole, by its own
count, central has a tap and a verdict. Exit code 1 when one is broken.
Idle is a process that does nothing: how late it is, the machine is to blame for.
In megabytes: used = V8's heap and buffers after a collection, rss = all that the process holds.

example: scripts/soak --taps 3000 --baseline 1000 --looks 2`;

interface Plan {
  readonly taps: number;
  readonly baseline: number;
  readonly looks: number;
  readonly lapse: number;
  readonly json: string | undefined;
}

function planOf(argv: readonly string[]): Plan {
  const { values, positionals } = parseCommandLine(argv, {
    taps: { type: 'string' },
    baseline: { type: 'string' },
    looks: { type: 'string' },
    lapse: { type: 'string' },
    json: { type: 'string' },
  });
  noMorePositionals(positionals);
  const taps = wholeNumber(values.taps ?? '100000', '--taps', 2, 10_000_000);
  const baseline = wholeNumber(values.baseline ?? '1000', '--baseline', 1, 1_000_000);
  if (baseline >= taps) throw new UsageError('--baseline must come before the last tap');
  return {
    taps,
    baseline,
    looks: wholeNumber(values.looks ?? String(DEFAULT_LOOKS), '--looks', 1, 1000),
    lapse: wholeNumber(values.lapse ?? String(DEFAULT_LAPSE), '--lapse', 1, 100),
    json: values.json,
  };
}

async function soak(stage: SoakStage, { taps, baseline, looks: count }: Plan): Promise<Look[]> {
  const looks: Look[] = [];
  toPeople(tableHead());
  for (let part = 0; part <= count; part++) {
    const until = baseline + Math.round(((taps - baseline) * part) / count);
    await stage.crowd.come(until);
    const look = await stage.look();
    looks.push(look);
    toPeople(tableRow(look));
  }
  return looks;
}

/** A gate in a hurry gives up on a reply that a busy machine brings late: one card in hundreds may be laid in vain. */
const LEAST_READ = 0.98;
const UPLOAD_LOOK_MS = 1_000;

/** What central has once nothing more comes. */
async function storedInTheEnd(stage: SoakStage, cards: number) {
  let stored = await stage.stored();
  while (stored.taps < cards) {
    await pause(UPLOAD_LOOK_MS);
    const later = await stage.stored();
    if (later.taps === stored.taps && later.verdicts === stored.verdicts) break;
    stored = later;
  }
  return stored;
}

/** Whether each card that the gate read whole is a tap with its verdict at central; what is missing, in words. */
async function missing(stage: SoakStage, cards: number): Promise<{ reads: number; words: string[] }> {
  const { taps, verdicts } = await storedInTheEnd(stage, cards);
  const reads = await stage.stopGate();
  await stage.verify();
  const words: string[] = [];
  if (reads < cards * LEAST_READ) words.push(`the gate read ${reads} of ${cards} cards`);
  if (taps !== reads || verdicts !== reads) {
    words.push(`the gate read ${reads} cards, central has ${taps} taps and ${verdicts} verdicts`);
  }
  return { reads, words };
}

async function run(plan: Plan): Promise<number> {
  const stage = await setSoakStage(plan.lapse);
  try {
    toPeople(`broker: ${stage.broker}; time in the gate runs ${plan.lapse} times as fast`);
    const looks = await soak(stage, plan);
    const { reads, words } = await missing(stage, plan.taps);
    const problems = [...broken(looks, BOUNDS), ...words];
    const seconds = (looks.at(-1)?.atS ?? 0) - (looks[0]?.atS ?? 0);
    const result = {
      taps: plan.taps,
      reads,
      lapse: plan.lapse,
      tapsPerSecond: Math.round(((plan.taps - plan.baseline) / seconds) * 10) / 10,
      memory: memoryFigures(looks),
      loopP99Ms: Math.max(...looks.slice(1).map(({ gate }) => gate.loopP99Ms)),
      broken: problems,
    };
    if (plan.json !== undefined) await writeFile(plan.json, `${JSON.stringify({ ...result, looks })}\n`);
    toResults(JSON.stringify(result));
    for (const problem of problems) toPeople(`BROKEN: ${problem}`);
    return problems.length === 0 ? EXIT.done : EXIT.no;
  } finally {
    await stage.close();
  }
}

const about = 'a real gate for as long as it takes: does memory stay flat?';
const soakCommand: Command = {
  name: 'scripts/soak',
  summary: about,
  help: HELP,
  results: 'json',
  run: async (argv) => run(planOf(argv)),
};

process.exitCode = await runProgram(soakCommand, process.argv.slice(2));
