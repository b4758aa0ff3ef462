import type { AppendFile, Disk } from '../../platform/disk.js';

export type DiskOperation = 'create' | 'append' | 'sync' | 'truncate' | 'rename' | 'remove';

interface StoredFile {
  written: Buffer;
  /** What a power cut leaves; undefined while the name itself is not on disk. */
  durable: Buffer | undefined;
  /** Another file was given this name: a power cut leaves the old content or the new, and no part of either. */
  renamed?: true;
}

/** What a replacing leaves behind when the power goes: `.NAME.tmp`. */
const isLeftover = (name: string) => name.startsWith('.') && name.endsWith('.tmp');

const systemError = (code: string) => Object.assign(new Error(`${code}: told to fail`), { code });

/**
 * A disk in memory that tells what was written from what would survive a power cut, and fails, waits or is cut as
 * told.
 */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, StoredFile>();
  readonly counts: Record<DiskOperation, number> = {
    create: 0,
    append: 0,
    sync: 0,
    truncate: 0,
    rename: 0,
    remove: 0,
  };
  /** Every operation that was begun, `append 00000001-...`. */
  readonly log: string[] = [];
  /** A code makes this operation fail; `count` is how many of its kind came so far, from 1. */
  fail: (operation: DiskOperation, count: number) => string | undefined = () => undefined;
  /** A code makes reading this file fail. */
  failRead: (name: string) => string | undefined = () => undefined;
  /** Called before and after each operation takes effect: each is an instant at which the power may go. */
  onInstant: () => void = () => {};
  #held: (() => void)[] | undefined;

  /** From here on no flush ends before `releaseSyncs`. */
  holdSyncs(): void {
    this.#held ??= [];
  }

  releaseSyncs(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const release of held) release();
  }

  /**
   * The disk as the next start finds it.
   * @param unsynced `lost`: only flushed bytes are left; `kept`: the system had written all by itself;
   *   `torn`: it had written half of the rest
   */
  cut(unsynced: 'lost' | 'kept' | 'torn' = 'lost'): MemoryDisk {
    const after = new MemoryDisk();
    for (const [name, { written, durable, renamed }] of this.files) {
      if (renamed) {
        after.put(name, unsynced === 'lost' && durable !== undefined ? durable : written);
        continue;
      }
      if (durable === undefined && unsynced === 'lost') continue;
      const flushed = durable ?? Buffer.alloc(0);
      const half = flushed.length + Math.ceil(Math.max(0, written.length - flushed.length) / 2);
      const bytes =
        unsynced === 'lost' ? flushed : written.subarray(0, unsynced === 'torn' ? half : undefined);
      after.put(name, bytes);
    }
    return after;
  }

  /** A file as it lies there after a start. */
  put(name: string, bytes: Uint8Array): void {
    this.files.set(name, { written: Buffer.from(bytes), durable: Buffer.from(bytes) });
  }

  /** Turns one bit of a file, as an old card does. */
  spoil(name: string, atByte: number): void {
    const bytes = Buffer.from(this.bytesOf(name));
    bytes.writeUInt8(bytes.readUInt8(atByte) ^ 0x10, atByte);
    this.put(name, bytes);
  }

  bytesOf(name: string): Buffer {
    const file = this.files.get(name);
    if (file === undefined) throw systemError('ENOENT');
    return file.written;
  }

  get names(): string[] {
    return [...this.files.keys()].sort();
  }

  async list(): Promise<string[]> {
    for (const name of this.names.filter(isLeftover)) this.files.delete(name);
    return [...this.files.keys()];
  }

  async read(name: string): Promise<Buffer> {
    const code = this.failRead(name);
    if (code !== undefined) throw systemError(code);
    return Buffer.from(this.bytesOf(name));
  }

  async sync(name: string): Promise<void> {
    this.bytesOf(name);
    await this.#operation('sync', name, () => {
      const file = this.files.get(name);
      if (file !== undefined) file.durable = file.written;
    });
  }

  async create(name: string): Promise<AppendFile> {
    if (this.files.has(name)) throw systemError('EEXIST');
    await this.#operation('create', name, () =>
      this.files.set(name, { written: Buffer.alloc(0), durable: Buffer.alloc(0) }),
    );
    const file = () => {
      const found = this.files.get(name);
      if (found === undefined) throw systemError('EBADF');
      return found;
    };
    return {
      append: async (bytes) => {
        const write = (length: number) => {
          file().written = Buffer.concat([file().written, bytes.subarray(0, length)]);
        };
        // A write that fails has often done a part of its work.
        await this.#operation(
          'append',
          name,
          () => write(bytes.length),
          () => write(bytes.length >> 1),
        );
      },
      sync: () =>
        this.#operation('sync', name, () => {
          file().durable = file().written;
        }),
      truncate: (lengthBytes) =>
        this.#operation('truncate', name, () => {
          file().written = file().written.subarray(0, lengthBytes);
        }),
      close: async () => {},
    };
  }

  /** Temporary file, flush, rename, flush of the folder: the power may go before and after each. */
  async replace(name: string, bytes: Uint8Array): Promise<void> {
    const temporary = `.${name}.tmp`;
    try {
      const file = await this.create(temporary);
      await file.append(bytes);
      await file.sync();
      await this.#operation('rename', name, () => {
        const durable = this.files.get(name)?.durable;
        this.files.delete(temporary);
        this.files.set(name, { written: Buffer.from(bytes), durable, renamed: true });
      });
    } catch (thrown) {
      this.files.delete(temporary);
      throw thrown;
    }
    await this.#operation('sync', name, () => this.put(name, bytes));
  }

  async remove(name: string): Promise<void> {
    this.bytesOf(name);
    await this.#operation('remove', name, () => this.files.delete(name));
  }

  async #operation(
    operation: DiskOperation,
    name: string,
    work: () => void,
    failing: () => void = () => {},
  ): Promise<void> {
    this.log.push(`${operation} ${name}`);
    this.counts[operation] += 1;
    this.onInstant();
    const held = this.#held;
    if (operation === 'sync' && held !== undefined) await new Promise<void>((resolve) => held.push(resolve));
    const code = this.fail(operation, this.counts[operation]);
    if (code !== undefined) {
      failing();
      throw systemError(code);
    }
    work();
    this.onInstant();
  }
}
