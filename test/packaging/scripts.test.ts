import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ROOT } from '../e2e/support/child.js';
import { folderOutside } from './support/packages.js';

const SCRIPTS = ['postinst', 'prerm', 'postrm'];
const HELPERS = [
  ...['systemd-sysusers', 'systemd-tmpfiles', 'udevadm', 'systemctl'],
  ...['deb-systemd-helper', 'deb-systemd-invoke'],
];

/** A system of nothing but folders, in which the tools of systemd write down how they were called. */
class System {
  private constructor(private readonly folder: string) {}

  static async make(): Promise<System> {
    const folder = await folderOutside();
    await mkdir(join(folder, 'root/var/lib/cardpad/journal'), { recursive: true });
    await mkdir(join(folder, 'root/etc/cardpad'), { recursive: true });
    await mkdir(join(folder, 'bin'));
    for (const name of HELPERS) {
      await writeFile(join(folder, 'bin', name), `#!/bin/sh\necho "${name} $*" >> "${folder}/calls"\n`);
      await chmod(join(folder, 'bin', name), 0o755);
    }
    return new System(folder);
  }

  path(path: string): string {
    return join(this.folder, 'root', path);
  }

  /** What a maintainer script says when dpkg calls it with these words, on a file system that is not the one in use. */
  call(script: string, ...words: string[]) {
    const env = { PATH: `${join(this.folder, 'bin')}:/usr/bin:/bin`, DPKG_ROOT: join(this.folder, 'root') };
    const file = join(ROOT, 'scripts/packaging/debian', script);
    const { status, stdout, stderr } = spawnSync('sh', [file, ...words], { env, encoding: 'utf8' });
    return { status, stdout, stderr };
  }

  get calls(): string[] {
    const file = join(this.folder, 'calls');
    return existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
  }
}

for (const script of SCRIPTS) {
  t.test(`${script} is right for any POSIX shell`, async (t) => {
    const path = join(ROOT, 'scripts/packaging/debian', script);
    t.doesNotThrow(() => execFileSync('sh', ['-n', path]));
    t.match(readFileSync(path, 'utf8'), /^#!\/bin\/sh\nset -e\n/);
  });
}

t.test('the first installation: enabled, not started, and the next step is said', async (t) => {
  const system = await System.make();
  const { status, stdout } = system.call('postinst', 'configure', '');
  t.equal(status, 0);
  t.match(stdout, 'cardpad config check /etc/cardpad/config.json');
  t.match(stdout, 'systemctl start cardpad');
  t.match(system.calls, [/systemd-sysusers --root=.*cardpad\.conf/]);
  t.ok(system.calls.includes('deb-systemd-helper enable cardpad.service'));
  t.notMatch(system.calls.join('\n'), /start/, 'nothing is started');
});

t.test('with a configuration that is there nothing more is to be done, and nothing is said', async (t) => {
  const system = await System.make();
  await writeFile(system.path('etc/cardpad/config.json'), '{}');
  t.same(system.call('postinst', 'configure', '0.1.0'), { status: 0, stdout: '', stderr: '' });
});

t.test('an upgrade does not stop what runs until the new one is there', async (t) => {
  const system = await System.make();
  t.equal(system.call('prerm', 'upgrade', '0.2.0').status, 0);
  t.same(system.calls, []);
});

t.test('removing keeps configuration, keys and journal', async (t) => {
  const system = await System.make();
  await writeFile(system.path('etc/cardpad/config.json'), '{}');
  await writeFile(system.path('var/lib/cardpad/journal/1.log'), 'x');
  t.equal(system.call('prerm', 'remove').status, 0);
  t.equal(system.call('postrm', 'remove').status, 0);
  t.ok(existsSync(system.path('etc/cardpad/config.json')));
  t.ok(existsSync(system.path('var/lib/cardpad/journal/1.log')));
});

t.test('purging removes them, and says that events may go', async (t) => {
  const system = await System.make();
  await writeFile(system.path('etc/cardpad/config.json'), '{}');
  await writeFile(system.path('var/lib/cardpad/journal/1.log'), 'x');
  const { status, stderr } = system.call('postrm', 'purge');
  t.equal(status, 0);
  t.match(stderr, 'events that central may not have yet');
  t.notOk(existsSync(system.path('etc/cardpad')));
  t.notOk(existsSync(system.path('var/lib/cardpad')));
  t.ok(system.calls.includes('deb-systemd-helper purge cardpad.service'));
  t.same(system.call('postrm', 'purge'), { status: 0, stdout: '', stderr: '' }, 'twice is no error');
});
