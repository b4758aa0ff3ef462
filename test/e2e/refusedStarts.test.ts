import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { DISKS, runApart, whyNotApart } from './support/apart.js';
import { CLI, cardpad, type Finished, mustRun } from './support/child.js';

const DEVICE = 'gz-bus-a1';
const OUTPUTS = ['gate', 'green', 'yellow', 'red', 'buzzer'];

const folder = await mkdtemp(join(tmpdir(), 'cardpad-refused-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);
const central = file('central');
await mustRun(t, ['central', 'init', '--data', central]);
const publicFile = join(central, 'central.public.json');
await mustRun(t, ['provision', '--data', file('good'), '--device', DEVICE, '--central', publicFile]);

const HOLD_ALL = {
  outcome: ['attend', 'undetermined', 'refuse'],
  mode: ['standard'],
  direction: ['entry'],
  action: 'hold',
};

function document(dataDir: string): Record<string, unknown> {
  return {
    device: DEVICE,
    site: 'gz-bus',
    lane: { name: 'A1', direction: 'entry' },
    broker: { url: 'mqtt://127.0.0.1:1' },
    readers: [{ kind: 'id-card', port: 'tcp://127.0.0.1:1' }],
    gpio: { backend: `sim:${file('gpio')}` },
    outputs: {
      lamps: { green: 'green', yellow: 'yellow', red: 'red' },
      buzzer: 'buzzer',
      gate: { line: 'gate', pulseMs: 300 },
    },
    dataDir,
  };
}

/** Every output was left on, as by a daemon that was killed. */
async function leaveOutputsOn(): Promise<void> {
  await mkdir(file('gpio'), { recursive: true });
  await Promise.all(OUTPUTS.map((line) => writeFile(join(file('gpio'), line), '1')));
}

async function run(config: unknown): Promise<Finished> {
  await writeFile(file('config.json'), JSON.stringify(config));
  await leaveOutputsOn();
  return cardpad(t, ['run', '--config', file('config.json')]);
}

t.test(
  'a wrong configuration: every error at once, each with its path and what would be right',
  async (t) => {
    const config = {
      ...document(file('good')),
      site: 7,
      lane: {
        name: 'A1',
        direction: 'entry',
        deadlinems: 1500,
        policy: [
          { direction: ['exit'], action: 'hold' },
          HOLD_ALL,
          { direction: ['entry'], decidedBy: ['local'], assurance: ['uid'], action: 'open' },
        ],
      },
      outputs: {
        lamps: { green: 'green', yellow: 'green', red: 'red' },
        buzzer: 'gate',
        gate: { line: 'gate', pulseMs: '300' },
      },
    };
    const { code, stdout, stderr } = await run(config);
    t.equal(code, 1);
    t.equal(stdout, '', 'standard output is for results');
    for (const line of [
      /^site: must be a site id: .* \(config\.value\)$/m,
      /^lane\.deadlinems: .*did you mean deadlineMs\?.* \(config\.unknown-key\)$/m,
      /^outputs\.lamps\.yellow: uses the line "green" of outputs\.lamps\.green \(config\.line-reused\)$/m,
      /^outputs\.gate: uses the line "gate" of outputs\.buzzer \(config\.line-reused\)$/m,
      /^outputs\.gate\.pulseMs: must be a whole number from 100 to 1000 \(config\.value\)$/m,
      /^lane\.policy: .* \(policy\.exit-held\)$/m,
      /^lane\.policy: .* \(policy\.sole-credential\)$/m,
      /^lane\.policy: .* \(policy\.open-on-loss\)$/m,
      /nothing was started/,
    ]) {
      t.match(stderr, line);
    }
    t.notMatch(stderr, /^\s+at /m, 'words, no stack');
  },
);

const KEYS: readonly [string, (keys: string) => Promise<void>, RegExp, RegExp][] = [
  ['missing', (keys) => rm(keys), /there are no keys/, /cardpad provision --data/],
  [
    'truncated',
    async (keys) => writeFile(keys, (await readFile(keys)).subarray(0, 100)),
    /device\.json is damaged/,
    /backup/,
  ],
  ['readable by others', (keys) => chmod(keys, 0o644), /device\.json/, /chmod 600/],
  [
    'of another device',
    async (keys) => {
      const held = JSON.parse(await readFile(keys, 'utf8'));
      await writeFile(keys, JSON.stringify({ ...held, device: 'gz-bus-a2' }));
    },
    /belongs to device gz-bus-a2, not gz-bus-a1/,
    /data folder/,
  ],
];

for (const [what, spoil, problem, help] of KEYS) {
  t.test(`keys ${what}: 1, what is wrong and what to do, outputs safe`, async (t) => {
    const data = file(`keys ${what}`);
    await cp(file('good'), data, { recursive: true });
    await chmod(join(data, 'device.json'), 0o600);
    await spoil(join(data, 'device.json'));
    const { code, stderr } = await run(document(data));
    t.equal(code, 1, stderr);
    t.match(stderr, problem);
    t.match(stderr, help);
    t.notMatch(stderr, /^\s+at /m, 'words, no stack');
    for (const line of OUTPUTS) t.equal(await readFile(join(file('gpio'), line), 'latin1'), '0', line);
  });
}

for (const [what, mode, inside] of [
  ['data folder', 0o777, ''],
  ['data folder', 0o770, ''],
  ['data folder with the sticky bit', 0o1777, ''],
  ['journal folder', 0o775, 'journal'],
] as const) {
  t.test(`a ${what} of mode ${mode.toString(8)}: 1, the folder and chmod 700, outputs safe`, async (t) => {
    const data = file(`folder ${mode.toString(8)}`);
    await cp(file('good'), data, { recursive: true });
    const exposed = join(data, inside);
    await mkdir(exposed, { recursive: true });
    await chmod(exposed, mode);
    const { code, stderr } = await run(document(data));
    t.equal(code, 1, stderr);
    t.match(stderr, `others may write to the folder ${exposed} (files.exposed)`);
    t.match(stderr, `chmod 700 ${exposed}\n`);
    t.notMatch(stderr, /^\s+at /m, 'words, no stack');
    for (const line of OUTPUTS) t.equal(await readFile(join(file('gpio'), line), 'latin1'), '0', line);
  });
}

const skip = whyNotApart();

for (const [what, mount] of DISKS) {
  t.test(`a data folder on a ${what} disk: 1, what to do, outputs safe`, { skip }, async (t) => {
    const data = file(`disk ${what}`);
    await mkdir(data);
    await writeFile(file('config.json'), JSON.stringify(document(data)));
    await leaveOutputsOn();
    const start = 'exec "$3" "$4" run --config "$5"';
    const args = [data, file('good'), process.execPath, CLI, file('config.json')];
    const { code, stderr } = await runApart(t, `${mount}; ${start}`, args);
    t.equal(code, 1, stderr);
    t.match(stderr, /the disk is neither full nor read-only/);
    t.notMatch(stderr, /^\s+at /m, 'words, no stack');
    for (const line of OUTPUTS) t.equal(await readFile(join(file('gpio'), line), 'latin1'), '0', line);
    t.same(await readdir(data), [], 'it was on the disk that is gone');
  });
}
