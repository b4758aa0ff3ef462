import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { copyFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Architecture, qemuCommand } from './machine/arguments.js';

/** What the snapshot of a booted machine is called in its disk. */
export const BOOTED = 'booted';

/** A disk with a snapshot of the machine that was booted from it, kept from run to run. */
export class BootedDisk {
  readonly #base: string;
  readonly #kept: string;
  readonly #keyFile: string;
  readonly #key: string;

  constructor(cache: string, architecture: Architecture) {
    this.#base = join(cache, `disk-${architecture}.img`);
    this.#kept = join(cache, `booted-${architecture}.qcow2`);
    this.#keyFile = join(cache, `booted-${architecture}.key`);
    // A snapshot fits the disk below it, the machine that it was taken of, and that version of QEMU.
    const command = qemuCommand({
      ...{ architecture, kernel: '', disk: '', payload: '', folder: '', uartPort: 0, brokerPort: 0 },
    });
    const version = execFileSync(command[0] ?? '', ['--version'], { encoding: 'utf8' });
    const diskKey = readFileSync(join(cache, `disk-${architecture}.key`), 'utf8');
    this.#key = createHash('sha256')
      .update([diskKey, version, ...command].join('\n'))
      .digest('hex');
  }

  get isThere(): boolean {
    return (
      existsSync(this.#kept) && existsSync(this.#keyFile) && readFileSync(this.#keyFile, 'utf8') === this.#key
    );
  }

  /** An overlay of the disk as it is made, for a machine that boots. */
  empty(disk: string): void {
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', this.#base, '-F', 'raw', disk]);
  }

  /** An overlay with the snapshot. */
  copyTo(disk: string): Promise<void> {
    return copyFile(this.#kept, disk);
  }

  /** Keeps an overlay, in which the snapshot has just been saved, of a machine that stands still. */
  async keep(disk: string): Promise<void> {
    await copyFile(disk, `${this.#kept}.new`);
    await rename(`${this.#kept}.new`, this.#kept);
    await writeFile(this.#keyFile, this.#key);
  }
}
