import type { Command, CommandGroup } from './command.js';

/** Each is loaded when it is wanted: a gate that starts reads nothing of central or of simulated hardware. */
const LOADERS = new Map<string, () => Promise<Command | CommandGroup>>([
  ['run', async () => (await import('./run.js')).runCommand],
  ['config', async () => (await import('./config.js')).configCommand],
  ['outputs', async () => (await import('./outputs.js')).outputsCommand],
  ['provision', async () => (await import('./provision.js')).provisionCommand],
  ['journal', async () => (await import('./journal.js')).journalCommand],
  ['simulate', async () => (await import('./simulate.js')).simulateCommand],
  ['central', async () => (await import('./central.js')).centralCommand],
]);

/**
 * The command line: with the one command that a word names, or the whole of it, for help and to guess what was meant.
 * @param word the first word of the command line
 */
export async function commandLine(word?: string): Promise<CommandGroup> {
  const named = word === undefined ? undefined : LOADERS.get(word);
  const loaders = named === undefined ? [...LOADERS.values()] : [named];
  return {
    name: 'cardpad',
    summary: 'a gate, its simulated hardware, and the reference central service',
    intro: `cardpad: put your ID card on the pad, and in about a second you are checked, registered and through.

usage: cardpad COMMAND [OPTIONS]
       cardpad --version
example: cardpad config check /etc/cardpad/config.json

Standard output is for results, standard error for words to people; --json makes results JSON, and so do those that
are JSON anyway. Exit codes: 0 done or yes, 1 the answer is no, 2 wrong usage, 3 something cannot be reached.`,
    commands: await Promise.all(loaders.map((load) => load())),
  };
}
