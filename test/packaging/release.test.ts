import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { releaseOf, versionOf } from '../../scripts/packaging/release.js';
import { ROOT } from '../e2e/support/child.js';
import { folderOutside } from './support/packages.js';

const COMMIT = '0123456789abcdef0123456789abcdef01234567';
const AT_S = Date.UTC(2026, 10, 22, 9, 5, 6) / 1000;

for (const [what, commit, tags, version] of [
  ['a tagged commit', COMMIT, ['v0.1.0'], '0.1.0'],
  ['a commit behind the tag', COMMIT, [], '0.1.0+git20261122090506.01234567'],
  ['a commit with another tag', COMMIT, ['v0.0.9', 'demo'], '0.1.0+git20261122090506.01234567'],
  ['sources without a history', undefined, [], '0.1.0'],
] as const) {
  t.test(`${what} is version ${version}`, async (t) => {
    t.equal(versionOf('0.1.0', AT_S, commit, tags), version);
  });
}

t.test('a later commit is a newer version to dpkg, and a release is newer than all before it', async (t) => {
  const newer = (one: string, other: string) => {
    t.doesNotThrow(() => execFileSync('dpkg', ['--compare-versions', one, 'gt', other]), `${one} > ${other}`);
  };
  const version = (atS: number) => versionOf('0.1.0', atS, COMMIT, []);
  newer(version(AT_S + 1), version(AT_S));
  newer(version(AT_S), '0.1.0');
  newer('0.2.0', version(AT_S + 1e8));
});

t.test('a checkout has the time of its commit, unless SOURCE_DATE_EPOCH says another', async (t) => {
  const folder = await folderOutside();
  const git = (...words: string[]) =>
    execFileSync('git', ['-C', folder, ...words], { encoding: 'utf8' }).trim();
  await mkdir(join(folder, 'scripts'));
  await writeFile(join(folder, 'package.json'), '{"version":"1.2.3"}');
  git('init', '-q');
  git('add', '.');
  const identity = ['-c', 'user.name=x', '-c', 'user.email=x@example.invalid'];
  git(...identity, 'commit', '-qm', 'x', '--date', '2020-01-01T00:00:00Z');
  const committedS = Number(git('log', '-1', '--format=%ct'));
  t.equal((await releaseOf(folder, {})).epochS, committedS);
  t.match((await releaseOf(folder, {})).version, /^1\.2\.3\+git\d{14}\.[0-9a-f]{8}$/);
  t.equal((await releaseOf(folder, { SOURCE_DATE_EPOCH: '1' })).epochS, 1);
  git('tag', 'v1.2.3');
  t.equal((await releaseOf(folder, {})).version, '1.2.3');
});

for (const [words, code, said] of [
  [['--help'], 0, /usage: scripts\/package /],
  [['--arch', 'mips'], 2, /--arch must be arm64, amd64 or all, not mips/],
  [['--nonsense'], 2, /nonsense/],
  [['file'], 2, /file/],
] as const) {
  t.test(`scripts/package ${words.join(' ')}: ${code}`, async (t) => {
    const main = join(ROOT, 'build/scripts/packaging/main.js');
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], { encoding: 'utf8' });
    t.equal(status, code);
    t.match(`${stdout}${stderr}`, said);
  });
}
