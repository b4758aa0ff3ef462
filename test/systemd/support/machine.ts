import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Test } from 'tap';
import { folderOutside } from '../../packaging/support/packages.js';
import { until } from '../../support/waiting.js';

const execute = promisify(execFile);
const BOOT_WITHIN_MS = 60_000;

/** Where control groups of the second kind are (cgroups(7)); undefined where they are not, or may not be written. */
function groups(): string | undefined {
  const mount = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .find(([, , kind, options = '']) => kind === 'cgroup2' && options.split(',').includes('rw'));
  return mount?.[1];
}

/** A fresh system over the files of this one: nothing that is written in it stays, and none of its services runs. */
const BOOT = `set -e
echo $$ > "$GROUP/cgroup.procs"
exec unshare --pid --mount --uts --ipc --cgroup --fork --kill-child sh -ec '
mount --make-rprivate /
mount -t tmpfs tmpfs "$WORK"
mkdir "$WORK/upper" "$WORK/work" "$WORK/root"
mount -t overlay -o "lowerdir=/,upperdir=$WORK/upper,workdir=$WORK/work" overlay "$WORK/root"
cd "$WORK/root"
cp -a "$FILES/." .
mount -t tmpfs tmpfs etc/systemd/system
ln -s /usr/lib/systemd/system/basic.target etc/systemd/system/default.target
ln -s /dev/null etc/systemd/system/systemd-udevd.service
systemd-sysusers --root="$PWD" cardpad.conf
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
for node in null:3 zero:5 full:7 random:8 urandom:9; do mknod -m 666 dev/\${node%:*} c 1 \${node#*:}; done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mkdir -p mnt
pivot_root . mnt
umount -l /mnt
mount --make-rshared /
exec env -i container=test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd
'`;

/** Why there is no systemd to start here, in words for a skipped test; false where there is one. */
export function whyNoMachine(): string | false {
  if (process.getuid?.() !== 0) return 'a system of its own takes root';
  if (!existsSync('/lib/systemd/systemd')) return 'systemd is not installed';
  const root = groups();
  if (root === undefined) return 'there are no control groups that may be written';
  const attempt = `mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir /mnt/upper /mnt/work /mnt/root &&
    mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root`;
  try {
    const kinds = ['--pid', '--mount', '--uts', '--ipc', '--cgroup', '--fork'];
    execFileSync('unshare', [...kinds, 'sh', '-c', attempt], { stdio: 'ignore' });
    return false;
  } catch {
    return 'namespaces, or a file system over this one, are refused here';
  }
}

/** systemd as the first process of a system of its own, with the files of the package in it. It ends with the test. */
export class Machine {
  private constructor(
    private readonly process: ChildProcess,
    private readonly init: number,
  ) {}

  /** @param files that lie over those of this system */
  static async boot(t: Pick<Test, 'teardown'>, files: string): Promise<Machine> {
    const work = await folderOutside();
    const group = join(groups() ?? '', `cardpad-test-${process.pid}`);
    await mkdir(group);
    const env = { PATH: process.env.PATH, WORK: work, FILES: files, GROUP: group };
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'sh', '-c', BOOT], { env, stdio: 'ignore' });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    t.teardown(async () => {
      child.kill('SIGKILL');
      await ended;
      await until(() => removeGroup(group), 'the end of the processes in it', BOOT_WITHIN_MS);
      await rm(work, { recursive: true, force: true });
    });
    let init = 0;
    await until(
      () => {
        init = child.exitCode === null ? firstChild(child.pid) : -1;
        return init !== 0;
      },
      'a first process',
      BOOT_WITHIN_MS,
    );
    const machine = new Machine(child, init);
    await machine.booted();
    return machine;
  }

  async booted(): Promise<void> {
    const endMs = performance.now() + BOOT_WITHIN_MS;
    for (;;) {
      if (this.process.exitCode !== null) throw new Error('the system ended while it booted');
      if (performance.now() > endMs) throw new Error('the system does not boot');
      const { out } = await this.run('systemctl', 'is-system-running', '--wait');
      if (/^(?:running|degraded)/.test(out)) return;
    }
  }

  /** Runs a program in it, to its end. */
  async run(program: string, ...words: string[]): Promise<{ readonly code: number; readonly out: string }> {
    const inside = [
      '-t',
      String(this.init),
      '-a',
      '-r',
      '-w',
      'env',
      '-i',
      'PATH=/usr/sbin:/usr/bin',
      'HOME=/root',
    ];
    try {
      const { stdout } = await execute('nsenter', [...inside, program, ...words], {
        timeout: BOOT_WITHIN_MS,
      });
      return { code: 0, out: stdout };
    } catch (thrown) {
      const { code, stdout } = thrown as { readonly code?: number; readonly stdout?: string };
      return { code: typeof code === 'number' ? code : -1, out: stdout ?? '' };
    }
  }

  /** A property of the service, as `systemctl show` has it. */
  async show(property: string): Promise<string> {
    return (await this.run('systemctl', 'show', '--value', '--property', property, 'cardpad')).out.trim();
  }

  /** Waits until a property of the service fits. */
  async shows(property: string, pattern: RegExp): Promise<void> {
    const endMs = performance.now() + BOOT_WITHIN_MS;
    for (;;) {
      const value = await this.show(property);
      if (pattern.test(value)) return;
      if (performance.now() > endMs) throw new Error(`${property} is ${value}, and never ${pattern}`);
    }
  }
}

/** The first process in the namespaces, as it is known here; 0 before there is one. */
function firstChild(parent: number | undefined): number {
  try {
    return Number(readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim().split(' ')[0] ?? 0);
  } catch {
    return 0;
  }
}

/** Whether the group and those below it are gone. */
function removeGroup(group: string): boolean {
  try {
    execFileSync('find', [group, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';'], { stdio: 'ignore' });
  } catch {
    // Somebody is still in it.
  }
  return !existsSync(group);
}

/** A gate that is made ready in a folder that lies over `/`: configuration, keys; its drop-ins make the waits short. */
export async function prepareGate(files: string, config: string, dropIn: string): Promise<void> {
  await mkdir(join(files, 'etc/cardpad'), { recursive: true });
  await writeFile(join(files, 'etc/cardpad/config.json.off'), config);
  const folder = join(files, 'usr/lib/systemd/system/cardpad.service.d');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'test.conf'), dropIn);
}
