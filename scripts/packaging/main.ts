import { relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, EXIT, runProgram, toPeople, toResults } from '../cli/command.js';
import { noMorePositionals, parseCommandLine, UsageError } from '../cli/options.js';
import { ARCHITECTURES, type Architecture } from './architecture.js';
import { buildDeb } from './deb.js';
import { releaseOf } from './release.js';
import { installMissing } from './tools.js';

/** The checkout, seen from `build/scripts/packaging`. */
const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));

function wanted(word: string): readonly Architecture[] {
  if (word === 'all') return ARCHITECTURES;
  const found = ARCHITECTURES.find((name) => name === word);
  if (found === undefined)
    throw new UsageError(`--arch must be ${ARCHITECTURES.join(', ')} or all, not ${word}`);
  return [found];
}

const packageProgram: Command = {
  name: 'scripts/package',
  summary: 'builds the Debian package',
  help: `usage: scripts/package [--arch arm64|amd64|all] [--out DIR]

Builds cardpad_VERSION_ARCH.deb for Debian 13 and Raspberry Pi OS of its age, and prints its path. Nothing is compiled
on the board: the JavaScript is bundled, the add-ons are compiled here for Node 20. The same commit gives the same bytes.

  --arch ARCH   the kind of board (default all)
  --out DIR     where the packages go (default build/packages)

example: scripts/package --arch arm64`,
  results: 'lines',
  async run(argv) {
    const { values, positionals } = parseCommandLine(argv, {
      arch: { type: 'string' },
      out: { type: 'string' },
    });
    noMorePositionals(positionals);
    const architectures = wanted(values.arch ?? 'all');
    const out = resolve(values.out ?? `${CHECKOUT}/build/packages`);
    await installMissing(new Map([['dpkg-deb', 'dpkg']]));
    const release = await releaseOf(CHECKOUT, process.env);
    for (const architecture of architectures) {
      toPeople(`cardpad: packing ${release.version} for ${architecture} ...`);
      toResults(relative(process.cwd(), await buildDeb(CHECKOUT, release, architecture, out)));
    }
    return EXIT.done;
  },
};

process.exitCode = await runProgram(packageProgram, process.argv.slice(2));
