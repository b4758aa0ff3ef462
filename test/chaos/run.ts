import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Command, EXIT, runProgram, toPeople, toResults } from '../../scripts/cli/command.js';
import { noMorePositionals, parseCommandLine, wholeNumber } from '../../scripts/cli/options.js';
import { type Proof, prove } from './cli/proofs.js';
import { MAX_SEED, Report, seedsFrom } from './cli/report.js';
import { DayWorkers } from './cli/workers.js';

const HELP = `usage: scripts/chaos [--days N] [--seed N] [--jobs N] [--json FILE] [--keep]
       scripts/chaos --day SEED [--keep]
       scripts/chaos --power-cut [--tears N] [--seed N] [--json FILE]
       scripts/chaos --outage [--hours N] [--taps N] [--cuts N] [--seed N] [--json FILE]
       scripts/chaos --flap MINUTES [--seed N] [--json FILE]
       scripts/chaos --kills N [--seed N] [--json FILE]

Lives many days of a gate and its central in one process on simulated time, disk, network and reader, with random
faults, and checks each day against the same invariants. Builds the tests first where that is needed.

  --days N       how many days (default 1000)
  --seed N       the seed of the first day (default: a fresh one, printed); the next day's is one more
  --jobs N       worker processes (default: one a processor)
  --day SEED     that day alone, with its violations and the story of its lines and decisions
  --json FILE    writes the report there
  --keep         leaves central's folder and the log of each day with a violation behind, and says where

Other ways to break it:

  --power-cut    the power goes at every instant of three lives of a journal, and of three more in which it is full and
                 makes room; a start is tried on every disk that may be left: what was not flushed is lost, torn, or
                 there in another order
    --tears N    at how many bytes each write is torn (default 400; 1000000 for every byte)
  --outage       a gate without network for hours, with people and power cuts, until central has everything
    --hours N    (default 24)   --taps N  at least so many (default 20000)   --cuts N  power cuts (default 3)
  --flap MINUTES a real gate, broker and central; all connections to the broker go once a second, in real time
  --kills N      a real gate, broker and central; kill -9 at N random instants and more, in real time (some 4 s each)

Exit codes: 0 everything held; 1 a violation, each with its seed; 2 wrong usage.

example: scripts/chaos --days 200 --jobs 2`;

const MOST_FLAP_MINUTES = 24 * 60;
const MOST_TAPS_AN_HOUR = 1_000;

interface Options {
  readonly days: number;
  readonly seed: number;
  readonly jobs: number;
  readonly json: string | undefined;
  readonly keep: boolean;
  readonly isAlone: boolean;
  readonly proof: Proof | undefined;
}

type Whole = (text: string | undefined, name: string, otherwise: number, most: number) => number;

interface ProofValues {
  readonly 'power-cut'?: boolean | undefined;
  readonly outage?: boolean | undefined;
  readonly tears?: string | undefined;
  readonly hours?: string | undefined;
  readonly taps?: string | undefined;
  readonly cuts?: string | undefined;
  readonly flap?: string | undefined;
  readonly kills?: string | undefined;
}

/** @throws UsageError */
function proofOf(values: ProofValues, whole: Whole): Proof | undefined {
  if (values['power-cut'])
    return { kind: 'power-cut', tears: whole(values.tears, '--tears', 400, 1_000_000) };
  if (values.kills !== undefined) return { kind: 'kills', kills: whole(values.kills, '--kills', 1, 100_000) };
  if (values.flap !== undefined)
    return { kind: 'flap', minutes: whole(values.flap, '--flap', 1, MOST_FLAP_MINUTES) };
  if (!values.outage) return undefined;
  const hours = whole(values.hours, '--hours', 24, 72);
  // A card takes some 3 s, and everybody who comes is to be read.
  const taps = whole(
    values.taps,
    '--taps',
    Math.min(20_000, MOST_TAPS_AN_HOUR * hours),
    MOST_TAPS_AN_HOUR * hours,
  );
  return { kind: 'outage', hours, taps, powerCuts: whole(values.cuts, '--cuts', 3, 50) };
}

/** @throws UsageError */
function readOptions(argv: readonly string[]): Options {
  const { values, positionals } = parseCommandLine(argv, {
    days: { type: 'string' },
    seed: { type: 'string' },
    jobs: { type: 'string' },
    day: { type: 'string' },
    json: { type: 'string' },
    keep: { type: 'boolean' },
    'power-cut': { type: 'boolean' },
    tears: { type: 'string' },
    outage: { type: 'boolean' },
    hours: { type: 'string' },
    taps: { type: 'string' },
    cuts: { type: 'string' },
    flap: { type: 'string' },
    kills: { type: 'string' },
  });
  noMorePositionals(positionals);
  const whole: Whole = (text, name, otherwise, most) =>
    text === undefined ? otherwise : wholeNumber(text, name, 0, most);
  const isAlone = values.day !== undefined;
  const fresh = randomBytes(4).readUInt32BE(0);
  return {
    proof: proofOf(values, whole),
    days: isAlone ? 1 : whole(values.days, '--days', 1000, 1_000_000),
    seed: whole(values.day ?? values.seed, isAlone ? '--day' : '--seed', fresh, MAX_SEED),
    jobs: isAlone ? 1 : Math.max(1, whole(values.jobs, '--jobs', availableParallelism(), 64)),
    json: values.json,
    keep: values.keep ?? false,
    isAlone,
  };
}

async function chaos(options: Options): Promise<number> {
  const { days, seed, jobs, keep, json, isAlone } = options;
  toResults(`${days} ${days === 1 ? 'day' : 'days'} from seed ${seed}, ${jobs} at a time`);
  const report = new Report(seed);
  const workers = new DayWorkers(jobs, keep);
  await workers.live(seedsFrom(seed, days), (result) => {
    report.add(result);
    for (const violation of result.violations) toPeople(`seed ${result.seed}: ${violation}`);
    if (result.violations.length > 0) toPeople(`  again: scripts/chaos --day ${result.seed}`);
    if (result.kept !== undefined) {
      writeFileSync(join(result.kept, 'day.log'), `${result.logged.join('\n')}\n`);
      toPeople(`  kept in ${result.kept}`);
    }
    if (isAlone) for (const line of result.story) toResults(line);
    else if (report.days % 25 === 0) toPeople(`${report.days} days, ${report.violations} violations`);
  });
  for (const line of report.lines()) toResults(line);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report.json(), undefined, 2)}\n`);
  return report.violations === 0 ? EXIT.done : EXIT.no;
}

async function proveOne(proof: Proof, { seed, json }: Options): Promise<number> {
  const { held, report } = await prove(proof, seed, toResults, toPeople);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify({ seed, ...report }, undefined, 2)}\n`);
  return held ? EXIT.done : EXIT.no;
}

const command: Command = {
  name: 'scripts/chaos',
  summary: 'many simulated days of a gate with random faults',
  help: HELP,
  results: 'lines',
  run: async (argv) => {
    const options = readOptions(argv);
    return options.proof === undefined ? chaos(options) : proveOne(options.proof, options);
  },
};

process.exitCode = await runProgram(command, process.argv.slice(2));
