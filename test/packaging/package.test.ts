import { execFileSync, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import t, { type Test } from 'tap';
import { CONFIG_KEYS } from '../../daemon/config/keys.js';
import { COMPILED } from '../../scripts/packaging/addons.js';
import { ARCHITECTURES, type Architecture, NAMES } from '../../scripts/packaging/architecture.js';
import { buildDeb, filesBelow } from '../../scripts/packaging/deb.js';
import { ROOT } from '../e2e/support/child.js';
import { folderOutside, OWN, RELEASE, whyNotBuilt } from './support/packages.js';

const output = (program: string, ...words: string[]) => execFileSync(program, words, { encoding: 'utf8' });

const hasLintian = spawnSync('lintian', ['--version']).status === 0;

/** What Debian 13 has: libc6 2.41, and libstdc++6 of GCC 14. */
const NEWEST = { GLIBC: [2, 41, 0], GLIBCXX: [3, 4, 33] } as const;

interface Entry {
  readonly mode: string;
  readonly owner: string;
  readonly at: string;
  readonly path: string;
}

/** The lines of `dpkg-deb --contents`. */
function contents(deb: string): Entry[] {
  return output('dpkg-deb', '--contents', deb)
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [mode = '', owner = '', , day = '', hour = '', ...path] = line.split(/ +/);
      return { mode, owner, at: `${day} ${hour}`, path: path.join(' ') };
    });
}

async function unpacked(deb: string): Promise<string> {
  const folder = await folderOutside();
  output('dpkg-deb', '--raw-extract', deb, folder);
  return folder;
}

/** Whether a version of symbols, `2.34` or `3.4.21`, is one that Debian 13 has. */
function isThere(library: keyof typeof NEWEST, version: string): boolean {
  const newest = NEWEST[library];
  const parts = version.split('.').map(Number);
  const first = newest.findIndex((part, index) => part !== (parts[index] ?? 0));
  return first === -1 || (parts[first] ?? 0) < (newest[first] ?? 0);
}

async function checkNatives(t: Test, root: string, architecture: Architecture): Promise<void> {
  const names = ['serialport', ...COMPILED.map(({ name }) => name)];
  for (const name of names) {
    const elf = await readFile(join(root, 'usr/lib/cardpad/native', `${name}.node`));
    t.equal(elf.toString('latin1', 1, 4), 'ELF', name);
    t.equal(elf.readUInt16LE(18), NAMES[architecture].elfMachine, `${name} is for ${architecture}`);
    const wanted = [...elf.toString('latin1').matchAll(/\b(GLIBC|GLIBCXX)_(\d[\d.]*)/g)];
    t.ok(wanted.length > 0, `${name} says what it needs`);
    for (const [symbol, library, version = ''] of wanted) {
      t.ok(isThere(library as keyof typeof NEWEST, version), `${name}: ${symbol} is in Debian 13`);
    }
  }
}

for (const architecture of ARCHITECTURES) {
  const skip = await whyNotBuilt(architecture);
  t.test(`the package for ${architecture}`, { skip }, async (t) => {
    const deb = await buildDeb(ROOT, RELEASE, architecture, await folderOutside());
    const root = await unpacked(deb);

    t.test('says what it is and what it needs', async (t) => {
      const field = (name: string) => output('dpkg-deb', '--field', deb, name).trim();
      t.equal(field('Package'), 'cardpad');
      t.equal(field('Version'), RELEASE.version);
      t.equal(field('Architecture'), architecture);
      t.match(
        field('Depends'),
        /nodejs \(>= 20\.15\), nodejs \(<< 21~\)/,
        'the Node that its add-ons are for',
      );
      t.match(field('Depends'), /libc6 \(>= 2\.\d+\)/);
      t.ok(Number(field('Installed-Size')) > 500, 'in KiB');
    });

    t.test('belongs to root, may be written by nobody else, and is of one time', async (t) => {
      const entries = contents(deb);
      t.ok(entries.length > 40);
      for (const { mode, owner, at, path } of entries) {
        t.equal(owner, 'root/root', path);
        t.equal(at, '2026-01-02 00:00', path);
        const program = /^\.\/usr\/lib\/cardpad\/(?:cardpad\.js|gpio-group|outputs-safe)$/.test(path);
        const right = mode.startsWith('l')
          ? 'lrwxrwxrwx'
          : mode.startsWith('d')
            ? 'drwxr-xr-x'
            : program
              ? '-rwxr-xr-x'
              : '-rw-r--r--';
        t.equal(mode, right, path);
      }
    });

    t.test('brings what a Debian package has, each in its place', async (t) => {
      const paths = contents(deb).map(({ path }) => path);
      for (const path of [
        './usr/bin/cardpad -> ../lib/cardpad/cardpad.js',
        './etc/cardpad/',
        './usr/lib/systemd/system/cardpad.service',
        './usr/lib/sysusers.d/cardpad.conf',
        './usr/lib/tmpfiles.d/cardpad.conf',
        './usr/lib/udev/rules.d/99-cardpad.rules',
        './usr/share/man/man1/cardpad.1.gz',
        './usr/share/doc/cardpad/copyright',
        './usr/share/doc/cardpad/changelog.gz',
        './usr/share/doc/cardpad/README.Debian',
        './usr/share/doc/cardpad/installing.md',
        './usr/share/doc/cardpad/examples/config.json',
      ]) {
        t.ok(paths.includes(path), path);
      }
      t.same(
        paths.filter((path) => /^\.\/(?:lib|bin|sbin|usr\/local|var|run)\//.test(path)),
        [],
        'merged /usr',
      );
    });

    t.test('names where it was built in no file', async (t) => {
      for (const file of await filesBelow(root)) {
        const content = await readFile(join(root, file));
        t.notOk(content.includes(ROOT.replace(/\/$/, '')), file);
      }
    });

    t.test('has add-ons for its processor and for the libraries of Debian 13', (t) =>
      checkNatives(t, root, architecture),
    );

    t.test('has the license of everything in it', async (t) => {
      const text = await readFile(join(root, 'usr/share/doc/cardpad/copyright'), 'utf8');
      for (const name of [
        'mqtt',
        'sm-crypto',
        'valibot',
        'serialport',
        '@serialport/bindings-cpp',
        'onoff',
        'nan',
      ]) {
        t.match(text, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+\n=+$`, 'm'), name);
      }
    });

    t.test('has a manual page of what each command says', async (t) => {
      const page = gunzipSync(await readFile(join(root, 'usr/share/man/man1/cardpad.1.gz'))).toString('utf8');
      for (const words of [
        'cardpad run',
        'cardpad provision',
        'cardpad central init',
        'cardpad journal status',
      ]) {
        t.match(page, `.SS ${words}\n`);
      }
      t.notMatch(page.replace(/^\.TH.*/m, ''), /[^\\]-/, 'every hyphen can be copied');
    });

    t.test('gives checksums of its files', async (t) => {
      t.equal(output('sh', '-c', `cd '${root}' && md5sum --quiet --check DEBIAN/md5sums`), '');
    });
    t.test('lintian finds no error', { skip: !hasLintian && 'lintian is not installed' }, async (t) => {
      const { status, stdout } = spawnSync('lintian', ['--allow-root', '--fail-on', 'error', deb], {
        encoding: 'utf8',
      });
      t.equal(status, 0, stdout);
    });
    t.end();
  });
}

t.test(
  'built twice, by another hour and another umask, it is the same bytes',
  { skip: await whyNotBuilt(OWN) },
  async (t) => {
    const first = await buildDeb(ROOT, RELEASE, OWN, await folderOutside());
    const before = process.umask(0o077);
    const zone = process.env.TZ;
    process.env.TZ = 'Asia/Shanghai';
    t.teardown(() => {
      process.umask(before);
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    });
    const second = await buildDeb(ROOT, RELEASE, OWN, await folderOutside());
    const [one, other] = await Promise.all([readFile(first), readFile(second)]);
    t.ok(one.equals(other), `${one.length} and ${other.length} bytes`);
  },
);

t.test('the example is a right configuration of the keys that there are', async (t) => {
  const text = await readFile(join(ROOT, 'scripts/packaging/debian/config.json'), 'utf8');
  const known = new Set(CONFIG_KEYS.map(({ path }) => path.split(/[.[{]/)[0]));
  for (const key of Object.keys(JSON.parse(text))) t.ok(known.has(key), key);
});
