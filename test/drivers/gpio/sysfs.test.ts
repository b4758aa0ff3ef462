import t from 'tap';
import type { LineAt, LinePlan, LineRef } from '../../../drivers/gpio/gpio.js';
import { loadOnoff, openSysfs } from '../../../drivers/gpio/sysfs.js';
import { WiredGpio } from '../../../drivers/gpio/wired.js';
import { ManualClock } from '../../../platform/clock.js';
import { settle } from '../../support/waiting.js';
import { FakeSysfs, systemError } from './fakeSysfs.js';

const GATE: LineRef = { line: 'gate' };
const LOW: LineRef = { line: 'low', activeLow: true };
const HELP: LineRef = { line: 'help' };
const LINES: Readonly<Record<string, LineAt>> = {
  gate: { chip: 'raspberry-pi', offset: 17 },
  low: { chip: 'pinctrl-bcm2711', offset: 27 },
  help: { chip: 'raspberry-pi', offset: 22 },
};
const [GATE_NUMBER, LOW_NUMBER, HELP_NUMBER] = [529, 539, 534] as const;
const PLAN: LinePlan = { outputs: [GATE, LOW], inputs: [HELP] };

async function open(files: FakeSysfs, plan = PLAN, lines = LINES, clock = new ManualClock()) {
  const wires = await openSysfs(plan, lines, { files, openPin: files.openPin, clock });
  return { clock, gpio: new WiredGpio(wires, plan, clock) };
}

t.test('each output has its safe level with its direction, and no other before', async (t) => {
  const files = new FakeSysfs();
  const { gpio } = await open(files);
  t.same(files.driven, [`${GATE_NUMBER}=0`, `${LOW_NUMBER}=1`]);
  t.same([files.direction(GATE_NUMBER), files.direction(HELP_NUMBER)], ['out', 'in']);
  gpio.output(LOW, 'off').set(true);
  t.equal(files.level(LOW_NUMBER), 0);
  gpio.close();
  t.equal(files.level(LOW_NUMBER), 1);
});

t.test('a line that a crash left on goes straight to its safe level', async (t) => {
  const files = new FakeSysfs();
  files.exported(GATE_NUMBER, 'out', 1);
  files.exported(LOW_NUMBER, 'out', 1);
  const { gpio } = await open(files);
  t.same(files.driven, [`${GATE_NUMBER}=0`, `${LOW_NUMBER}=1`]);
  gpio.close();
});

t.test('after closing outputs stay driven, at their safe level, and inputs are let go', async (t) => {
  const files = new FakeSysfs();
  const { gpio } = await open(files);
  gpio.output(GATE, 'off').set(true);
  gpio.close();
  t.equal(files.level(GATE_NUMBER), 0);
  t.same(
    [GATE_NUMBER, LOW_NUMBER, HELP_NUMBER].map((number) => files.isExported(number)),
    [true, true, false],
  );
});

t.test('a line that does not take what onoff was told is no silent success', async (t) => {
  const files = new FakeSysfs();
  files.exported(GATE_NUMBER, 'out', 1);
  files.deaf = true;
  await t.rejects(open(files), { code: 'gpio.open-failed', disposition: 'fatal', message: /Line gate/ });
});

t.test('udev gives a new line to its group a little later: that is waited for', async (t) => {
  const files = new FakeSysfs();
  const clock = new ManualClock();
  files.deny(GATE_NUMBER, true);
  const opening = open(files, PLAN, LINES, clock);
  await settle();
  t.same(files.driven, [], 'nothing is driven before');
  files.deny(GATE_NUMBER, false);
  clock.advance(50);
  (await opening).gpio.close();
});

for (const { code, expected, help } of [
  { code: 'EACCES', expected: 'gpio.denied', help: /group gpio/ },
  { code: 'EBUSY', expected: 'gpio.line-busy', help: /gpioinfo/ },
] as const) {
  t.test(`${code} may pass, and is told after three seconds`, async (t) => {
    const files = new FakeSysfs();
    const clock = new ManualClock();
    files.exportFails = Array.from({ length: 200 }, () => systemError(code));
    const opening = open(files, PLAN, LINES, clock);
    const told = t.rejects(opening, { code: expected, disposition: 'retry', help, message: /Line gate/ });
    for (let tries = 0; tries < 62; tries++) {
      await settle(3);
      clock.advance(50);
    }
    await told;
  });
}

t.test('a line that is busy for a moment is had when it is free', async () => {
  const files = new FakeSysfs();
  const clock = new ManualClock();
  files.exportFails = [systemError('EBUSY'), systemError('EBUSY')];
  const opening = open(files, PLAN, LINES, clock);
  for (let tries = 0; tries < 3; tries++) {
    await settle(3);
    clock.advance(50);
  }
  (await opening).gpio.close();
});

t.test('a read-only /sys is told at once, with what makes it so', async (t) => {
  const files = new FakeSysfs();
  files.exportFails = Array.from({ length: 4 }, () => systemError('EROFS'));
  await t.rejects(open(files), { code: 'gpio.denied', disposition: 'fatal', help: /ProtectKernelTunables/ });
});

t.test('what the kernel refuses otherwise is told with its words', async (t) => {
  const files = new FakeSysfs();
  files.exportFails = Array.from({ length: 4 }, () => systemError('EINVAL'));
  await t.rejects(open(files), { code: 'gpio.open-failed', message: /EINVAL of a test/ });
});

t.test('a pull resistor is refused: sysfs has none', async (t) => {
  const lines = { ...LINES, help: { chip: 'raspberry-pi', offset: 22, bias: 'pull-up' } } as const;
  await t.rejects(open(new FakeSysfs(), PLAN, lines), { code: 'gpio.bias', help: /gpiochip:/ });
});

t.test('a line without a place is refused by name', async (t) => {
  const { help: _, ...lines } = LINES;
  await t.rejects(open(new FakeSysfs(), PLAN, lines), { code: 'gpio.line-unknown', message: /help/ });
});

t.test('a line that was not in the plan cannot be opened', async (t) => {
  const { gpio } = await open(new FakeSysfs(), { outputs: [GATE], inputs: [] });
  t.throws(() => gpio.input(HELP, () => {}), { code: 'gpio.line-unknown' });
  t.throws(() => gpio.output(LOW, 'off'), { code: 'gpio.line-unknown' });
  t.throws(() => gpio.input(GATE, () => {}), { code: 'gpio.line-unknown' });
  gpio.close();
});

t.test('an edge is told by its interrupt, and found by looking where none came', async (t) => {
  const files = new FakeSysfs();
  const { gpio, clock } = await open(files);
  const edges: boolean[] = [];
  gpio.input(HELP, (on) => edges.push(on));
  files.turn(HELP_NUMBER, 1);
  t.same(edges, [true], 'by the interrupt');
  files.turn(HELP_NUMBER, 0, { silently: true });
  clock.advance(99);
  t.equal(edges.length, 1);
  clock.advance(1);
  t.same(edges, [true, false], 'by looking');
  files.turn(HELP_NUMBER, 0);
  t.equal(edges.length, 2, 'the interrupt of what was seen already');
  files.turn(HELP_NUMBER, 0);
  t.same(edges, [true, false, true, false], 'an interrupt without a change: it came and went');
  clock.advance(1000);
  gpio.close();
  files.turn(HELP_NUMBER, 1, { silently: true });
  clock.advance(1000);
  t.equal(edges.length, 4, 'nothing is told after close');
});

t.test('a write that fails has a code, leaves the state, and keeps no other line from closing', async (t) => {
  const files = new FakeSysfs();
  const { gpio } = await open(files);
  const gate = gpio.output(GATE, 'off');
  files.writeFails = systemError('EIO');
  t.throws(() => gate.set(true), { code: 'gpio.write-failed', disposition: 'retry' });
  t.equal(gate.isOn, false);
  files.writeFails = undefined;
  gate.set(true);
  files.writeFails = systemError('EIO');
  t.throws(() => gpio.close(), { code: 'gpio.write-failed' });
  t.notOk(files.isExported(HELP_NUMBER), 'and the inputs are let go');
});

t.test('an input that cannot be read any more ends the program, out of the timer', async (t) => {
  const files = new FakeSysfs();
  const { gpio, clock } = await open(files);
  gpio.input(HELP, () => {});
  files.readFails = systemError('ENODEV');
  t.throws(() => clock.advance(100), { code: 'gpio.read-failed' });
});

t.test('without onoff there is a word what to do', async (t) => {
  const missing = loadOnoff(() => Promise.reject(systemError('ERR_MODULE_NOT_FOUND')));
  await t.rejects(missing, { code: 'gpio.addon-missing', disposition: 'fatal', help: /gpiochip:/ });
});
