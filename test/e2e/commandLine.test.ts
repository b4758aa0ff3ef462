import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { CLI, cardpad, ROOT } from './support/child.js';

const folder = await mkdtemp(join(tmpdir(), 'cardpad-cli-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);
const run = (...argv: string[]) => cardpad(t, argv);
const AT_ONCE = 3;

/** As many commands side by side as a small machine bears. */
async function each<T>(items: readonly T[], check: (item: T) => Promise<void>): Promise<void> {
  for (let at = 0; at < items.length; at += AT_ONCE) {
    await Promise.all(items.slice(at, at + AT_ONCE).map(check));
  }
}

/** The smallest configuration there is: every other key has a default. */
const MINIMAL = {
  device: 'gz-bus-a1',
  site: 'gz-bus',
  lane: { name: 'A1', direction: 'entry', mode: 'standard' },
  broker: { url: 'mqtt://127.0.0.1:1883' },
  readers: [{ kind: 'id-card', port: 'tcp://127.0.0.1:9601' }],
  gpio: { backend: 'sim:/run/cardpad/gpio' },
  outputs: {
    lamps: { green: 'green', yellow: 'yellow', red: 'red' },
    buzzer: 'buzzer',
    gate: { line: 'gate', pulseMs: 300 },
  },
  dataDir: '/var/lib/cardpad',
};

t.test('--help lists the commands, and each of them says more of itself', async (t) => {
  const { code, stdout } = await run('--help');
  t.equal(code, 0);
  for (const name of ['run', 'config', 'provision', 'simulate', 'central']) t.match(stdout, `  ${name} `);
  const helps = [
    ['run'],
    ['config'],
    ['config', 'check'],
    ['provision'],
    ['simulate'],
    ['simulate', 'reader'],
    ['central'],
    ...['init', 'run', 'enroll', 'events', 'verify', 'rules'].map((word) => ['central', word]),
  ];
  await each(helps, async (words) => {
    const help = await run(...words, '--help');
    t.equal(help.code, 0, words.join(' '));
    t.match(help.stdout, `usage: cardpad ${words.join(' ')}`);
    t.equal(help.stderr, '');
  });
});

t.test('--version says the version of the package', async (t) => {
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
  t.match(await run('--version'), { code: 0, stdout: `cardpad ${version}\n`, stderr: '' });
});

const WRONG: readonly [string[], RegExp][] = [
  [[], /usage: cardpad COMMAND/],
  [['runn'], /there is no command "runn"; did you mean run\?/],
  [['central', 'verfy'], /did you mean verify\?/],
  [['config', 'chek'], /did you mean check\?/],
  [['run', '--confg', 'x'], /no option --confg; did you mean --config\?/],
  [['run'], /--config is missing/],
  [['run', '--config', 'x', '--log-level', 'loud'], /--log-level is one of debug/],
  [['config', 'check'], /FILE is missing/],
  [['provision', '--data', 'D', '--central', 'F'], /--device is missing/],
  [['provision', '--data', 'D', '--device', 'Gate 1', '--central', 'F'], /lower-case letters/],
  [['simulate', 'reader'], /--listen is missing/],
  [['simulate', 'reader', '--listen', '127.0.0.1:1'], /serial: or tcp:\/\//],
  [['central', 'init'], /--data is missing/],
  [['central', 'run', '--data', 'D'], /--broker is missing/],
  [['central', 'run', '--data', 'D', '--broker', 'localhost'], /--broker must be mqtt:/],
  [['central', 'enroll'], /--data is missing/],
  [['central', 'events'], /--data is missing/],
  [['central', 'verify'], /--data is missing/],
  [['central', 'rules'], /either --data or --check/],
];

t.test('wrong usage: exit code 2, and what would be right', async (t) => {
  await each(WRONG, async ([argv, says]) => {
    const { code, stdout, stderr } = await run(...argv);
    const name = ['cardpad', ...argv].join(' ');
    t.equal(code, 2, name);
    t.match(stderr, says, name);
    t.equal(stdout, '', 'standard output is for results');
  });
});

t.test('config check: 0 for the smallest configuration, 1 and every path for a broken one', async (t) => {
  await writeFile(file('good.json'), JSON.stringify(MINIMAL));
  t.equal((await run('config', 'check', file('good.json'))).code, 0);

  const { dataDir: _, ...rest } = MINIMAL;
  const broken = {
    ...rest,
    device: 'Gate One',
    lane: { ...MINIMAL.lane, direction: 'sideways', deadlineMs: 1 },
    readers: [{ kind: 'id-card', port: 'usb:1' }],
    outputs: { ...MINIMAL.outputs, gate: { line: 'gate', pulseMs: 5000 } },
    brokr: {},
  };
  await writeFile(file('broken.json'), JSON.stringify(broken));
  const paths = [
    'device',
    'lane.direction',
    'lane.deadlineMs',
    'readers[0].port',
    'outputs.gate.pulseMs',
    'brokr',
    'dataDir',
  ];
  const { code, stdout } = await run('config', 'check', file('broken.json'));
  t.equal(code, 1);
  t.same(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/: .*/, ''))
      .sort(),
    [...paths].sort(),
  );
  const json = await run('config', 'check', file('broken.json'), '--json');
  t.equal(json.code, 1);
  const { ok, errors } = JSON.parse(json.stdout) as { ok: boolean; errors: { path: string }[] };
  t.equal(ok, false);
  t.same(errors.map(({ path }) => path).sort(), [...paths].sort());

  await writeFile(file('text.json'), 'not json');
  t.equal((await run('config', 'check', file('text.json'))).code, 1);
  t.equal((await run('config', 'check', file('nowhere.json'))).code, 1);
});

t.test('init, provision and enroll: run again they change nothing and say the same', async (t) => {
  const central = file('C');
  const data = file('D');
  const init = await run('central', 'init', '--data', central);
  t.equal(init.code, 0);
  t.match(await run('central', 'init', '--data', central), { code: 0, stdout: init.stdout });

  const publicFile = join(central, 'central.public.json');
  const provision = (folder: string, device: string) =>
    run('provision', '--data', folder, '--device', device, '--central', publicFile);
  const first = await provision(data, 'gz-bus-a1');
  t.equal(first.code, 0);
  t.match(JSON.parse(first.stdout), { device: 'gz-bus-a1' });
  t.notMatch(first.stdout, /private/i, 'the enrolment holds nothing secret');
  t.match(await provision(data, 'gz-bus-a1'), { code: 0, stdout: first.stdout });
  const other = await provision(data, 'gz-bus-a2');
  t.equal(other.code, 1);
  t.match(other.stderr, /belongs to device gz-bus-a1/);

  const enroll = (enrolment: string, ...more: string[]) =>
    cardpad(t, ['central', 'enroll', '--data', central, ...more], enrolment);
  t.equal((await enroll(first.stdout)).code, 0);
  t.equal((await enroll(first.stdout)).code, 0, 'the same key again');
  const renewed = await provision(file('D2'), 'gz-bus-a1');
  t.equal((await enroll(renewed.stdout)).code, 1, 'another key for the same device');
  t.equal((await enroll(renewed.stdout, '--replace')).code, 0);
  t.equal((await enroll('{}')).code, 1);

  t.match(await run('central', 'events', '--data', central), { code: 0, stdout: '' });
  t.equal((await run('central', 'verify', '--data', central)).code, 0);
  t.equal((await run('central', 'events', '--data', file('nowhere'))).code, 1);
});

t.test('rules: prints the table in force, and checks one', async (t) => {
  const { code, stdout } = await run('central', 'rules', '--data', file('C'));
  t.equal(code, 0);
  t.same(Object.keys(JSON.parse(stdout)), ['health-code@1', 'visitor@1']);
  await writeFile(file('rules.json'), stdout);
  t.equal((await run('central', 'rules', '--check', file('rules.json'))).code, 0);
  const bad = { 'meal@1': [{ when: { shoe: 'red' }, outcome: 'maybe', reasons: [] }] };
  await writeFile(file('rules.json'), JSON.stringify(bad));
  const checked = await run('central', 'rules', '--check', file('rules.json'));
  t.equal(checked.code, 1);
  t.match(checked.stdout, /meal@1/);
});

t.test('run without keys, or with keys of another device: 1, and what to do', async (t) => {
  const config = { ...MINIMAL, gpio: { backend: `sim:${file('gpio')}` } };
  await writeFile(file('keyless.json'), JSON.stringify({ ...config, dataDir: file('keyless') }));
  const keyless = await run('run', '--config', file('keyless.json'));
  t.equal(keyless.code, 1);
  t.match(keyless.stderr, /identity\.missing/);
  t.match(keyless.stderr, `cardpad provision --data ${file('keyless')} --device gz-bus-a1`);
  t.equal(await readFile(file('gpio/gate'), 'latin1'), '0', 'the gate is shut all the same');

  await writeFile(file('other.json'), JSON.stringify({ ...config, device: 'gz-bus-a9', dataDir: file('D') }));
  const other = await run('run', '--config', file('other.json'));
  t.equal(other.code, 1);
  t.match(other.stderr, /identity\.other-device/);

  await writeFile(file('wrong.json'), JSON.stringify({ ...config, site: 'No Site' }));
  const wrong = await run('run', '--config', file('wrong.json'));
  t.equal(wrong.code, 1);
  t.match(wrong.stderr, /^site: /m);
});

/** A shell line in the checkout, with the program in $CARDPAD. */
function shell(line: string, env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', line], {
    cwd: ROOT,
    env: { ...process.env, CARDPAD: `${process.execPath} ${CLI}`, ...env },
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}

t.test(
  'a reader of the output that goes away: no crash, and the exit code is still the answer',
  async (t) => {
    const broken = { FILE: file('broken.json') };
    const gone = shell('set -o pipefail; $CARDPAD config check $FILE | true; echo $?', broken);
    t.match(gone, { code: 0, stdout: '1\n', stderr: '' });
    const deaf = shell('$CARDPAD config check $FILE 2>&1 >/dev/full; echo $?', broken);
    t.match(deaf.stdout, /standard output cannot be written \(ENOSPC\)\n.*\n1\n$/);
  },
);

t.test('every program in scripts/: --help has usage and an example, a typo is wrong usage', async (t) => {
  const names = readdirSync(join(ROOT, 'scripts')).filter((name) => !/[.]/.test(name));
  const programs = names.filter((name) => statSync(join(ROOT, 'scripts', name)).isFile());
  t.ok(programs.includes('demo') && programs.includes('test'));
  for (const name of programs) {
    const help = shell(`scripts/${name} --help`);
    t.equal(help.code, 0, name);
    t.match(help.stdout, /^usage: |\nusage: /, name);
    t.match(help.stdout, /\nexample: /, name);
    const typo = shell(`scripts/${name} --hepl`);
    t.equal(typo.code, 2, name);
    t.match(typo.stderr, '--help', name);
  }
});
