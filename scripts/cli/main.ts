import { readFileSync } from 'node:fs';
import { centralCommand } from './central.js';
import { type Command, dispatch, EXIT, toResults } from './command.js';
import { configCommand } from './config.js';
import { journalCommand } from './journal.js';
import { provisionCommand } from './provision.js';
import { runCommand } from './run.js';
import { simulateCommand } from './simulate.js';

const COMMANDS: readonly Command[] = [
  runCommand,
  configCommand,
  provisionCommand,
  journalCommand,
  simulateCommand,
  centralCommand,
];

const INTRO = `cardpad: put your ID card on the pad, and in about a second you are checked, registered and through.

usage: cardpad COMMAND [OPTIONS]`;

function version(): string {
  // The build lies one folder below the checkout, the sources of this file two.
  const manifest = new URL('../../../package.json', import.meta.url);
  const { version: number } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return `cardpad ${number}`;
}

const argv = process.argv.slice(2);
if (argv[0] === '--version' || argv[0] === '-V') {
  toResults(version());
  process.exitCode = EXIT.done;
} else {
  process.exitCode = await dispatch('cardpad', INTRO, COMMANDS, argv);
}
