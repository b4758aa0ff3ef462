import t from 'tap';
import { clockFacts } from '../../../protocol/journal/clockMark.js';
import { drain } from '../journal/bench.js';
import { LinkBench } from './bench.js';

t.test('the first session of a start writes down what time it is, and later ones do not', async (t) => {
  const bench = await LinkBench.start({ timeKnown: false, centralUp: false });
  await bench.append(1);
  bench.central.connect();
  await bench.run(20_000, 500);
  bench.central.forgetSessions();
  await bench.append(1);
  await bench.run(20_000, 500);
  t.equal(bench.central.hellos.length > 1, true);
  const { records, names } = await drain(bench.journal);
  t.same(names, ['1/1 start', '1/2 key', '1/3 tap', '1/4 clock', '1/5 tap']);
  const [start, , , clock] = records;
  t.same(clock === undefined ? undefined : clockFacts(clock), { source: 'central' });
  t.match([start?.trusted, clock?.trusted], [false, true]);
  t.equal(clock?.boot, start?.boot);
  // The fake central's clock is the bench's own.
  const offsetMs = (clock?.wallMs ?? 0) - (clock?.monoMs ?? 0);
  t.ok(Math.abs(offsetMs - (bench.clock.wallMs() - bench.clock.monotonicMs())) <= 2);
});
