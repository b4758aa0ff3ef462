import type { CommandGroup } from './command.js';
import { exportCommand } from './journal/export.js';
import { statusCommand } from './journal/status.js';
import { verifyCommand } from './journal/verify.js';

export const journalCommand: CommandGroup = {
  name: 'journal',
  summary: "a gate's own records: status, verify, export",
  intro: `The records of a gate, on the gate itself.

usage: cardpad journal COMMAND --data DIR [OPTIONS]
example: cardpad journal status --data /var/lib/cardpad`,
  commands: [statusCommand, verifyCommand, exportCommand],
};
