import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { holdLock } from '../../platform/lock.js';
import { cardpad } from './support/child.js';

const OUTPUTS = {
  lamps: { green: 'green', yellow: 'yellow', red: { line: 'red', activeLow: true } },
  gate: { line: 'gate', pulseMs: 300 },
};

/** A gate that died with everything on. */
function deadGate(t: Test, rest: object = {}) {
  const dir = t.testdir({ data: {}, lines: { gate: '1', green: '1', yellow: '0', red: '0' } });
  const config = join(dir, 'config.json');
  const document = {
    gpio: { backend: `sim:${join(dir, 'lines')}` },
    outputs: OUTPUTS,
    dataDir: join(dir, 'data'),
  };
  writeFileSync(config, JSON.stringify({ ...document, ...rest }));
  return {
    dir,
    safe: (...more: string[]) => cardpad(t, ['outputs', 'safe', '--config', config, ...more]),
    levels: () =>
      ['gate', 'green', 'yellow', 'red']
        .map((line) => readFileSync(join(dir, 'lines', line), 'latin1'))
        .join(''),
  };
}
const ALL_SAFE = '0001';

t.test('outputs safe switches every output off and says what it set', async (t) => {
  const { safe, levels } = deadGate(t);
  const { code, stdout } = await safe();
  t.equal(code, 0);
  t.equal(levels(), ALL_SAFE);
  t.equal(
    stdout,
    'gate: off (electrical 0)\ngreen: off (electrical 0)\nyellow: off (electrical 0)\nred: off (electrical 1)\n',
  );
});

t.test('outputs safe --json is one document', async (t) => {
  const { safe } = deadGate(t);
  const { code, stdout } = await safe('--json');
  t.equal(code, 0);
  t.match(JSON.parse(stdout), { ok: true, lines: [{ line: 'gate', level: 0 }, {}, {}, {}], failed: [] });
});

t.test('it needs no keys, and nothing of the configuration that is not about outputs', async (t) => {
  const { safe, levels } = deadGate(t, { broker: { url: 'nonsense' }, lane: 7, dataDir: '/nowhere/at/all' });
  t.equal((await safe()).code, 0);
  t.equal(levels(), ALL_SAFE);
});

t.test('an output that is wrong is told, and takes no other with it', async (t) => {
  const { safe, levels } = deadGate(t, { outputs: { ...OUTPUTS, buzzer: { line: 7 } } });
  const { code, stderr } = await safe();
  t.equal(code, 1);
  t.match(stderr, /outputs\.buzzer names no line/);
  t.match(stderr, /cardpad config check/);
  t.equal(levels(), ALL_SAFE);
});

t.test('a line that cannot be set is told, 3, and the others are off', async (t) => {
  const { dir, safe, levels } = deadGate(t, { outputs: { ...OUTPUTS, staff: 'staff' } });
  // A folder in its place cannot be replaced by a file, not even by root.
  mkdirSync(join(dir, 'lines', 'staff', 'inside'), { recursive: true });
  const { code, stderr } = await safe();
  t.equal(code, 3);
  t.match(stderr, /Line staff cannot be set.*\(gpio\.write-failed\)/);
  t.equal(levels(), ALL_SAFE);
});

t.test('beside a running gate it does nothing', async (t) => {
  const { dir, safe, levels } = deadGate(t);
  const free = await holdLock(join(dir, 'data', 'run.lock'), 'the gate');
  const before = levels();
  const { code, stderr } = await safe();
  t.equal(code, 1);
  t.match(stderr, new RegExp(`the gate is running \\(process ${process.pid}\\).*files\\.in-use`));
  t.equal(levels(), before);
  await free();
  t.equal((await safe()).code, 0);
  t.equal(levels(), ALL_SAFE);
});

t.test('a board that is not this one is told in words', async (t) => {
  const at = (offset: number) => ({ chip: 'no-such-chip', offset });
  const lines = { gate: at(1), green: at(2), yellow: at(3), red: at(4) };
  for (const backend of ['sysfs:', 'gpiochip:']) {
    const { safe } = deadGate(t, { gpio: { backend, lines } });
    const { code, stderr } = await safe();
    t.equal(code, 1, backend);
    t.match(stderr, /Line gate: there is no chip no-such-chip. \(gpio\.chip-missing\)/);
  }
});

t.test('no file, no JSON, no --config: said, and nothing done', async (t) => {
  const missing = await cardpad(t, ['outputs', 'safe', '--config', '/nowhere/config.json']);
  t.equal(missing.code, 1);
  t.match(missing.stderr, /there is no file/);
  t.equal((await cardpad(t, ['outputs', 'safe'])).code, 2);
});
