import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { findMosquitto } from '../../scripts/staging/broker.js';
import { Child, ROOT } from './support/child.js';

const BENCH = join(ROOT, 'scripts', 'bench');
const skip = findMosquitto() === undefined && 'Mosquitto is not installed';

/** The names that other tools read. */
const FIGURES = {
  tapToLight: ['overheadP50Ms', 'overheadP99Ms', 'sparseOverheadP50Ms', 'sparseOverheadP99Ms'],
  stockBroker: ['p99Ms', 'stalledPercent', 'naiveP99Ms'],
  journal: ['appendRatio', 'groupRatio', 'cardGroupRatio', 'flushesPerVisit', 'bytesPerEvent', 'openMs'],
  journalMillion: ['flatRatio', 'openMs', 'openMemoryMb'],
  slowDisk: ['lightRatio', 'gateOverMs'],
  drain: ['ratio', 'messageRatio', 'tapRatio', 'eventsPerSecond'],
  memory: ['ratio', 'growthMb', 'rssMb'],
  start: ['ratio', 'sessionRatio'],
  central: ['verifiesPerSecond', 'p99Ms', 'ratio', 'hellosPerSecond'],
} as const;
type Figures = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Differences, which may be below zero; and a part of a hundred, which may be none. All else is above zero. */
const ANY_SIGN = /^(?:growthMb|openMemoryMb|gateOverMs|stalledPercent|\w*verheadP\d\dMs)$/;

t.test(
  'scripts/bench --quick measures everything, under the names that are promised',
  { skip },
  async (t) => {
    const json = join(t.testdir({}), 'bench.json');
    const bench = new Child(t, 'scripts/bench', BENCH, ['--quick', '--json', json]);
    bench.hush();
    t.equal((await bench.exited).code, 0, bench.stderr);
    const figures: Figures = JSON.parse(readFileSync(json, 'utf8'));
    t.same(JSON.parse(bench.stdout), figures, 'standard output has the same document');
    t.same(Object.keys(figures), Object.keys(FIGURES), 'rows');
    for (const [row, names] of Object.entries(FIGURES)) {
      t.same(Object.keys(figures[row] ?? {}), names, row);
      for (const [name, value] of Object.entries(figures[row] ?? {})) {
        const isSane = Number.isFinite(value) && (value > 0 || ANY_SIGN.test(name));
        t.ok(isSane, `${row}.${name} is ${value}`);
        const sentence = new RegExp(` ${row}\\.${name} +\\S+  \\w[^\\n]+\\.$`, 'm');
        t.match(bench.stderr, sentence, 'with a sentence for people');
      }
    }
  },
);

t.test('scripts/bench --help says what it measures and how it ends', async (t) => {
  const bench = new Child(t, 'scripts/bench', BENCH, ['--help']);
  t.equal((await bench.exited).code, 0);
  for (const row of Object.keys(FIGURES)) t.match(bench.stdout, `  ${row}: `);
  t.match(bench.stdout, 'Exit codes: 0 measured; 2 wrong usage; 3');
});

t.test('scripts/bench refuses what it does not understand', async (t) => {
  const said = [
    { argv: ['--rows', 'start,nothing'], words: /--rows is one of tapToLight, / },
    { argv: ['--row', 'start'], words: /there is no option --row; did you mean --rows\?/ },
    { argv: ['start'], words: /unexpected argument: start/ },
  ];
  for (const { argv, words } of said) {
    const bench = new Child(t, 'scripts/bench', BENCH, argv);
    t.equal((await bench.exited).code, 2, argv.join(' '));
    t.match(bench.stderr, words);
  }
});
