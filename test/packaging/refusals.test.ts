import { execFileSync, spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ARCHITECTURES, type Architecture } from '../../scripts/packaging/architecture.js';
import { control } from '../../scripts/packaging/control.js';
import { folderOutside, OWN } from './support/packages.js';

const skip = spawnSync('dpkg', ['--version']).status !== 0 && 'dpkg is not installed';

const installed = (name: string, version: string) =>
  `Package: ${name}\nStatus: install ok installed\nVersion: ${version}\nArchitecture: ${OWN}\nMaintainer: x <x@x.invalid>\nDescription: x\n`;

/** What dpkg says when a package like ours, without files, comes to a system with that Node. */
async function installOn(node: string, architecture: Architecture) {
  const folder = await folderOutside();
  const [source, deb, system] = ['source', 'cardpad.deb', 'system'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  await mkdir(join(source, 'DEBIAN'), { recursive: true, mode: 0o755 });
  await writeFile(join(source, 'DEBIAN/control'), control('1.0', architecture, 1, { glibc: '2.34' }));
  execFileSync('dpkg-deb', ['--root-owner-group', '--build', source, deb], { stdio: 'ignore' });
  const database = join(system, 'var/lib/dpkg');
  for (const name of ['updates', 'info']) await mkdir(join(database, name), { recursive: true });
  const others = ['libc6', 'libstdc++6', 'init-system-helpers', 'systemd'].map((name) =>
    installed(name, '999'),
  );
  await writeFile(join(database, 'status'), [installed('nodejs', node), ...others].join('\n'));
  const words = [
    '--force-not-root',
    `--log=${join(folder, 'log')}`,
    `--root=${system}`,
    '--no-triggers',
    '--install',
  ];
  const { status, stderr } = spawnSync('dpkg', [...words, deb], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  });
  return { status, stderr };
}

t.test('on Debian 13, with its Node, nothing is in the way', { skip }, async (t) => {
  t.equal((await installOn('20.19.2+dfsg-1', OWN)).status, 0);
});

t.test('a package for another processor is refused with both names', { skip }, async (t) => {
  const other = ARCHITECTURES.find((name) => name !== OWN) ?? 'arm64';
  const { status, stderr } = await installOn('20.19.2+dfsg-1', other);
  t.equal(status, 1);
  t.match(stderr, `package architecture (${other}) does not match system (${OWN})`);
});

for (const { node, what } of [
  { node: '18.20.4+dfsg-1~deb12u1', what: 'nodejs (>= 20.15)' },
  { node: '22.11.0-1nodesource1', what: 'nodejs (<< 21~)' },
]) {
  t.test(
    `Node ${node}, which the add-ons are not for, is told as what is needed and what there is`,
    {
      skip,
    },
    async (t) => {
      const { status, stderr } = await installOn(node, OWN);
      t.equal(status, 1);
      t.match(stderr, `cardpad depends on ${what}; however:\n  Version of nodejs on system is ${node}.`);
    },
  );
}
