import { writeFile } from 'node:fs/promises';
import { type Command, EXIT, runProgram, toPeople, toResults } from '../cli/command.js';
import { noMorePositionals, oneOf, parseCommandLine, wholeNumber } from '../cli/options.js';
import type { Row } from './row.js';
import { stockBroker } from './stockBroker.js';
import { tapToLight } from './tapToLight.js';

/** All rows; a new one is a file beside and a word here. */
const ROWS: readonly Row[] = [stockBroker, tapToLight];

const MOST_ROUNDS = 10_000;

const HELP = `usage: scripts/bench [--row NAME] [--rounds N] [--json FILE]

Measures what cardpad costs, each time beside the least that its parts cost on this machine in the same run. A figure
alone says little: compare within one run.

${ROWS.map(({ name, about }) => `  ${name}: ${about}`).join('\n')}

  --row NAME    this row alone
  --rounds N    measures everything N times; fewer than usual are over sooner, and say less
  --json FILE   writes the figures there as well

The figures go to standard output as one JSON document, what was measured beside to standard error.
Exit codes: 0 measured; 2 wrong usage; 3 it could not be measured here, with what is missing.

example: scripts/bench --row tapToLight --rounds 20`;

function show({ name }: Row, all: Readonly<Record<string, number>>): void {
  for (const [figure, value] of Object.entries(all)) {
    toPeople(`  ${`${name}.${figure}`.padEnd(32)}${String(value).padStart(12)}`);
  }
}

async function bench(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommandLine(argv, {
    row: { type: 'string' },
    rounds: { type: 'string' },
    json: { type: 'string' },
  });
  noMorePositionals(positionals);
  const names = ROWS.map(({ name }) => name);
  const only = values.row === undefined ? undefined : oneOf(names, values.row, '--row');
  const rounds =
    values.rounds === undefined ? undefined : wholeNumber(values.rounds, '--rounds', 1, MOST_ROUNDS);
  const figures: Record<string, Readonly<Record<string, number>>> = {};
  for (const row of ROWS.filter(({ name }) => only === undefined || name === only)) {
    toPeople(`${row.name}: ${row.about}`);
    const result = await row.measure((line) => toPeople(`  ${line}`), rounds);
    show(row, { ...result.figures, ...result.beside });
    figures[row.name] = result.figures;
  }
  const document = JSON.stringify(figures);
  if (values.json !== undefined) await writeFile(values.json, `${document}\n`);
  toResults(document);
  return EXIT.done;
}

const about = 'what cardpad costs beside the least that its parts cost';
const command: Command = { name: 'scripts/bench', summary: about, help: HELP, results: 'json', run: bench };

process.exitCode = await runProgram(command, process.argv.slice(2));
