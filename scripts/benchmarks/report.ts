import { cpus, totalmem } from 'node:os';
import { toPeople } from '../cli/command.js';
import type { Row, RowResult } from './row.js';

const NAME_WIDTH = 34;
const VALUE_WIDTH = 12;
const GB = 1e9;

/** What kind of machine this is; no name of it. */
export function sayMachine(): void {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / GB)} GB`;
  toPeople(
    `machine: ${cpu?.model.trim() ?? 'unknown'}, ${cpus().length} cores, ${memory}; Node.js ${process.version}`,
  );
}

const line = (name: string, value: number, words: string) =>
  toPeople(`  ${name.padEnd(NAME_WIDTH)}${String(value).padStart(VALUE_WIDTH)}  ${words}`);

/** All figures of a row with a sentence each, and what was measured beside. */
export function sayResult({ name, figures }: Row, { figures: values, beside }: RowResult): void {
  for (const [figure, sentence] of Object.entries(figures)) {
    const value = values[figure];
    if (value !== undefined) line(`${name}.${figure}`, value, sentence);
  }
  const words = Object.entries(beside).map(([word, value]) => `${word} ${value}`);
  toPeople(`  beside: ${words.join(', ')}\n`);
}
