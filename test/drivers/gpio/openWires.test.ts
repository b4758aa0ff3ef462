import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { LineAt, LinePlan, LineRef } from '../../../drivers/gpio/gpio.js';
import { type Board, openWires } from '../../../drivers/gpio/open.js';
import type { SafeLine } from '../../../drivers/gpio/safePlan.js';
import { loadOnoff } from '../../../drivers/gpio/sysfs.js';
import { ManualClock, systemClock } from '../../../platform/clock.js';
import { settle } from '../../support/waiting.js';
import { makeFakeBoard, makeFakeLine, startOnFake } from './fakeKernel.js';
import { FakeSysfs, systemError } from './fakeSysfs.js';

const GATE: LineRef = { line: 'gate' };
const LOW: LineRef = { line: 'low', activeLow: true };
const PLAN: LinePlan = { outputs: [GATE, LOW], inputs: [] };
const LINES: Readonly<Record<string, LineAt>> = {
  gate: { chip: 'raspberry-pi', offset: 17 },
  low: { chip: 'pinctrl-bcm2711', offset: 27 },
};
const [GATE_NUMBER, LOW_NUMBER] = [529, 539] as const;

/** A Pi 4 by both interfaces; its lines are known to each. */
function board(t: Test, onoff: 'there' | 'missing') {
  const dir = mkdtempSync(join(tmpdir(), 'cardpad-wires-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true, maxRetries: 20 }));
  makeFakeBoard(dir, { gpiochip0: 'pinctrl-bcm2711 58' });
  const [gateFolder = ''] = [17, 27].map((offset) =>
    makeFakeLine(dir, offset, (path) => execFileSync('mkfifo', [path])),
  );
  const files = new FakeSysfs();
  const missing = () => loadOnoff(() => Promise.reject(systemError('ERR_MODULE_NOT_FOUND')));
  const parts: Board = {
    files,
    loadOnoff: onoff === 'missing' ? missing : () => Promise.resolve(files.openPin),
    startHelper: startOnFake(dir),
  };
  return { files, parts, gateFolder };
}

async function plannedBy(backend: string, parts: Board): Promise<readonly SafeLine[]> {
  let planned: readonly SafeLine[] = [];
  const willDrive = (lines: readonly SafeLine[]) => {
    planned = lines;
  };
  const wires = await openWires({ backend, lines: LINES }, PLAN, systemClock, parts, { willDrive });
  wires.release();
  return planned;
}

const BY_SYSFS: readonly SafeLine[] = [
  { by: 'sysfs', number: GATE_NUMBER, level: 0 },
  { by: 'sysfs', number: LOW_NUMBER, level: 1 },
];
const BY_CHIP: readonly SafeLine[] = [
  { by: 'gpiochip', chip: 'gpiochip0', offset: 17, level: 0 },
  { by: 'gpiochip', chip: 'gpiochip0', offset: 27, level: 1 },
];

for (const { backend, onoff, expected } of [
  { backend: 'sysfs:', onoff: 'there', expected: BY_SYSFS },
  { backend: 'gpiochip:', onoff: 'missing', expected: BY_CHIP },
  { backend: 'auto:', onoff: 'there', expected: BY_SYSFS },
  { backend: 'auto:', onoff: 'missing', expected: BY_CHIP },
] as const) {
  t.test(`${backend} with onoff ${onoff}: what will be driven is told as ${expected[0]?.by}`, async (t) => {
    t.same(await plannedBy(backend, board(t, onoff).parts), expected);
  });
}

t.test('sysfs: without onoff is no other interface in silence', async (t) => {
  await t.rejects(plannedBy('sysfs:', board(t, 'missing').parts), { code: 'gpio.addon-missing' });
});

t.test('what will be driven is told before the first line is touched', async (t) => {
  const { parts, files } = board(t, 'there');
  const seen: boolean[] = [];
  const willDrive = () => seen.push(files.isExported(GATE_NUMBER), files.driven.length > 0);
  const settings = { backend: 'sysfs:', lines: LINES };
  (await openWires(settings, PLAN, systemClock, parts, { willDrive })).release();
  t.same(seen, [false, false]);
});

for (const { outputs, inputs } of [
  { outputs: [GATE, { line: 'lost' }], inputs: [] },
  { outputs: [GATE], inputs: [{ line: 'lost' }] },
]) {
  t.test(`a wrong ${inputs.length > 0 ? 'input' : 'lamp'} keeps no relay on`, async (t) => {
    const { parts, files } = board(t, 'there');
    files.exported(GATE_NUMBER, 'out', 1);
    const settings = { backend: 'sysfs:', lines: LINES };
    const plan: LinePlan = { outputs, inputs };
    await t.rejects(openWires(settings, plan, systemClock, parts), { code: 'gpio.line-unknown' });
    t.equal(files.level(GATE_NUMBER), 0);
  });
}

t.test('lines that sysfs: left exported are let go for gpiochip:', async (t) => {
  const { parts, files, gateFolder } = board(t, 'there');
  files.exported(GATE_NUMBER, 'out', 0);
  writeFileSync(join(gateFolder, 'refuse'), '16');
  const write = files.write.bind(files);
  files.write = (path, text) => {
    write(path, text);
    // The kernel has the line free again.
    rmSync(join(gateFolder, 'refuse'));
  };
  t.same(await plannedBy('gpiochip:', parts), BY_CHIP);
  t.notOk(files.isExported(GATE_NUMBER));
});

t.test('a line that is exported and may not be let go is told with the command that does it', async (t) => {
  const { parts, files, gateFolder } = board(t, 'there');
  files.exported(GATE_NUMBER, 'out', 0);
  writeFileSync(join(gateFolder, 'refuse'), '16');
  files.write = () => {
    throw systemError('EACCES');
  };
  await t.rejects(plannedBy('gpiochip:', parts), {
    code: 'gpio.line-busy',
    disposition: 'fatal',
    message: 'Line gate is still exported by sysfs.',
    help: `As root: echo ${GATE_NUMBER} >/sys/class/gpio/unexport`,
  });
});

t.test('udev has one time for all lines; what is waited for is told once', async (t) => {
  const files = new FakeSysfs();
  const clock = new ManualClock();
  files.deny(GATE_NUMBER, true);
  files.deny(LOW_NUMBER, true);
  const told: string[] = [];
  const patience = { withinMs: 10_000, onSlow: ({ message }: Error) => told.push(message) };
  const parts: Board = { files, loadOnoff: () => Promise.resolve(files.openPin) };
  const opening = openWires({ backend: 'sysfs:', lines: LINES }, PLAN, clock, parts, { patience });
  const failed = t.rejects(opening, { code: 'gpio.denied', disposition: 'retry', message: /Line low/ });
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 50) {
      await settle(5);
      clock.advance(50);
    }
    await settle(5);
  };
  await settle();
  t.ok(files.isExported(LOW_NUMBER), 'all are exported before the first is waited for');
  await pass(2900);
  t.same(told, []);
  await pass(2000);
  t.same(told, ['Line gate may not be used by this user.']);
  files.deny(GATE_NUMBER, false);
  await pass(5200);
  await failed;
  t.same(told.length, 1);
});
