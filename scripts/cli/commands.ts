import { centralCommand } from './central.js';
import type { CommandGroup } from './command.js';
import { configCommand } from './config.js';
import { provisionCommand } from './provision.js';
import { runCommand } from './run.js';
import { simulateCommand } from './simulate.js';

/** The whole command line. */
export const CARDPAD: CommandGroup = {
  name: 'cardpad',
  summary: 'a gate, its simulated hardware, and the reference central service',
  intro: `cardpad: put your ID card on the pad, and in about a second you are checked, registered and through.

usage: cardpad COMMAND [OPTIONS]
       cardpad --version
example: cardpad config check /etc/cardpad/config.json

Standard output is for results, standard error for words to people; --json makes results JSON, and so do those that
are JSON anyway. Exit codes: 0 done or yes, 1 the answer is no, 2 wrong usage, 3 something cannot be reached.`,
  commands: [runCommand, configCommand, provisionCommand, simulateCommand, centralCommand],
};
