import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { DISKS, runApart, whyNotApart } from './support/apart.js';
import { CLI, cardpad, type Finished, mustRun } from './support/child.js';

const folder = await mkdtemp(join(tmpdir(), 'cardpad-refused-central-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));
const good = join(folder, 'good');
const other = join(folder, 'other');
for (const data of [good, other]) await mustRun(t, ['central', 'init', '--data', data]);

// Nobody listens there: a central that starts all the same tries for ever.
const BROKER = ['--broker', 'mqtt://127.0.0.1:1'];

function refused(test: Pick<typeof t, 'equal' | 'notMatch'>, { code, stdout, stderr }: Finished): void {
  test.equal(code, 1, stderr);
  test.equal(stdout, '', 'standard output is for results');
  test.notMatch(stderr, /^\s+at /m, 'words, no stack');
}

const change = async (path: string, changes: Readonly<Record<string, unknown>>): Promise<void> =>
  writeFile(path, JSON.stringify({ ...JSON.parse(await readFile(path, 'utf8')), ...changes }));

const key = (data: string, name: string) => join(data, 'keys', `${name}.json`);

const SPOILT: readonly [string, (path: string, name: string) => Promise<void>, RegExp, RegExp][] = [
  ['missing', (path) => rm(path), /is missing \(files\.missing\)/, /cardpad central init/],
  [
    'truncated',
    async (path) => writeFile(path, (await readFile(path)).subarray(0, 40)),
    /\(keys\.damaged\)/,
    /backup/,
  ],
  ['readable by others', (path) => chmod(path, 0o640), /can be read by others/, /chmod 600 .*\.json/],
];
const PAIRS: typeof SPOILT = [
  [
    'of another central',
    (path, name) => cp(key(other, name), path),
    /holds another key than .*central\.public\.json names/,
    /backup/,
  ],
  [
    'of which the private half is another pair\u2019s',
    async (path, name) => {
      const { privateKey } = JSON.parse(await readFile(key(other, name), 'utf8'));
      await change(path, { privateKey });
    },
    /holds no SM2 key pair \(keys\.damaged\)/,
    /backup/,
  ],
];

for (const [name, role, ways] of [
  ['session', 'verify', [...SPOILT, ...PAIRS]],
  ['tickets', 'verify', SPOILT],
  ['ledger', 'ledger', [...SPOILT, ...PAIRS]],
] as const) {
  for (const [what, spoil, problem, help] of ways) {
    t.test(`${name} key ${what}, role ${role}: 1, which file and what to do`, async (t) => {
      const data = join(folder, `${name} ${what}`);
      await cp(good, data, { recursive: true });
      await spoil(key(data, name), name);
      const finished = await cardpad(t, ['central', 'run', '--data', data, ...BROKER, '--role', role]);
      refused(t, finished);
      t.match(finished.stderr, key(data, name));
      t.match(finished.stderr, problem);
      t.match(finished.stderr, help);
    });
  }
}

for (const [what, mode] of [
  ['', 0o777],
  ['keys', 0o770],
  ['ledger', 0o1777],
] as const) {
  t.test(`others may write to central's folder ${what}: 1, the folder and chmod 700`, async (t) => {
    const data = join(folder, `exposed ${what}`);
    await cp(good, data, { recursive: true });
    const exposed = join(data, what);
    await chmod(exposed, mode);
    const finished = await cardpad(t, ['central', 'run', '--data', data, ...BROKER]);
    refused(t, finished);
    t.match(finished.stderr, `others may write to the folder ${exposed} (files.exposed)`);
    t.match(finished.stderr, `chmod 700 ${exposed}\n`);
  });
}

const skip = whyNotApart();

for (const [what, mount, code] of DISKS) {
  for (const role of ['verify', 'ledger']) {
    t.test(`a folder on a ${what} disk, role ${role}: 1, which folder and why`, { skip }, async (t) => {
      const data = join(folder, `disk ${what} ${role}`);
      await mkdir(data);
      const start = 'data=$1; shift 2; exec "$@" --data "$data"';
      const run = [process.execPath, CLI, 'central', 'run', ...BROKER, '--role', role];
      const finished = await runApart(t, `${mount}; ${start}`, [data, good, ...run]);
      refused(t, finished);
      const place = role === 'verify' ? join(data, 'keys') : data;
      t.match(finished.stderr, `the folder ${place} cannot be written (${code}) (files.unwritable)`);
      t.match(finished.stderr, /neither full nor read-only/);
    });
  }
}
