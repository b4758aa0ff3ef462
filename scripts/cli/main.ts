import { readFileSync } from 'node:fs';
import { dispatch, EXIT, guardOutputs, toResults } from './command.js';
import { commandLine } from './commands.js';

/** Set where the program is bundled into one folder, far from any package.json. */
declare const CARDPAD_VERSION: string | undefined;

function version(): string {
  if (typeof CARDPAD_VERSION === 'string') return `cardpad ${CARDPAD_VERSION}`;
  // The build lies one folder below the checkout, the sources of this file two.
  const manifest = new URL('../../../package.json', import.meta.url);
  const { version: number } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  return `cardpad ${number}`;
}

guardOutputs();
const argv = process.argv.slice(2);
if (argv[0] === '--version' || argv[0] === '-V') {
  toResults(version());
  process.exitCode = EXIT.done;
} else {
  process.exitCode = await dispatch('cardpad', await commandLine(argv[0]), argv);
}
