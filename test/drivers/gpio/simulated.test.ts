import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SimulatedGpio } from '../../../drivers/gpio/simulated.js';
import { ManualClock, systemClock } from '../../../platform/clock.js';
import { until } from '../ports/contract.js';

function board(t: Test, clock = new ManualClock()) {
  const dir = mkdtempSync(join(tmpdir(), 'cardpad-gpio-'));
  const gpio = new SimulatedGpio(dir, clock);
  t.teardown(() => {
    gpio.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const level = (line: string) => readFileSync(join(dir, line), 'latin1');
  const write = (line: string, text: string) => writeFileSync(join(dir, line), text);
  const trace = () => {
    if (!existsSync(join(dir, 'trace.ndjson'))) return [];
    const text = readFileSync(join(dir, 'trace.ndjson'), 'utf8');
    t.ok(text.endsWith('\n'), 'the trace ends with a whole line');
    return text
      .trimEnd()
      .split('\n')
      .map((line): { ns: string; line: string; value: number } => JSON.parse(line));
  };
  return { dir, gpio, clock, level, write, trace };
}

for (const { activeLow, off, on } of [
  { activeLow: false, off: '0', on: '1' },
  { activeLow: true, off: '1', on: '0' },
]) {
  t.test(
    `an output ${activeLow ? 'that is active low' : ''} is at its safe level once it is open`,
    async (t) => {
      const { gpio, level, trace } = board(t);
      const line = gpio.output({ line: 'gate', activeLow }, 'off');
      t.equal(level('gate'), off, 'no line end, just the level');
      t.equal(line.isOn, false);
      t.same(trace(), [], 'a line that was not there before had no edge');
      line.set(true);
      t.equal(level('gate'), on);
      t.equal(line.isOn, true);
      line.set(false);
      t.equal(level('gate'), off);
      t.same(
        trace().map(({ line, value }) => [line, value]),
        [
          ['gate', Number(on)],
          ['gate', Number(off)],
        ],
      );
    },
  );
}

t.test('a line that a crash left on is switched off when it is opened, and that is an edge', async (t) => {
  const { gpio, level, write, trace } = board(t);
  write('gate', '1');
  gpio.output({ line: 'gate' }, 'off');
  t.equal(level('gate'), '0');
  t.match(trace(), [{ line: 'gate', value: 0 }]);
});

t.test('a line that a crash left off has no edge when it is opened', async (t) => {
  const { gpio, write, trace } = board(t);
  write('gate', '0');
  gpio.output({ line: 'gate' }, 'off');
  t.same(trace(), []);
});

t.test('setting what is set already is no edge', async (t) => {
  const { gpio, trace } = board(t);
  const line = gpio.output({ line: 'red' }, 'off');
  line.set(false);
  line.set(true);
  line.set(true);
  t.equal(trace().length, 1);
});

t.test('the trace is in the order of the monotonic clock', async (t) => {
  const { gpio, trace } = board(t);
  const before = process.hrtime.bigint();
  const line = gpio.output({ line: 'gate' }, 'off');
  for (const on of [true, false, true, false]) line.set(on);
  const after = process.hrtime.bigint();
  const stamps = trace().map(({ ns }) => {
    t.match(ns, /^\d+$/, 'a decimal string');
    return BigInt(ns);
  });
  t.equal(stamps.length, 4);
  t.same(
    [before, ...stamps, after],
    [before, ...stamps, after].sort((a, b) => (a < b ? -1 : 1)),
  );
});

t.test('a line is replaced, never half written', async (t) => {
  const { dir, gpio } = board(t);
  const line = gpio.output({ line: 'gate' }, 'off');
  line.set(true);
  t.same(readdirSync(dir).sort(), ['gate', 'trace.ndjson'], 'no temporary file stays behind');
});

t.test('closing puts every output at its safe level, and only off can be set after that', async (t) => {
  const { gpio, level } = board(t);
  const gate = gpio.output({ line: 'gate' }, 'off');
  const low = gpio.output({ line: 'low', activeLow: true }, 'off');
  gate.set(true);
  low.set(true);
  gpio.close();
  gpio.close();
  t.same([level('gate'), level('low')], ['0', '1']);
  gate.set(false);
  t.throws(() => gate.set(true), { code: 'gpio.closed' });
  t.equal(level('gate'), '0');
});

t.test('a folder that is gone is an error with a code, and the line keeps its state', async (t) => {
  const { dir, gpio } = board(t);
  const line = gpio.output({ line: 'gate' }, 'off');
  rmSync(dir, { recursive: true });
  t.throws(() => line.set(true), { code: 'gpio.write-failed', disposition: 'retry' });
  t.equal(line.isOn, false);
});

t.test('an input is made at its idle level, and a change of its file is one edge', async (t) => {
  const { gpio, clock, level, write, trace } = board(t);
  const edges: boolean[] = [];
  const help = gpio.input({ line: 'help' }, (on) => edges.push(on));
  const fire = gpio.input({ line: 'fire', activeLow: true }, () => t.fail('nobody touched it'));
  t.same([level('help'), level('fire')], ['0', '1']);
  t.same([help.isOn, fire.isOn], [false, false]);
  write('help', '1');
  clock.advance(200);
  clock.advance(1000);
  t.same(edges, [true]);
  t.equal(help.isOn, true);
  write('help', '0\n');
  clock.advance(200);
  t.same(edges, [true, false], 'as `echo 0 > help` writes it');
  t.same(
    trace().map(({ line, value }) => [line, value]),
    [
      ['help', 1],
      ['help', 0],
    ],
  );
});

t.test('an active-low input is on at electrical 0', async (t) => {
  const { gpio, clock, write } = board(t);
  const edges: boolean[] = [];
  gpio.input({ line: 'fire', activeLow: true }, (on) => edges.push(on));
  write('fire', '0');
  clock.advance(200);
  t.same(edges, [true]);
});

t.test('a state found at opening is no edge', async (t) => {
  const { gpio, clock, write } = board(t);
  write('help', '1');
  const help = gpio.input({ line: 'help' }, () => t.fail('no edge'));
  clock.advance(1000);
  t.equal(help.isOn, true);
});

t.test('a file that holds no level, or nothing, or is gone, changes nothing', async (t) => {
  const { dir, gpio, clock, write } = board(t);
  const edges: boolean[] = [];
  gpio.input({ line: 'help' }, (on) => edges.push(on));
  write('help', '1');
  clock.advance(200);
  for (const text of ['', '2', 'on', '10', '-0']) {
    write('help', text);
    clock.advance(200);
  }
  rmSync(join(dir, 'help'));
  clock.advance(200);
  t.same(edges, [true]);
});

t.test('a change is seen without waiting for the poll', async (t) => {
  const { gpio, write } = board(t, new ManualClock());
  const edges: boolean[] = [];
  gpio.input({ line: 'help' }, (on) => edges.push(on));
  write('help', '1');
  await until(() => edges.length > 0, 'the edge');
  t.same(edges, [true]);
});

t.test('nothing is told after close', async (t) => {
  const { dir, gpio, clock, write } = board(t);
  gpio.input({ line: 'help' }, () => t.fail('closed'));
  gpio.close();
  // A second board on the same folder: once its watcher has seen the change, the first one's would have as well.
  const other = new SimulatedGpio(dir, new ManualClock());
  t.teardown(() => other.close());
  const seen: boolean[] = [];
  other.input({ line: 'help' }, (on) => seen.push(on));
  write('help', '1');
  await until(() => seen.length > 0, 'the edge at the other board');
  clock.advance(1000);
});

t.test('a line that cannot be switched off keeps no other from it', async (t) => {
  const { dir, gpio, level } = board(t);
  const names = ['red', 'gate', 'green'];
  for (const line of names) gpio.output({ line }, 'off').set(true);
  // A folder in its place cannot be replaced by a file, not even by root.
  rmSync(join(dir, 'red'));
  mkdirSync(join(dir, 'red', 'inside'), { recursive: true });
  t.throws(() => gpio.close(), { code: 'gpio.write-failed' });
  t.same([level('gate'), level('green')], ['0', '0']);
});

t.test('a name that could lead out of the folder is refused', async (t) => {
  const { dir, gpio } = board(t);
  for (const line of [
    '',
    '.',
    '..',
    '../gate',
    'a/b',
    '/gate',
    '.gate',
    'Gate',
    'gate\0',
    'g'.repeat(33),
    'trace.ndjson',
  ]) {
    t.throws(() => gpio.output({ line }, 'off'), { code: 'gpio.line-name', disposition: 'fatal' });
    t.throws(() => gpio.input({ line }, () => {}), { code: 'gpio.line-name', disposition: 'fatal' });
  }
  t.same(readdirSync(dir), []);
  gpio.output({ line: 'a-0'.padEnd(32, 'z') }, 'off');
});

t.test('one line for two uses is refused', async (t) => {
  const { gpio } = board(t);
  gpio.output({ line: 'green' }, 'off');
  t.throws(() => gpio.output({ line: 'green' }, 'off'), { code: 'gpio.line-in-use' });
  t.throws(() => gpio.input({ line: 'green' }, () => {}), { code: 'gpio.line-in-use' });
});

t.test('the folder is made when it is missing', async (t) => {
  const { dir } = board(t);
  const gpio = new SimulatedGpio(join(dir, 'a', 'b'), systemClock);
  gpio.output({ line: 'gate' }, 'off');
  t.equal(readFileSync(join(dir, 'a', 'b', 'gate'), 'latin1'), '0');
  gpio.close();
});

t.test('a trace that cannot be written keeps no line from being set', async (t) => {
  const { dir, gpio, level } = board(t);
  const line = gpio.output({ line: 'gate' }, 'off');
  appendFileSync(join(dir, 'x'), '');
  rmSync(join(dir, 'trace.ndjson'), { force: true });
  // A folder in its place cannot be appended to, not even by root.
  new SimulatedGpio(join(dir, 'trace.ndjson'), systemClock).close();
  line.set(true);
  t.equal(level('gate'), '1');
});
