import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SimulatedGpio } from '../../../drivers/gpio/simulated.js';
import { ManualClock } from '../../../platform/clock.js';
import { GpioFolder, type LevelChange } from '../../../scripts/screen/gpioFolder.js';
import { Changes } from '../../e2e/support/changes.js';

function following(t: { teardown(call: () => unknown): unknown }, folder: string) {
  const told: LevelChange[] = [];
  const changes = new Changes();
  const gpio = new GpioFolder(folder, (change) => {
    told.push(change);
    changes.happened();
  });
  t.teardown(() => gpio.close());
  const words = () => told.map(({ line, value }) => `${line}=${value}`);
  const until = (expected: readonly string[]) =>
    changes.until(
      () => words().join() === expected.join() && words(),
      () => `${expected.join()}; told was ${words().join()}`,
    );
  return { told, until };
}

t.test('first the levels that there are, then each edge once, with its own time', async (t) => {
  const folder = t.testdir({});
  const gpio = new SimulatedGpio(folder, new ManualClock());
  const gate = gpio.output({ line: 'gate' }, 'off');
  const lamp = gpio.output({ line: 'green' }, 'off');
  gate.set(true);
  const { told, until } = following(t, folder);
  await until(['gate=1', 'green=0']);
  const before = process.hrtime.bigint();
  for (const on of [true, false, true]) lamp.set(on);
  gate.set(false);
  const behind = process.hrtime.bigint();
  await until(['gate=1', 'green=0', 'green=1', 'green=0', 'green=1', 'gate=0']);
  t.ok(
    told.slice(2).every(({ ns }) => ns >= before && ns <= behind),
    'times are those of the edges',
  );
});

t.test('a folder that is not there yet is waited for, and so are its lines', async (t) => {
  const folder = join(t.testdir({}), 'gpio');
  const { until } = following(t, folder);
  mkdirSync(folder);
  writeFileSync(join(folder, 'gate'), '0');
  await until(['gate=0']);
  writeFileSync(join(folder, '.help.new'), '1\n');
  renameSync(join(folder, '.help.new'), join(folder, 'help'));
  await until(['gate=0', 'help=1']);
});

t.test('what is no level and no edge is left alone', async (t) => {
  const folder = t.testdir({ gate: '0', 'README.md': '1', broken: 'x', 'trace.ndjson': 'not JSON\n' });
  const { until } = following(t, folder);
  await until(['gate=0']);
  const trace = join(folder, 'trace.ndjson');
  appendFileSync(trace, '{"ns":"1","line":"../etc","value":1}\n{"ns":5,"line":"gate","value":1}\n[]\n');
  appendFileSync(trace, `${'x'.repeat(100_000)}\n{"ns":"7","line":"gate","value":1}\n`);
  await until(['gate=0', 'gate=1']);
  rmSync(folder, { recursive: true });
});
