import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { findMosquitto } from '../../scripts/staging/broker.js';
import { Child, ROOT, type TestScope } from './support/child.js';

const BENCH = join(ROOT, 'scripts', 'bench');
const ROUNDS = 25;
/** What the product costs it costs every time; what a busy machine adds comes and goes. */
const TRIES = 3;

interface Figures {
  readonly p99Ms: number;
  readonly stalledPercent: number;
  readonly naiveP99Ms: number;
}

async function measure(t: TestScope): Promise<Figures> {
  const json = join(t.testdir({}), 'bench.json');
  const argv = ['--row', 'stockBroker', '--rounds', String(ROUNDS), '--json', json];
  const bench = new Child(t, 'scripts/bench', BENCH, argv);
  bench.hush();
  const { code } = await bench.exited;
  if (code !== 0) throw new Error(bench.stderr);
  return (JSON.parse(readFileSync(json, 'utf8')) as { readonly stockBroker: Figures }).stockBroker;
}

const isGood = ({ p99Ms, stalledPercent, naiveP99Ms }: Figures) => stalledPercent < 20 && naiveP99Ms > p99Ms;

t.test(
  'scripts/bench, the short form: a question on a stock Mosquitto does not wait for delayed acknowledgements',
  { skip: findMosquitto() === undefined && 'Mosquitto is not installed' },
  async (t) => {
    let figures = await measure(t);
    for (let tries = 1; tries < TRIES && !isGood(figures); tries++) figures = await measure(t);
    t.same(Object.keys(figures), ['p99Ms', 'stalledPercent', 'naiveP99Ms']);
    t.ok(isGood(figures), JSON.stringify(figures));
  },
);

t.test('scripts/bench refuses what it does not understand', async (t) => {
  const bench = new Child(t, 'scripts/bench', BENCH, ['--row', 'nothing']);
  t.equal((await bench.exited).code, 2);
  t.match(bench.stderr, /--row is one of stockBroker, tapToLight/);
});
