import { join } from 'node:path';
import t from 'tap';
import { findMosquitto } from '../../../../scripts/staging/broker.js';
import { Child, ROOT } from '../../../e2e/support/child.js';

/** What the product costs it costs every time; what a busy machine adds comes and goes. */
const TRIES = 3;
const skip = findMosquitto() === undefined && 'Mosquitto is not installed';

type Figures = Readonly<Record<'stockBroker', Readonly<Record<string, number>>>>;

async function measure(): Promise<Figures> {
  const argv = ['--quick', '--rows', 'stockBroker'];
  const bench = new Child(t, 'scripts/bench', join(ROOT, 'scripts', 'bench'), argv);
  bench.hush();
  if ((await bench.exited).code !== 0) throw new Error(bench.stderr);
  return JSON.parse(bench.stdout);
}

const waitsForNobody = ({ stockBroker: { stalledPercent = 100, p99Ms = 0, naiveP99Ms = 0 } }: Figures) =>
  stalledPercent < 20 && naiveP99Ms > p99Ms;

t.test('a question on a stock Mosquitto does not wait for delayed acknowledgements', { skip }, async (t) => {
  let figures = await measure();
  for (let tries = 1; tries < TRIES && !waitsForNobody(figures); tries++) figures = await measure();
  t.same(Object.keys(figures), ['stockBroker'], 'the row that was asked for, and no other');
  t.ok(waitsForNobody(figures), JSON.stringify(figures));
});
