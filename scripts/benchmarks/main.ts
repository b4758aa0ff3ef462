import { writeFile } from 'node:fs/promises';
import { messageOf } from '../../protocol/errors.js';
import { type Command, EXIT, runProgram, toPeople, toResults } from '../cli/command.js';
import { noMorePositionals, oneOf, parseCommandLine } from '../cli/options.js';
import { sayMachine, sayResult } from './report.js';
import type { Effort, Row, RowResult } from './row.js';
import { central } from './rows/central.js';
import { drain } from './rows/drain.js';
import { journal } from './rows/journal.js';
import { journalMillion } from './rows/journalMillion.js';
import { memory } from './rows/memory.js';
import { slowDisk } from './rows/slowDisk.js';
import { start } from './rows/start.js';
import { stockBroker } from './rows/stockBroker.js';
import { tapToLight } from './rows/tapToLight.js';

/** All rows; a new one is a file in `rows/` and a word here. */
const ROWS: readonly Row[] = [
  ...[tapToLight, stockBroker, journal, journalMillion, slowDisk, drain],
  ...[memory, start, central],
];
const NAMES = ROWS.map(({ name }) => name);

const HELP = `usage: scripts/bench [--rows NAME,NAME...] [--quick] [--json FILE]

Measures what cardpad costs, each time beside the least that its parts cost on this machine in the same run, taken in
turns. A figure alone says little: compare within one run. What each figure is, how it is measured and what it was so
far is in docs/performance.md.

${ROWS.map(({ name, about }) => `  ${name}: ${about}`).join('\n')}

  --rows NAMES  these rows alone, with commas between them
  --quick       a round or two of everything: whether it can be measured here, in two minutes instead of fifteen
  --json FILE   writes the figures there as well

The figures go to standard output as one JSON document; the table, with a sentence for each figure, and the progress go
to standard error. Files are written below TMPDIR (default /tmp), which should lie on the kind of disk that is meant.
Exit codes: 0 measured; 2 wrong usage; 3 a row could not be measured here, with what is missing.

example: scripts/bench --rows start,memory --quick`;

interface Plan {
  readonly rows: readonly Row[];
  readonly effort: Effort;
  readonly json: string | undefined;
}

function planOf(argv: readonly string[]): Plan {
  const { values, positionals } = parseCommandLine(argv, {
    rows: { type: 'string' },
    quick: { type: 'boolean' },
    json: { type: 'string' },
  });
  noMorePositionals(positionals);
  const chosen = values.rows?.split(',').map((name) => oneOf(NAMES, name.trim(), '--rows'));
  return {
    rows: ROWS.filter(({ name }) => chosen?.includes(name) ?? true),
    effort: values.quick ? 'quick' : 'full',
    json: values.json,
  };
}

async function bench({ rows, effort, json }: Plan): Promise<number> {
  sayMachine();
  const figures: Record<string, RowResult['figures']> = {};
  let exitCode: number = EXIT.done;
  for (const row of rows) {
    toPeople(`${row.name}: ${row.about}`);
    try {
      const result = await row.measure((line) => toPeople(`  ${line}`), effort);
      sayResult(row, result);
      figures[row.name] = result.figures;
    } catch (thrown) {
      // The others can be measured all the same.
      toPeople(`scripts/bench: ${row.name}: ${messageOf(thrown)}`);
      exitCode = EXIT.unreachable;
    }
  }
  const document = JSON.stringify(figures);
  if (json !== undefined) await writeFile(json, `${document}\n`);
  toResults(document);
  return exitCode;
}

// Where it is set, every Node.js takes tens of milliseconds longer to start, ours and the bare one alike.
delete process.env.NODE_EXTRA_CA_CERTS;
const command: Command = {
  name: 'scripts/bench',
  summary: 'what cardpad costs beside the least that its parts cost',
  help: HELP,
  results: 'json',
  run: (argv) => bench(planOf(argv)),
};

process.exitCode = await runProgram(command, process.argv.slice(2));
