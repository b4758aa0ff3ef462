import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Command, EXIT, runProgram, toPeople, toResults } from '../../scripts/cli/command.js';
import { noMorePositionals, parseCommandLine, wholeNumber } from '../../scripts/cli/options.js';
import { MAX_SEED, Report, seedsFrom } from './cli/report.js';
import { DayWorkers } from './cli/workers.js';

const HELP = `usage: scripts/chaos [--days N] [--seed N] [--jobs N] [--json FILE] [--keep]
       scripts/chaos --day SEED [--keep]

Lives many days of a gate and its central in one process on simulated time, disk, network and reader, with random
faults, and checks each day against the same invariants. Builds the tests first where that is needed.

  --days N       how many days (default 1000)
  --seed N       the seed of the first day (default: a fresh one, printed); the next day's is one more
  --jobs N       worker processes (default: one a processor)
  --day SEED     that day alone, with its violations and the story of its lines and decisions
  --json FILE    writes the report there
  --keep         leaves central's folder and the log of each day with a violation behind, and says where

Exit codes: 0 every day held; 1 a violation, each with its seed; 2 wrong usage.

example: scripts/chaos --days 200 --jobs 2`;

interface Options {
  readonly days: number;
  readonly seed: number;
  readonly jobs: number;
  readonly json: string | undefined;
  readonly keep: boolean;
  readonly isAlone: boolean;
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
  });
  noMorePositionals(positionals);
  const whole = (text: string | undefined, name: string, otherwise: number, most: number) =>
    text === undefined ? otherwise : wholeNumber(text, name, 0, most);
  const isAlone = values.day !== undefined;
  const fresh = randomBytes(4).readUInt32BE(0);
  return {
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

const command: Command = {
  name: 'scripts/chaos',
  summary: 'many simulated days of a gate with random faults',
  help: HELP,
  results: 'lines',
  run: async (argv) => chaos(readOptions(argv)),
};

process.exitCode = await runProgram(command, process.argv.slice(2));
