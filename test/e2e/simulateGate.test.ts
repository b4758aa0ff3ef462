import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { SimulatedGpio } from '../../drivers/gpio/simulated.js';
import { ManualClock } from '../../platform/clock.js';
import { cardpad, startCardpad } from './support/child.js';
import { Tmux } from './support/tmux.js';

const CLI = fileURLToPath(new URL('../../scripts/cli/main.js', import.meta.url));

/** What a daemon would open there. */
function driven(folder: string) {
  const gpio = new SimulatedGpio(folder, new ManualClock());
  return {
    gpio,
    gate: gpio.output({ line: 'gate', activeLow: true }, 'off'),
    green: gpio.output({ line: 'green' }, 'off'),
  };
}

t.test('simulate gate in a pipe: waits for the folder, then a line a change', async (t) => {
  const folder = join(t.testdir({}), 'gpio');
  const watcher = startCardpad(t, ['simulate', 'gate', '--gpio', `sim:${folder}`, '--active-low', 'gate']);
  await watcher.line(/waiting for .*gpio/);
  const { gpio, gate, green } = driven(folder);
  const said = (count: number, last: RegExp) =>
    watcher.output((lines) => lines.length >= count && last.test(lines.at(-1) ?? '') && lines, `${last}`);
  await said(2, /green dark$/);
  gate.set(true);
  green.set(true);
  gate.set(false);
  const lines = await said(5, /gate shut$/);
  t.same(
    lines.map((line) => line.replace(/^\d\d:\d\d:\d\d\.\d{3} /, '')),
    ['gate shut', 'green dark', 'gate OPEN', 'green LIT', 'gate shut'],
  );
  t.same(await watcher.end('SIGTERM'), { code: 0, signal: null });
  gpio.close();
});

t.test('simulate gate --json: the time of each edge, the level, and what it means', async (t) => {
  const folder = t.testdir({});
  const { gpio, gate } = driven(folder);
  const argv = ['simulate', 'gate', '--gpio', `sim:${folder}`, '--active-low', 'gate', '--json'];
  const watcher = startCardpad(t, argv);
  await watcher.output((lines) => lines.length === 2, 'the levels at the beginning');
  const before = process.hrtime.bigint();
  gate.set(true);
  const behind = process.hrtime.bigint();
  const [, , edge = ''] = await watcher.output((lines) => lines.length === 3 && lines, 'an edge');
  const { ns, ...rest } = JSON.parse(edge) as Record<string, unknown>;
  t.same(rest, { line: 'gate', value: 0, on: true });
  t.ok(BigInt(String(ns)) >= before && BigInt(String(ns)) <= behind);
  await watcher.end('SIGINT');
  gpio.close();
});

t.test('simulate gate in a terminal: a picture that moves, until q', async (t) => {
  const folder = t.testdir({});
  const { gpio, gate, green } = driven(folder);
  const argv = [process.execPath, CLI, 'simulate', 'gate', '--gpio', `sim:${folder}`, '--active-low', 'gate'];
  const screen = await Tmux.open(t, argv, { columns: 40, rows: 10 });
  await screen.shows(/^gate +\|=====\| shut\ngreen +\(✓\) +dark/m);
  gate.set(true);
  green.set(true);
  await screen.shows(/^gate +\| {5}\| OPEN\ngreen +\(\(✓\)\) LIT +tick/m);
  await screen.press('q');
  t.match(await screen.ended(), /ended with 0/);
  t.ok(await screen.isGivenBack());
  gpio.close();
});

const WRONG: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no folder', [], /--gpio is missing/],
  ['another backend', ['--gpio', 'sysfs:'], /--gpio takes sim:DIR/],
  ['what is no folder', ['--gpio', 'sim:/etc/hostname'], /\/etc\/hostname is no folder/],
  ['something more', ['--gpio', 'sim:/tmp', 'now'], /unexpected argument: now/],
];
for (const [name, argv, says] of WRONG) {
  t.test(`simulate gate refuses ${name}`, async (t) => {
    const { code, stderr } = await cardpad(t, ['simulate', 'gate', ...argv]);
    t.equal(code, 2);
    t.match(stderr, says);
  });
}
