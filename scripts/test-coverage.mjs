// What the tests ran of each layer, by V8's own counts (NODE_V8_COVERAGE), the tests' child processes and threads
// included. A line is covered when all of it ran, so a branch that shares its line counts as well. The lines are those
// of the built files: what TypeScript strips does not flatter the figure. Nothing can be left out by a comment.
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The least that must be covered of each layer, in percent: a little under what is reached. */
const FLOORS = { protocol: 98, platform: 94, drivers: 96, daemon: 95, central: 93, scripts: 62 };

/**
 * The end-to-end tests measure times and memory, which counting would spoil. Of them only those of the command line
 * count: without them nothing would be known of scripts/.
 */
const E2E_COUNTED = ['commandLine', 'demo', 'simulateGate', 'simulateReader'];

/** Empty, a comment, or brackets alone: nothing that could run. */
const NO_CODE = /^\s*(?:$|\/\/|\/\*|\*|[{}()[\];,\s]+$|export \{\};$|import )/;

const layerOf = (path) => path.split('/', 1)[0];

export class Coverage {
  #folder;
  #raw;
  /** For each built file, which of its characters have run. */
  #covered = new Map();

  /** @param folder where the built files are */
  constructor(folder) {
    this.#folder = resolve(folder);
    this.#raw = join(this.#folder, '.coverage');
    rmSync(this.#raw, { recursive: true, force: true });
    for (const layer of Object.keys(FLOORS)) {
      for (const name of readdirSync(join(this.#folder, layer), { recursive: true })) {
        if (!name.endsWith('.js')) continue;
        const path = join(this.#folder, layer, name);
        this.#covered.set(path, new Uint8Array(readFileSync(path, 'utf8').length));
      }
    }
  }

  /** Where the processes of this test file leave their counts; undefined when they are not to count. */
  folderFor(file) {
    const isE2e = file.includes('/e2e/');
    if (isE2e && !E2E_COUNTED.includes(basename(file, '.test.js'))) return undefined;
    const folder = join(this.#raw, file.replaceAll('/', '-'));
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** Adds what was left there, and removes it: megabytes a process. */
  take(rawFolder) {
    for (const name of readdirSync(rawFolder)) {
      let counts;
      try {
        counts = JSON.parse(readFileSync(join(rawFolder, name), 'utf8'));
      } catch {
        // A process that was killed while it wrote.
        continue;
      }
      for (const { url, functions } of counts.result) {
        const covered = url.startsWith('file:') ? this.#covered.get(fileURLToPath(url)) : undefined;
        if (covered !== undefined) add(covered, functions);
      }
    }
    rmSync(rawFolder, { recursive: true, force: true });
  }

  /** Prints a line a layer. @returns how many layers are below their floor */
  report(say) {
    const layers = Object.entries(FLOORS).map(([layer, floor]) => this.#layer(layer, floor));
    say('\ncoverage   lines  covered   at least   least covered');
    for (const { layer, lines, percent, floor, least } of layers) {
      say(
        `${layer.padEnd(10)}${String(lines).padStart(6)}${percent.toFixed(1).padStart(8)}%${String(floor).padStart(10)}%   ${least}`,
      );
    }
    const below = layers.filter(({ percent, floor }) => percent < floor);
    for (const { layer, floor } of below) {
      say(`${layer}: less than ${floor} % of its lines ran. What was added needs a test.`);
    }
    say('');
    return below.length;
  }

  #layer(layer, floor) {
    const files = [...this.#covered]
      .map(([path, covered]) => ({ path: relative(this.#folder, path), ...linesOf(path, covered) }))
      .filter(({ path, lines }) => layerOf(path) === layer && lines > 0);
    const sum = (name) => files.reduce((total, file) => total + file[name], 0);
    const lines = sum('lines');
    const share = (file) => (100 * file.ran) / file.lines;
    const worst = files.sort((a, b) => b.lines - b.ran - (a.lines - a.ran))[0];
    const least = `${worst.path.replace(/\.js$/, '.ts')} (${share(worst).toFixed(0)}%)`;
    return { layer, floor, lines, percent: (100 * sum('ran')) / lines, least };
  }
}

/** V8 gives nested ranges: the innermost around a character says whether it ran. */
function add(covered, functions) {
  const ranges = functions
    .flatMap(({ ranges }) => ranges)
    .sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset);
  const here = new Uint8Array(covered.length);
  for (const { startOffset, endOffset, count } of ranges)
    here.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  for (const [index, ran] of here.entries()) if (ran === 1) covered[index] = 1;
}

function linesOf(path, covered) {
  let lines = 0;
  let ran = 0;
  let at = 0;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const from = at + line.length - line.trimStart().length;
    const to = at + line.trimEnd().length;
    at += line.length + 1;
    if (NO_CODE.test(line)) continue;
    lines += 1;
    if (!covered.subarray(from, to).includes(0)) ran += 1;
  }
  return { lines, ran };
}
