import { enrollCommand } from './central/enroll.js';
import { eventsCommand } from './central/events.js';
import { importCommand } from './central/import.js';
import { initCommand } from './central/init.js';
import { rulesCommand } from './central/rules.js';
import { runCommand } from './central/run.js';
import { verifyCommand } from './central/verify.js';
import { type Command, dispatch } from './command.js';

const COMMANDS: readonly Command[] = [
  initCommand,
  enrollCommand,
  runCommand,
  eventsCommand,
  verifyCommand,
  importCommand,
  rulesCommand,
];

const INTRO = `The reference central service: the other end of every message of a gate.

usage: cardpad central COMMAND [OPTIONS]
example: cardpad central init --data /var/lib/cardpad-central`;

/**
 * `cardpad central ...`
 * @param argv what stands after `central`
 * @returns the exit code: 0 done or yes, 1 the answer is no, 2 wrong usage
 */
export function central(argv: readonly string[]): Promise<number> {
  return dispatch('cardpad central', INTRO, COMMANDS, argv);
}

export const centralCommand: Command = {
  name: 'central',
  summary: 'the reference central service: init, enroll, run, events, verify, import, rules',
  // Its commands have each their own.
  help: '',
  run: central,
};
