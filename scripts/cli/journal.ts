import { type Command, dispatch } from './command.js';
import { exportCommand } from './journal/export.js';
import { statusCommand } from './journal/status.js';
import { verifyCommand } from './journal/verify.js';

const INTRO = `The records of a gate, on the gate itself.

usage: cardpad journal COMMAND --data DIR [OPTIONS]
example: cardpad journal status --data /var/lib/cardpad`;

export const journalCommand: Command = {
  name: 'journal',
  summary: "a gate's own records: status, verify, export",
  // Its commands have each their own.
  help: '',
  run: (argv) => dispatch('cardpad journal', INTRO, [statusCommand, verifyCommand, exportCommand], argv),
};
