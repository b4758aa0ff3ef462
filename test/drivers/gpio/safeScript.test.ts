import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type SafeLine, safePlanText } from '../../../drivers/gpio/safePlan.js';
import { SAFE_SCRIPT } from '../../../drivers/gpio/safeScript.js';
import { FAKE_KERNEL, makeFakeBoard, makeFakeLine } from './fakeKernel.js';

const RUN = '0123456789abcdef0123456789abcdef';
const [SYSFS_HIGH, SYSFS_LOW] = [529, 530];
const [CHIP_LINE, CHIP_LOW] = [17, 27];

/** A board whose gate died with everything on: sysfs, a chip's device over a fake kernel, and simulated lines. */
function deadBoard(t: Test) {
  const dir = t.testdir({
    run: {},
    dev: {},
    lines: { gate: '1', red: '0' },
    sys: {
      class: {
        gpio: { [`gpio${SYSFS_HIGH}`]: { direction: 'out\n' }, [`gpio${SYSFS_LOW}`]: { direction: 'out\n' } },
      },
    },
  });
  const devices = join(dir, 'dev');
  makeFakeBoard(devices, { gpiochip0: 'pinctrl-bcm2711 58' });
  const chipLines = [CHIP_LINE, CHIP_LOW].map((offset) =>
    makeFakeLine(devices, offset, (path) => execFileSync('mkfifo', [path])),
  );
  const plan = join(dir, 'run', 'outputs');
  const read = (path: string) => readFileSync(join(dir, path), 'latin1').trim();
  return {
    dir,
    plan,
    chipLines,
    lines: [
      { by: 'sysfs', number: SYSFS_HIGH, level: 0 },
      { by: 'sysfs', number: SYSFS_LOW, level: 1 },
      { by: 'gpiochip', chip: 'gpiochip0', offset: CHIP_LINE, level: 0 },
      { by: 'gpiochip', chip: 'gpiochip0', offset: CHIP_LOW, level: 1 },
      { by: 'sim', folder: join(dir, 'lines'), line: 'gate', level: 0 },
      { by: 'sim', folder: join(dir, 'lines'), line: 'red', level: 1 },
    ] satisfies readonly SafeLine[],
    directions: () => [SYSFS_HIGH, SYSFS_LOW].map((number) => read(`sys/class/gpio/gpio${number}/direction`)),
    driven: () =>
      chipLines.map((folder) =>
        existsSync(join(folder, 'trace')) ? readFileSync(join(folder, 'trace'), 'latin1') : '',
      ),
    simulated: () => [read('lines/gate'), read('lines/red')],
    slowWay: () => existsSync(join(dir, 'slow')),
    run(environment: Readonly<Record<string, string>> = {}) {
      const slow = ['sh', '-c', 'echo "$@" >"$0"; exit 7', join(dir, 'slow'), '--config', 'a b; touch x'];
      return spawnSync('perl', ['-e', FAKE_KERNEL + SAFE_SCRIPT, dir, ...slow], {
        encoding: 'utf8',
        env: {
          PATH: process.env.PATH,
          FAKE_DEVICES: devices,
          RUNTIME_DIRECTORY: join(dir, 'run'),
          INVOCATION_ID: RUN,
          ...environment,
        },
      });
    },
  };
}

const UNTOUCHED = { directions: ['out', 'out'], driven: ['', ''], simulated: ['1', '0'] };
const stateOf = ({ directions, driven, simulated }: ReturnType<typeof deadBoard>) => ({
  directions: directions(),
  driven: driven(),
  simulated: simulated(),
});

t.test(
  'every output of the plan goes to its safe level, of whichever kind, without the slow way',
  async (t) => {
    const board = deadBoard(t);
    writeFileSync(board.plan, safePlanText(RUN, board.lines));
    const { status, stderr } = board.run();
    t.equal(stderr, '');
    t.equal(status, 0);
    t.same(stateOf(board), {
      directions: ['low', 'high'],
      driven: ['0', '1'],
      simulated: ['0', '1'],
    });
    t.notOk(board.slowWay());
  },
);

t.test('a plan without outputs is one', async (t) => {
  const board = deadBoard(t);
  writeFileSync(board.plan, safePlanText(RUN, []));
  t.equal(board.run().status, 0);
  t.notOk(board.slowWay());
});

t.test('as it is installed it is a program of its own', async (t) => {
  const board = deadBoard(t);
  const program = join(board.dir, 'outputs-safe');
  writeFileSync(program, SAFE_SCRIPT, { mode: 0o755 });
  const lines = board.lines.filter(({ by }) => by !== 'gpiochip');
  writeFileSync(board.plan, safePlanText(RUN, lines));
  const env = { RUNTIME_DIRECTORY: join(board.dir, 'run'), INVOCATION_ID: RUN };
  const { status, stderr } = spawnSync(program, [`${board.dir}/`, 'false'], { encoding: 'utf8', env });
  t.equal(stderr, '');
  t.equal(status, 0);
  t.same(board.simulated(), ['0', '1']);
});

const good = `cardpad outputs 1 ${RUN}\n`;
for (const [what, text] of [
  ['empty', ''],
  ['of another run', safePlanText('f'.repeat(32), [])],
  ['of another version', `cardpad outputs 2 ${RUN}\nend 0\n`],
  ['cut off', `${good}sysfs\t${SYSFS_HIGH}\t0\n`],
  ['short of a line', `${good}sysfs\t${SYSFS_HIGH}\t0\nend 2\n`],
  ['longer than its end', `${good}end 0\nsysfs\t${SYSFS_HIGH}\t0\n`],
  ['with a path in place of a number', `${good}sysfs\t${SYSFS_HIGH}\t0\nsysfs\t../../x\t0\nend 2\n`],
  ['with another chip', `${good}sysfs\t${SYSFS_HIGH}\t0\ngpiochip\t../mem\t1\t0\nend 2\n`],
  ['with a level that is none', `${good}sysfs\t${SYSFS_HIGH}\t2\nend 1\n`],
  ['with a kind that is none', `${good}system\ttouch /x\t0\nend 1\n`],
  ['with a name that is a path', `${good}sim\t/lines\t../gate\t0\nend 1\n`],
  ['longer than any gate', `${good}${`sysfs\t${SYSFS_HIGH}\t0\n`.repeat(7000)}end 7000\n`],
] as const) {
  t.test(`a plan that is ${what} moves nothing, and the slow way is gone`, async (t) => {
    const board = deadBoard(t);
    writeFileSync(board.plan, text);
    const { status, stderr } = board.run();
    t.match(stderr, /^outputs-safe: .+\n$/);
    t.equal(status, 7, 'that of the slow way');
    t.same(stateOf(board), UNTOUCHED);
    t.equal(readFileSync(join(board.dir, 'slow'), 'latin1'), '--config a b; touch x\n', 'word by word');
  });
}

t.test('without a plan, or outside of a service: the slow way', async (t) => {
  for (const environment of [{}, { RUNTIME_DIRECTORY: '' }, { INVOCATION_ID: '' }]) {
    const board = deadBoard(t);
    t.equal(board.run(environment).status, 7);
    t.ok(board.slowWay());
  }
});

t.test('a plan that others may write, or that is no file, is not taken', async (t) => {
  const open = deadBoard(t);
  writeFileSync(open.plan, safePlanText(RUN, open.lines));
  chmodSync(open.plan, 0o666);
  t.equal(open.run().status, 7);
  t.same(stateOf(open), UNTOUCHED);
  const folder = deadBoard(t);
  mkdirSync(folder.plan);
  t.equal(folder.run().status, 7);
  const endless = deadBoard(t);
  symlinkSync('/dev/zero', endless.plan);
  t.equal(endless.run().status, 7);
});

t.test('a line that cannot be set keeps no other on, is told, and the slow way tries again', async (t) => {
  const board = deadBoard(t);
  const missing: SafeLine = { by: 'sysfs', number: 999, level: 0 };
  const [refusing = ''] = board.chipLines;
  writeFileSync(join(refusing, 'refuse'), '5');
  writeFileSync(board.plan, safePlanText(RUN, [missing, ...board.lines]));
  const { status, stderr } = board.run();
  t.equal(status, 7);
  t.match(
    stderr,
    /^outputs-safe: sysfs 999 0: No such file.*; gpiochip gpiochip0 17 0: Input\/output error\n$/,
  );
  t.same(stateOf(board), { directions: ['low', 'high'], driven: ['', '1'], simulated: ['0', '1'] });
  t.notOk(existsSync(join(board.dir, 'sys/class/gpio/gpio999')), 'nothing is made where no line was');
});

t.test('a line that its last holder has not let go of yet is tried again', async (t) => {
  const board = deadBoard(t);
  const [busy = ''] = board.chipLines;
  writeFileSync(join(busy, 'refuse'), '16');
  writeFileSync(board.plan, safePlanText(RUN, board.lines));
  const { status, stderr } = board.run();
  t.equal(status, 7);
  t.match(stderr, /gpiochip0 17 0: Device or resource busy/);
  t.equal(readFileSync(join(busy, 'refused'), 'latin1').length, '16'.length * 20, 'for a second');
});
