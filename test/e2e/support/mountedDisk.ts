import { open, readdir, readlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '../../../protocol/errors.js';
import { runApart } from './apart.js';
import { Child, CLI, mustEnd, type TestScope } from './child.js';

/** Makes the disk in the place of `$1`; everything that is there lies in `$2` as well. */
const MOUNT = {
  /** In memory, with room for that much. */
  tmpfs: 'mount -t tmpfs -o mode=700,size="$3"k none "$1"',
  /** On a loop device. After an error the kernel sets it read-only, as Debian and Raspberry Pi OS mount their root. */
  ext4: 'truncate -s "$3"k "$2.img"; mkfs.ext4 -q -F "$2.img"; mount -o loop,errors=remount-ro "$2.img" "$1"; chmod 700 "$1"; rmdir "$1/lost+found"',
} as const;
type Kind = keyof typeof MOUNT;

/** Why no loop device can be had here, in words for a skipped test; false where one can. */
export async function whyNoLoopDevice(t: TestScope, folder: string): Promise<string | false> {
  const { code, stderr } = await runApart(
    t,
    `mkdir "$1"; ${MOUNT.ext4}; cat "/sys/fs/ext4/$(basename "$(findmnt -no SOURCE "$1")")/errors_count"`,
    [join(folder, 'loop'), join(folder, 'loop-disk'), '4096'],
  );
  return code === 0 ? false : `this machine gives no loop device: ${stderr.trim()}`;
}

/**
 * A disk of its own for a gate's data folder: it can be full, read-only or broken, and nobody else has it. It lies in a
 * mount namespace that lives as long as the test does, so that a gate that is started again finds it as it was.
 */
export class MountedDisk {
  private constructor(
    private readonly t: TestScope,
    private readonly keeper: Child,
    private readonly kind: Kind,
    private readonly folder: string,
  ) {}

  /** A disk in the place of a folder, with all that is in it. */
  static async mount(t: TestScope, kind: Kind, folder: string, sizeKb: number): Promise<MountedDisk> {
    const script = `cp -a "$1" "$2"; ${MOUNT[kind]}; cp -a "$2"/. "$1"; sync -f "$1"; echo mounted; exec cat`;
    const args = ['--mount', 'sh', '-euc', script, 'sh', folder, `${folder}-first`, String(sizeKb)];
    const keeper = new Child(t, 'unshare', 'unshare', args);
    await keeper.output((lines) => lines.includes('mounted'), 'a mounted disk');
    return new MountedDisk(t, keeper, kind, folder);
  }

  /** A cardpad command that has this disk. */
  startCardpad(argv: readonly string[]): Child {
    const name = `cardpad ${argv.slice(0, 2).join(' ')}`;
    return new Child(this.t, name, 'nsenter', [...this.#inside, process.execPath, CLI, ...argv]);
  }

  /** A path on this disk, for everybody. */
  path(...names: readonly string[]): string {
    return join('/proc', String(this.keeper.pid), 'root', this.folder, ...names);
  }

  /** Somebody else takes all the room that is left, or that was left since. */
  async fill(): Promise<void> {
    const file = await open(this.path('filler'), 'a');
    try {
      for (let blockBytes = 4096; blockBytes > 0; ) {
        await file.appendFile(Buffer.alloc(blockBytes)).catch((thrown: unknown) => {
          if (codeOf(thrown) !== 'ENOSPC') throw thrown;
          blockBytes = 0;
        });
      }
    } finally {
      await file.close();
    }
  }

  /** And gives it back. */
  async empty(): Promise<void> {
    await unlink(this.path('filler'));
  }

  /** `ro` fails where a file is open to be written to: see `isWrittenBy`. */
  async remount(how: 'ro' | 'rw'): Promise<void> {
    await this.#run('mount -o remount,"$2" "$1"', how);
  }

  /** Whether a process has a file of the journal open. */
  async isWrittenBy(pid: number): Promise<boolean> {
    const names = await readdir(`/proc/${pid}/fd`);
    // One that was closed since is not open.
    const paths = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
    return paths.some((path) => path.endsWith('.cpj'));
  }

  /** The file system finds an error in itself (ext4(5), `trigger_fs_error` in sysfs): it takes nothing any more. */
  async break(): Promise<void> {
    await this.#run('echo 1 >"/sys/fs/ext4/$(basename "$(findmnt -no SOURCE "$1")")/trigger_fs_error"');
  }

  /** What a start of the machine does with such a disk. Nobody may have a file open on it. */
  async repair(): Promise<void> {
    // fsck(8): 1 says that errors were corrected.
    const check = 'fsck.ext4 -fy "$1-first.img" >&2 || [ $? = 1 ]';
    await this.#run(`umount "$1"; ${check}; mount -o loop,errors=remount-ro "$1-first.img" "$1"`);
  }

  async #run(script: string, ...args: readonly string[]): Promise<void> {
    const child = new Child(this.t, `a script on ${this.kind}`, 'nsenter', [
      ...this.#inside,
      ...['sh', '-euc', script, 'sh', this.folder, ...args],
    ]);
    await mustEnd(child);
  }

  get #inside(): string[] {
    return ['--target', String(this.keeper.pid), '--mount', '--'];
  }
}
