import { type ChildProcessWithoutNullStreams, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { openCharacterDevice } from '../../../drivers/gpio/characterDevice.js';
import type { LineAt, LinePlan, LineRef } from '../../../drivers/gpio/gpio.js';
import { LineHelper, type StartHelper } from '../../../drivers/gpio/lineHelper.js';
import { ManualClock, systemClock } from '../../../platform/clock.js';
import type { CardpadError } from '../../../protocol/errors.js';
import { until } from '../../support/waiting.js';
import { makeFakeBoard, makeFakeLine, startOnFake } from './fakeKernel.js';

const GATE: LineRef = { line: 'gate' };
const HELP: LineRef = { line: 'help' };
const PLAN: LinePlan = { outputs: [GATE], inputs: [HELP] };
const LINES: Readonly<Record<string, LineAt>> = {
  gate: { chip: 'raspberry-pi', offset: 17 },
  help: { chip: 'raspberry-pi', offset: 22, bias: 'pull-up' },
};

/** A fake board of one chip, and every helper that was started on it. */
function board(t: Test, chips: Readonly<Record<string, string>> = { gpiochip0: 'pinctrl-bcm2711 58' }) {
  const dir = mkdtempSync(join(tmpdir(), 'cardpad-chardev-'));
  makeFakeBoard(dir, chips);
  const folders = [17, 22].map((offset) =>
    makeFakeLine(dir, offset, (path) => execFileSync('mkfifo', [path])),
  );
  const [gateFolder = '', helpFolder = ''] = folders;
  const helpers: ChildProcessWithoutNullStreams[] = [];
  const start: StartHelper = () => {
    const helper = startOnFake(dir)();
    helpers.push(helper);
    return helper;
  };
  t.teardown(async () => {
    for (const helper of helpers) helper.kill('SIGKILL');
    await until(
      () => helpers.every(({ exitCode, signalCode }) => (exitCode ?? signalCode) !== null),
      'the end',
    );
    rmSync(dir, { recursive: true, force: true, maxRetries: 20 });
  });
  return { dir, start, helpers, gateFolder, helpFolder };
}

const gone = ({ exitCode, signalCode }: ChildProcessWithoutNullStreams) => (exitCode ?? signalCode) !== null;
const openOn = (start: StartHelper, options: { giveUp?: (error: CardpadError) => void } = {}) =>
  openCharacterDevice(PLAN, LINES, { clock: systemClock, start, ...options });

t.test('the pull resistor is asked for with the input, edges as well', async (t) => {
  const { start, helpFolder } = board(t);
  const wires = await openOn(start);
  t.equal(
    Number(readFileSync(join(helpFolder, 'flags'), 'latin1')),
    (1 << 2) | (1 << 4) | (1 << 5) | (1 << 8),
  );
  wires.release();
});

t.test('a helper that is let go drives outputs off, and ends', async (t) => {
  const { start, helpers, gateFolder } = board(t);
  const wires = await openOn(start);
  wires.write('gate', 1);
  wires.release();
  await until(() => helpers.every(gone), 'its end');
  t.equal(readFileSync(join(gateFolder, 'trace'), 'latin1'), '010');
  t.equal(helpers[0]?.exitCode, 0);
});

t.test('signals for the whole group do not end the helper: its gate still has to close', async (t) => {
  const { start, helpers, gateFolder } = board(t);
  const wires = await openOn(start);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGPIPE'] as const) helpers[0]?.kill(signal);
  wires.write('gate', 1);
  await until(() => readFileSync(join(gateFolder, 'trace'), 'latin1') === '01', 'the write');
  wires.release();
});

for (const { errno, code, disposition } of [
  { errno: 13, code: 'gpio.denied', disposition: 'retry' },
  { errno: 22, code: 'gpio.open-failed', disposition: 'fatal' },
]) {
  t.test(`errno ${errno} at opening is ${code}, and the helper is let go`, async (t) => {
    const { start, helpers, gateFolder } = board(t);
    writeFileSync(join(gateFolder, 'refuse'), String(errno));
    await t.rejects(openOn(start), { code, disposition, message: /Line gate/ });
    await until(() => helpers.every(gone), 'its end');
  });
}

t.test('a line that another program has is waited for', async (t) => {
  const { start, gateFolder } = board(t);
  writeFileSync(join(gateFolder, 'refuse'), '16');
  const opening = openOn(start);
  await until(() => existsSync(join(gateFolder, 'refused')), 'the first refusal');
  rmSync(join(gateFolder, 'refuse'));
  (await opening).release();
});

t.test('a chip that is not there is told with those that are', async (t) => {
  const { start } = board(t, { gpiochip0: 'gpio-brcmstb@107d508500 32' });
  await t.rejects(openOn(start), { code: 'gpio.chip-missing', help: /gpio-brcmstb@107d508500/ });
});

t.test('no perl, no character device: the word is what to install', async (t) => {
  const start: StartHelper = () => spawn('/nowhere/perl', [], { stdio: 'pipe' });
  await t.rejects(openOn(start), { code: 'gpio.helper', help: /perl-base/ });
});

t.test('a helper that ends at the start is told with its last words', async (t) => {
  const start: StartHelper = () => spawn('sh', ['-c', 'echo no such thing >&2; exit 7'], { stdio: 'pipe' });
  await t.rejects(openOn(start), { code: 'gpio.helper', message: /no such thing|does not listen/ });
});

/** A helper with a line that it drives, and how it failed. */
async function driving(t: Test, clock = systemClock) {
  const { start, helpers, gateFolder } = board(t);
  const helper = new LineHelper(clock, start);
  const failures: CardpadError[] = [];
  helper.onFailure((error) => failures.push(error));
  t.same(await helper.ask('output', 'gate', 'gpiochip0', 17, 0), ['ok']);
  return { helper, failures, gateFolder, child: helpers[0] as ChildProcessWithoutNullStreams };
}

t.test('a helper that dies is told once, and the next order throws', async (t) => {
  const { helper, failures, child } = await driving(t);
  child.kill('SIGKILL');
  await until(() => failures.length > 0, 'the word of it');
  t.throws(() => helper.order('set', 'gate', 1), { code: 'gpio.helper', disposition: 'retry' });
  await t.rejects(helper.ask('chips'), { code: 'gpio.helper' });
  t.equal(failures.length, 1);
});

t.test('an order that the kernel refuses is a failure, and the outputs are driven off', async (t) => {
  const { helper, failures, gateFolder, child } = await driving(t);
  helper.order('set', 'gate', 1);
  await until(() => readFileSync(join(gateFolder, 'trace'), 'latin1') === '01', 'on');
  helper.order('set', 'bell', 1);
  await until(() => failures.length > 0 && gone(child), 'the failure');
  t.equal(readFileSync(join(gateFolder, 'trace'), 'latin1'), '010');
});

t.test(
  'a helper that does not answer in two seconds is ended: the kernel lets go of its lines',
  async (t) => {
    const clock = new ManualClock();
    const { helper, failures, child } = await driving(t, clock);
    child.kill('SIGSTOP');
    helper.order('set', 'gate', 1);
    clock.advance(2000);
    t.equal(failures.length, 0);
    clock.advance(100);
    t.match(failures, [{ code: 'gpio.helper', message: /does not answer/ }]);
    await until(() => gone(child), 'its end');
  },
);

t.test('a gate that was stuck itself does not blame its helper', async (t) => {
  const clock = new ManualClock();
  const { helper, failures, gateFolder } = await driving(t, clock);
  helper.order('set', 'gate', 1);
  // All that a program does first which has not turned for a while: the timer that is due.
  clock.advance(2000);
  t.same(await helper.ask('set', 'gate', 0), ['ok'], 'then it reads what lies there');
  clock.advance(10_000);
  t.same(failures, []);
  t.equal(readFileSync(join(gateFolder, 'trace'), 'latin1'), '010');
  helper.close();
});

t.test('a helper that takes no more is ended at once', async (t) => {
  const { helper, failures, child } = await driving(t, new ManualClock());
  child.kill('SIGSTOP');
  t.throws(
    () => {
      for (let order = 0; order < 100_000; order++) helper.order('set', 'gate', 1);
    },
    { code: 'gpio.helper', message: /does not listen/ },
  );
  t.equal(failures.length, 1);
});

t.test('an input that cannot be read any more is told with its name', async (t) => {
  const { start, helpers, helpFolder } = board(t);
  const failures: CardpadError[] = [];
  await openOn(start, { giveUp: (error) => failures.push(error) });
  writeFileSync(join(helpFolder, 'refuse'), '19');
  await until(() => failures.length > 0 && helpers.every(gone), 'the word of it');
  t.match(failures, [{ code: 'gpio.read-failed', message: /help/ }]);
});

t.test('a gate whose helper dies ends with an error, and does not live on without lines', async (t) => {
  const { dir } = board(t, { gpiochip0: 'pinctrl-bcm2835 54' });
  makeFakeLine(dir, 27, (path) => execFileSync('mkfifo', [path]));
  const held = new URL('held.js', import.meta.url);
  const child = fork(held, ['fake:', dir], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let said = '';
  child.stderr?.on('data', (text) => {
    said += text;
  });
  await once(child, 'message');
  const ended = once(child, 'close');
  const helper = Number(execFileSync('pgrep', ['-P', String(child.pid), 'perl|cardpad-gpio']).toString());
  process.kill(helper, 'SIGKILL');
  const [code] = await ended;
  t.equal(code, 1);
  t.match(said, /The GPIO helper (ended|does not listen)/);
});
