import { basename } from 'node:path';
import type { FileSteps, NewFile } from '../../platform/fileSteps.js';

/** A file's content, as the system has it and as the disk has it for certain. */
interface Inode {
  readonly written: Buffer;
  readonly durable: Buffer;
}

/** What happened to names since the folder was flushed: a disk may have any of it, in order. */
type NameChange =
  | { readonly kind: 'set'; readonly name: string; readonly inode: number }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'remove'; readonly name: string };

interface State {
  readonly inodes: readonly Inode[];
  /** Names that are on the disk for certain. */
  readonly durable: ReadonlyMap<string, number>;
  readonly pending: readonly NameChange[];
}

/** What an fsync that was never made leaves of a file: all of the ways that file systems are known for. */
const REMAINS: readonly ((inode: Inode) => Buffer)[] = [
  ({ durable }) => durable,
  ({ written, durable }) =>
    written.subarray(0, durable.length + Math.ceil((written.length - durable.length) / 2)),
  // Made longer and never filled (delayed allocation).
  ({ written, durable }) =>
    Buffer.concat([durable, Buffer.alloc(Math.max(0, written.length - durable.length))]),
  ({ written }) => written,
];

function applied(names: ReadonlyMap<string, number>, changes: readonly NameChange[]): Map<string, number> {
  const after = new Map(names);
  for (const change of changes) {
    if (change.kind === 'set') after.set(change.name, change.inode);
    else if (change.kind === 'remove') after.delete(change.name);
    else {
      const inode = after.get(change.from);
      if (inode === undefined) continue;
      after.delete(change.from);
      after.set(change.to, inode);
    }
  }
  return after;
}

/** Every choice of some of a few things, in their order. */
function choices<T>(things: readonly T[]): T[][] {
  const sets: T[][] = [[]];
  for (const thing of things) sets.push(...sets.map((set) => [...set, thing]));
  return sets;
}

/**
 * One folder in memory that remembers, after each step, everything that a power cut at that instant may leave: any of
 * the name changes since the folder was flushed (a rename whose file's own creation is lost is kept too, as journals of
 * metadata do), and of each file without a flush nothing, half, zeros or all.
 */
export class PowerCutFiles implements FileSteps {
  #inodes: Inode[] = [];
  #names = new Map<string, number>();
  #durable: ReadonlyMap<string, number> = new Map();
  #pending: NameChange[] = [];
  readonly #states: State[] = [];
  /** Every step in order, such as `rename`. */
  readonly steps: string[] = [];
  /** A code makes a step fail, counted from 0. */
  fail: (step: number) => string | undefined = () => undefined;

  /** @param files content by base name, on the disk for certain */
  constructor(files: ReadonlyMap<string, Buffer> = new Map()) {
    for (const [name, bytes] of files) {
      this.#names.set(name, this.#inodes.length);
      this.#inodes.push({ written: bytes, durable: bytes });
    }
    this.#durable = new Map(this.#names);
    this.#remember();
  }

  async read(path: string): Promise<Buffer> {
    const inode = this.#inodes[this.#names.get(basename(path)) ?? -1];
    if (inode === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    return inode.written;
  }

  async create(path: string): Promise<NewFile> {
    this.#step('create');
    const name = basename(path);
    const inode = this.#inodes.length;
    this.#inodes.push({ written: Buffer.alloc(0), durable: Buffer.alloc(0) });
    this.#change({ kind: 'set', name, inode });
    const put = (change: (old: Inode) => Inode) => {
      this.#inodes = this.#inodes.map((old, at) => (at === inode ? change(old) : old));
      this.#remember();
    };
    return {
      write: async (bytes) => {
        this.#step('write');
        put(({ durable }) => ({ durable, written: Buffer.from(bytes as Uint8Array) }));
      },
      datasync: async () => {
        this.#step('datasync');
        put(({ written }) => ({ written, durable: written }));
      },
      close: async () => {},
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step('rename');
    this.#change({ kind: 'rename', from: basename(from), to: basename(to) });
  }

  async unlink(path: string): Promise<void> {
    this.#change({ kind: 'remove', name: basename(path) });
  }

  async syncFolder(): Promise<void> {
    this.#step('syncFolder');
    this.#durable = new Map(this.#names);
    this.#pending = [];
    this.#remember();
  }

  /** How many instants there were so far. */
  get instants(): number {
    return this.#states.length;
  }

  /** Every folder that the next start may find after a power cut at an instant. */
  *afterCut(instant: number): Generator<Map<string, Buffer>> {
    const state = this.#states[instant];
    if (state === undefined) throw new RangeError(`there was no instant ${instant}`);
    for (const changes of choices(state.pending)) {
      // A rename speaks of the file itself: it may be on the disk where the creation of its old name is not.
      const own = changes.flatMap((change): NameChange[] => {
        if (change.kind !== 'rename') return [change];
        const inode = applied(state.durable, state.pending.slice(0, state.pending.indexOf(change))).get(
          change.from,
        );
        return inode === undefined ? [] : [{ kind: 'set', name: change.to, inode }];
      });
      for (const remains of REMAINS) {
        const found = new Map<string, Buffer>();
        for (const [name, at] of applied(state.durable, own)) {
          const inode = state.inodes[at];
          if (inode !== undefined) found.set(name, remains(inode));
        }
        yield found;
      }
    }
  }

  #step(name: string): void {
    const code = this.fail(this.steps.length);
    this.steps.push(name);
    if (code !== undefined) throw Object.assign(new Error(`${code}: told to fail`), { code });
  }

  #change(change: NameChange): void {
    this.#names = applied(this.#names, [change]);
    this.#pending.push(change);
    this.#remember();
  }

  #remember(): void {
    const { inodes, durable, pending } = {
      inodes: this.#inodes,
      durable: this.#durable,
      pending: this.#pending,
    };
    this.#states.push({ inodes, durable, pending: [...pending] });
  }
}
