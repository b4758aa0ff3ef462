import promises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, resolve, sep } from 'node:path';
import { machineFiles } from '../../../platform/fileSteps.js';

/** A call that changes a disk, or makes it keep a change. Files are told apart by number, since names change hands. */
export type DiskCall =
  | { readonly kind: 'link'; readonly path: string; readonly file: number }
  | { readonly kind: 'unlink'; readonly path: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string; readonly file: number }
  | { readonly kind: 'write'; readonly file: number; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly file: number; readonly lengthBytes: number }
  | { readonly kind: 'sync-file'; readonly file: number }
  | { readonly kind: 'sync-folder'; readonly folder: string };

/** A call with the steps of the trace at which it began and ended. */
export interface Traced {
  readonly call: DiskCall;
  readonly fromStep: number;
  toStep: number;
  /** It threw: nobody knows what it did. */
  failed: boolean;
}

/** Something that was said to the world, such as "this record is on disk". */
export interface Note<T> {
  readonly step: number;
  readonly what: T;
}

/** A code makes this call fail. `count` is how many of its kind came so far, from 1. */
export type FailCall = (call: DiskCall, count: number) => string | undefined;

const systemError = (code: string) => Object.assign(new Error(`${code}: told to fail`), { code });

type Patched = Pick<typeof promises, 'open' | 'rename' | 'unlink'>;

/**
 * Writes down what the product's own code asks of the disk: `node:fs/promises` is wrapped for the files below one
 * folder, so that a flush that is left out of platform/disk.ts or platform/files.ts is left out of the trace as well.
 */
export class DiskTrace<T> {
  readonly calls: Traced[] = [];
  readonly notes: Note<T>[] = [];
  fail: FailCall = () => undefined;
  /** What a call waits for before it does its work: others may overtake it. */
  pace: (call: DiskCall) => Promise<void> | undefined = () => undefined;
  #step = 0;
  #files = 0;
  readonly #names = new Map<string, number>();
  readonly #lengths = new Map<number, number>();
  readonly #counts = new Map<string, number>();
  readonly #root: string;
  readonly #real: Patched = { open: promises.open, rename: promises.rename, unlink: promises.unlink };

  /** @param root an empty folder; what lies elsewhere is not traced */
  constructor(root: string) {
    this.#root = resolve(root) + sep;
  }

  /** How many steps there were so far. */
  get step(): number {
    return this.#step;
  }

  /**
   * The instants at which the power can go: right before each beginning and each end of a call, when as much has been
   * said as ever will be while the disk is in that state; and behind all of them.
   */
  get instants(): number[] {
    const edges = this.calls.flatMap(({ fromStep, toStep }) => [fromStep - 1, toStep - 1]);
    return [...new Set([...edges, this.#step])].sort((a, b) => a - b);
  }

  note(what: T): void {
    this.#step += 1;
    this.notes.push({ step: this.#step, what });
  }

  /** Traces until `stop`. */
  start(): void {
    const patched: Patched = {
      open: async (path, flags, mode) => {
        const name = resolve(String(path));
        const isMade = typeof flags === 'string' && /[wa]/.test(flags);
        if (!this.#traces(name)) return this.#real.open(path, flags, mode);
        return isMade ? this.#make(name, flags, mode) : this.#look(name, flags);
      },
      rename: async (from, to) => {
        const [old, name] = [resolve(String(from)), resolve(String(to))];
        if (!this.#traces(old)) return this.#real.rename(from, to);
        const file = this.#fileAt(old);
        await this.#traced({ kind: 'rename', from: old, to: name, file }, () => this.#real.rename(from, to));
        this.#names.delete(old);
        this.#names.set(name, file);
      },
      unlink: async (path) => {
        const name = resolve(String(path));
        if (!this.#traces(name) || !this.#names.has(name)) return this.#real.unlink(path);
        await this.#traced({ kind: 'unlink', path: name }, () => this.#real.unlink(path));
        this.#names.delete(name);
      },
    };
    this.#patch(patched);
  }

  stop(): void {
    this.#patch(this.#real);
  }

  #patch(calls: Patched): void {
    Object.assign(promises, calls);
    syncBuiltinESMExports();
    // These two it took when it was loaded.
    const { rename, unlink } = calls;
    Object.assign(machineFiles, { rename, unlink });
  }

  #traces(path: string): boolean {
    return `${path}${sep}`.startsWith(this.#root);
  }

  #fileAt(path: string): number {
    const file = this.#names.get(path);
    if (file === undefined) throw new Error(`${path} was not made while this was traced`);
    return file;
  }

  async #make(path: string, flags: string, mode: Parameters<Patched['open']>[2]): Promise<FileHandle> {
    if (!flags.includes('x'))
      throw new Error(`${path} is opened to be written, and may have been there before`);
    const file = this.#files;
    this.#files += 1;
    const handle = await this.#traced({ kind: 'link', path, file }, () => this.#real.open(path, flags, mode));
    this.#names.set(path, file);
    this.#lengths.set(file, 0);
    return this.#watchFile(handle, file);
  }

  /** A folder is opened to be flushed, or a file that another start wrote. */
  async #look(path: string, flags: string | number | undefined): Promise<FileHandle> {
    const handle = await this.#real.open(path, flags);
    const file = this.#names.get(path);
    const call: DiskCall =
      file === undefined ? { kind: 'sync-folder', folder: path } : { kind: 'sync-file', file };
    const [sync, datasync] = [handle.sync.bind(handle), handle.datasync.bind(handle)];
    return Object.assign(handle, {
      sync: () => this.#traced(call, sync),
      datasync: () => this.#traced(call, datasync),
    });
  }

  #watchFile(handle: FileHandle, file: number): FileHandle {
    const { appendFile, truncate, sync, datasync } = handle;
    const write = async (data: string | Uint8Array) => {
      const bytes = Buffer.from(data);
      const at = this.#lengths.get(file) ?? 0;
      this.#lengths.set(file, at + bytes.length);
      const call: DiskCall = { kind: 'write', file, at, bytes };
      await this.#traced(
        call,
        () => appendFile.call(handle, bytes),
        // A write that fails has often done a part of its work.
        async () => {
          this.#lengths.set(file, at + (bytes.length >> 1));
          await appendFile.call(handle, bytes.subarray(0, bytes.length >> 1));
        },
      );
    };
    const flush = (how: () => Promise<void>) =>
      this.#traced({ kind: 'sync-file', file }, () => how.call(handle));
    return Object.assign(handle, {
      appendFile: write,
      writeFile: write,
      sync: () => flush(sync),
      datasync: () => flush(datasync),
      truncate: async (lengthBytes = 0) => {
        await this.#traced({ kind: 'truncate', file, lengthBytes }, () => truncate.call(handle, lengthBytes));
        this.#lengths.set(file, lengthBytes);
      },
    });
  }

  async #traced<R>(call: DiskCall, work: () => Promise<R>, failing = async () => {}): Promise<R> {
    this.#step += 1;
    const traced: Traced = { call, fromStep: this.#step, toStep: Number.POSITIVE_INFINITY, failed: false };
    this.calls.push(traced);
    const count = (this.#counts.get(call.kind) ?? 0) + 1;
    this.#counts.set(call.kind, count);
    try {
      const code = this.fail(call, count);
      if (code !== undefined) {
        await failing();
        throw systemError(code);
      }
      await this.pace(call);
      return await work();
    } catch (thrown) {
      traced.failed = true;
      throw thrown;
    } finally {
      this.#step += 1;
      traced.toStep = this.#step;
    }
  }
}

/** The folder whose entry a call changes. */
export const folderOf = (call: DiskCall): string | undefined => {
  if (call.kind === 'link' || call.kind === 'unlink') return dirname(call.path);
  return call.kind === 'rename' ? dirname(call.to) : undefined;
};
