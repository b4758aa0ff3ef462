import { enrollCommand } from './central/enroll.js';
import { eventsCommand } from './central/events.js';
import { importCommand } from './central/import.js';
import { initCommand } from './central/init.js';
import { rulesCommand } from './central/rules.js';
import { runCommand } from './central/run.js';
import { verifyCommand } from './central/verify.js';
import type { CommandGroup } from './command.js';

export const centralCommand: CommandGroup = {
  name: 'central',
  summary: 'the reference central service: init, enroll, run, events, verify, import, rules',
  intro: `The reference central service: the other end of every message of a gate.

usage: cardpad central COMMAND [OPTIONS]
example: cardpad central init --data /var/lib/cardpad-central`,
  commands: [
    initCommand,
    enrollCommand,
    runCommand,
    eventsCommand,
    verifyCommand,
    importCommand,
    rulesCommand,
  ],
};
