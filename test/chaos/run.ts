import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
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

function whole(text: string | undefined, name: string, otherwise: number, most: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from 0 to ${most}`);
}

/** @throws TypeError | RangeError for what is no such option or value */
function readOptions(argv: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      days: { type: 'string' },
      seed: { type: 'string' },
      jobs: { type: 'string' },
      day: { type: 'string' },
      json: { type: 'string' },
      keep: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
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

const say = (text: string) => process.stdout.write(`${text}\n`);
const sayAside = (text: string) => process.stderr.write(`${text}\n`);

async function chaos(options: Options): Promise<number> {
  const { days, seed, jobs, keep, json, isAlone } = options;
  say(`${days} ${days === 1 ? 'day' : 'days'} from seed ${seed}, ${jobs} at a time`);
  const report = new Report(seed);
  const workers = new DayWorkers(jobs, keep);
  await workers.live(seedsFrom(seed, days), (result) => {
    report.add(result);
    for (const violation of result.violations) sayAside(`seed ${result.seed}: ${violation}`);
    if (result.violations.length > 0) sayAside(`  again: scripts/chaos --day ${result.seed}`);
    if (result.kept !== undefined) {
      writeFileSync(join(result.kept, 'day.log'), `${result.logged.join('\n')}\n`);
      sayAside(`  kept in ${result.kept}`);
    }
    if (isAlone) for (const line of result.story) say(line);
    else if (report.days % 25 === 0) sayAside(`${report.days} days, ${report.violations} violations`);
  });
  for (const line of report.lines()) say(line);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report.json(), undefined, 2)}\n`);
  return report.violations === 0 ? 0 : 1;
}

async function main(argv: readonly string[]): Promise<number> {
  let options: Options | undefined;
  try {
    options = readOptions(argv);
  } catch (thrown) {
    sayAside(`${thrown instanceof Error ? thrown.message : thrown}\nSee: scripts/chaos --help`);
    return 2;
  }
  if (options !== undefined) return chaos(options);
  say(HELP);
  return 0;
}

process.exitCode = await main(process.argv.slice(2));
