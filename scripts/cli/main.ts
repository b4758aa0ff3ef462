import { readFileSync } from 'node:fs';
import { type Command, dispatch, EXIT, toResults } from './command.js';

/** Each is loaded when it is wanted: a gate that starts reads nothing of central or of simulated hardware. */
const COMMANDS = new Map<string, () => Promise<Command>>([
  ['run', async () => (await import('./run.js')).runCommand],
  ['config', async () => (await import('./config.js')).configCommand],
  ['provision', async () => (await import('./provision.js')).provisionCommand],
  ['simulate', async () => (await import('./simulate.js')).simulateCommand],
  ['central', async () => (await import('./central.js')).centralCommand],
]);

const INTRO = `cardpad: put your ID card on the pad, and in about a second you are checked, registered and through.

usage: cardpad COMMAND [OPTIONS]`;

function version(): string {
  // The build lies one folder below the checkout, the sources of this file two.
  const manifest = new URL('../../../package.json', import.meta.url);
  const { version: number } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return `cardpad ${number}`;
}

/** The one command that a word names, or all of them, for help and for guessing what was meant. */
function commandsFor(word: string): Promise<readonly Command[]> {
  const named = COMMANDS.get(word);
  return Promise.all((named === undefined ? [...COMMANDS.values()] : [named]).map((load) => load()));
}

const argv = process.argv.slice(2);
if (argv[0] === '--version' || argv[0] === '-V') {
  toResults(version());
  process.exitCode = EXIT.done;
} else {
  process.exitCode = await dispatch('cardpad', INTRO, await commandsFor(argv[0] ?? ''), argv);
}
