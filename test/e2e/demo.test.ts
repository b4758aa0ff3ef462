import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Child, ROOT } from './support/child.js';

const TAPS = 6;

t.test('scripts/demo: the last line is the result, and nothing is lost', async (t) => {
  const demo = new Child(t, 'scripts/demo', join(ROOT, 'scripts', 'demo'), ['--taps', String(TAPS)]);
  demo.hush();
  t.same(await demo.exited, { code: 0, signal: null }, demo.stderr);
  const last = demo.stdout.trimEnd().split('\n').at(-1) ?? '';
  const result = JSON.parse(last) as Record<string, unknown>;
  t.same(Object.keys(result), ['taps', 'verdicts', 'lost', 'p50Ms', 'p99Ms']);
  const verdicts = result.verdicts as Record<string, number>;
  t.same(Object.keys(verdicts).sort(), ['attend', 'pass', 'refuse', 'undetermined']);
  const sum = Object.values(verdicts).reduce((all, count) => all + count, 0);
  t.equal(sum, TAPS);
  t.match(result, { taps: TAPS, lost: 0 });
  t.equal(verdicts.undetermined, TAPS / 3, 'the network was gone for the middle third');
  t.notOk(demo.stdout.includes('\u001b'), 'no escape codes in a pipe');
  t.ok((result.p50Ms as number) > 0 && (result.p99Ms as number) >= (result.p50Ms as number));
});

t.test('scripts/demo into a pipe that is closed early: no word, and nothing left behind', async (t) => {
  const temporary = join(t.testdir({ tmp: {} }), 'tmp');
  const line = `TMPDIR='${temporary}' '${join(ROOT, 'scripts', 'demo')}' --taps 3 | head -n 1`;
  const demo = new Child(t, 'scripts/demo', 'sh', ['-c', line]);
  demo.hush();
  await demo.exited;
  t.equal(demo.stdout, 'setting the stage:\n');
  t.equal(demo.stderr, '');
  t.same(readdirSync(temporary), []);
});

t.test('scripts/demo refuses what it does not understand', async (t) => {
  const demo = new Child(t, 'scripts/demo', join(ROOT, 'scripts', 'demo'), ['--taps', 'many']);
  t.equal((await demo.exited).code, 2);
  t.match(demo.stderr, /--taps takes a whole number/);
});
