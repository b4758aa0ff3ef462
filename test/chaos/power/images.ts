import { type Random, randomBytes } from '../../../drivers/simulated/random.js';
import { type DiskCall, type DiskTrace, folderOf, type Traced } from './trace.js';

/** What the next start may find: files by their path, and in words which of what was not flushed is there. */
export interface DiskImage {
  readonly step: number;
  readonly how: string;
  readonly files: ReadonlyMap<string, Buffer>;
}

type DataCall = Extract<DiskCall, { kind: 'write' | 'truncate' }>;
type NameCall = Extract<DiskCall, { kind: 'link' | 'unlink' | 'rename' }>;

const isData = (call: DiskCall): call is DataCall => call.kind === 'write' || call.kind === 'truncate';
const isName = (call: DiskCall): call is NameCall => folderOf(call) !== undefined;

/** One file at an instant: what is safe, and what may be there besides, in the order in which it was asked for. */
interface FileAtCut {
  readonly file: number;
  readonly safe: Buffer;
  readonly loose: readonly DataCall[];
}

/** A disk at an instant. */
interface AtCut {
  readonly step: number;
  readonly files: readonly FileAtCut[];
  readonly safeNames: readonly NameCall[];
  readonly looseNames: readonly NameCall[];
}

function applied(base: Buffer, calls: readonly DataCall[]): Buffer {
  let bytes = base;
  for (const call of calls) {
    if (call.kind === 'truncate') {
      const left = bytes.subarray(0, call.lengthBytes);
      bytes = Buffer.concat([left, Buffer.alloc(call.lengthBytes - left.length)]);
    } else {
      const grown = Buffer.alloc(Math.max(bytes.length, call.at + call.bytes.length));
      bytes.copy(grown);
      call.bytes.copy(grown, call.at);
      bytes = grown;
    }
  }
  return bytes;
}

const ended = ({ toStep, failed }: Traced, step: number) => toStep <= step && !failed;

/**
 * Whether a change would survive: a flush that began behind its end has itself ended well. For a file's data that must
 * be the first one behind it: when that failed, the kernel may have marked the pages as written all the same, and the
 * next flush will not try them again (fsync(2), EIO). Names go through the log of the file system itself.
 */
function isSafe(change: Traced, flushes: readonly Traced[], step: number): boolean {
  if (!ended(change, step)) return false;
  const behind = flushes.filter(({ fromStep }) => fromStep > change.toStep);
  return isData(change.call)
    ? behind[0] !== undefined && ended(behind[0], step)
    : behind.some((flush) => ended(flush, step));
}

function atCut<T>(trace: DiskTrace<T>, step: number): AtCut {
  const begun = trace.calls.filter(({ fromStep }) => fromStep <= step);
  const flushesOf = (which: (call: DiskCall) => boolean) => begun.filter(({ call }) => which(call));
  const files: FileAtCut[] = [];
  for (const { call: made } of begun) {
    if (made.kind !== 'link') continue;
    const { file } = made;
    const flushes = flushesOf((call) => call.kind === 'sync-file' && call.file === file);
    const changes = begun.flatMap((traced) => {
      const { call } = traced;
      return isData(call) && call.file === file ? [{ call, safe: isSafe(traced, flushes, step) }] : [];
    });
    const safe = changes.filter((change) => change.safe).map(({ call }) => call);
    const loose = changes.filter((change) => !change.safe).map(({ call }) => call);
    files.push({ file, safe: applied(Buffer.alloc(0), safe), loose });
  }
  const names = begun.flatMap((traced) => {
    const { call } = traced;
    // Making, removing or renaming a name is done or not done: what failed was not.
    if (!isName(call) || (traced.failed && traced.toStep <= step)) return [];
    const folder = folderOf(call);
    const flushes = flushesOf((other) => other.kind === 'sync-folder' && other.folder === folder);
    return [{ call, safe: isSafe(traced, flushes, step) }];
  });
  return {
    step,
    files,
    safeNames: names.filter(({ safe }) => safe).map(({ call }) => call),
    looseNames: names.filter(({ safe }) => !safe).map(({ call }) => call),
  };
}

const SECTOR_BYTES = 512;
export const TEARS = ['cut', 'zeroes', 'junk', 'hole', 'sectors'] as const;
type Tear = (typeof TEARS)[number];

/**
 * A file of which a part of what was not flushed got to the disk.
 * @param calls how many of the loose calls the system had begun to write out
 * @param at a byte behind what is safe: before it all is there, and of the rest
 *   `cut`: nothing; `zeroes`, `junk`: the length, with other content (a length may be written before its data);
 *   `hole`: the other way round, the rest is there and what is before is not; `sectors`: some sectors, and not others
 */
function torn({ safe, loose }: FileAtCut, calls: number, tear: Tear, at: number, random: Random): Buffer {
  const whole = applied(safe, loose.slice(0, calls));
  const edge = Math.min(whole.length, safe.length + at);
  if (tear === 'cut') return whole.subarray(0, edge);
  const bytes = Buffer.from(whole);
  const from = Math.min(safe.length, whole.length);
  const spoil = (start: number, end: number, junk: boolean) =>
    junk ? randomBytes(random, end - start).copy(bytes, start) : bytes.fill(0, start, end);
  if (tear === 'zeroes' || tear === 'junk') spoil(edge, whole.length, tear === 'junk');
  else if (tear === 'hole') spoil(from, edge, random() % 2 === 0);
  else {
    for (let start = from; start < whole.length; ) {
      const end = Math.min(whole.length, (Math.floor(start / SECTOR_BYTES) + 1) * SECTOR_BYTES);
      if (random() % 2 === 0) spoil(start, end, random() % 2 === 0);
      start = end;
    }
  }
  return bytes;
}

function named(cut: AtCut, mask: number, contentOf: (file: FileAtCut) => Buffer): Map<string, Buffer> {
  const names = new Map<string, number>();
  const calls = [...cut.safeNames, ...cut.looseNames.filter((_, index) => ((mask >>> index) & 1) === 1)];
  for (const call of calls) {
    if (call.kind === 'link') names.set(call.path, call.file);
    else if (call.kind === 'unlink') names.delete(call.path);
    else {
      names.delete(call.from);
      names.set(call.to, call.file);
    }
  }
  const found = new Map<string, Buffer>();
  for (const [path, number] of names) {
    const file = cut.files[number];
    if (file !== undefined) found.set(path, contentOf(file));
  }
  return found;
}

/** Of so many loose names and files every combination is tried; those before them count as written out. */
const MOST_LOOSE_NAMES = 6;
const MOST_LOOSE_FILES = 4;

export interface ImageOptions {
  readonly random: Random;
  /** At so many bytes the newest write is torn, each in every way. */
  readonly tearsAWrite: number;
}

/** All that a disk may hold after a power cut at one instant: nothing that was flushed is ever left out. */
export function* imagesAt<T>(trace: DiskTrace<T>, step: number, options: ImageOptions): Generator<DiskImage> {
  const cut = atCut(trace, step);
  const older = Math.max(0, cut.looseNames.length - MOST_LOOSE_NAMES);
  const masks = 2 ** Math.min(MOST_LOOSE_NAMES, cut.looseNames.length);
  const everyName = 2 ** cut.looseNames.length - 1;
  const loose = cut.files.filter(({ loose: calls }) => calls.length > 0);
  const newest = loose.at(-1);
  for (let mask = 0; mask < masks; mask++) {
    const wanted = mask * 2 ** older + (2 ** older - 1);
    // Each file on its own, written out or not: that gives every order between files.
    for (let choice = 0; choice < 2 ** Math.min(MOST_LOOSE_FILES, loose.length); choice++) {
      const contentOf = (file: FileAtCut) => {
        const age = loose.length - 1 - loose.indexOf(file);
        const isThere = age >= MOST_LOOSE_FILES || ((choice >>> age) & 1) === 1;
        return isThere ? applied(file.safe, file.loose) : file.safe;
      };
      yield { step, how: `names ${wanted}, files ${choice}`, files: named(cut, wanted, contentOf) };
    }
  }
  if (newest === undefined) return;
  yield* tornImages(cut, newest, everyName, options);
}

function* tornImages(
  cut: AtCut,
  newest: FileAtCut,
  mask: number,
  { random, tearsAWrite }: ImageOptions,
): Generator<DiskImage> {
  for (let calls = 1; calls <= newest.loose.length; calls++) {
    const more = applied(newest.safe, newest.loose.slice(0, calls)).length - newest.safe.length;
    const stride = Math.max(1, Math.ceil((more + 1) / tearsAWrite));
    for (let at = random() % stride; at <= more; at += stride) {
      for (const tear of TEARS) {
        const contentOf = (file: FileAtCut): Buffer => {
          if (file === newest) return torn(file, calls, tear, at, random);
          if (file.loose.length === 0) return file.safe;
          const other = TEARS[random() % TEARS.length] ?? 'cut';
          const some = 1 + (random() % file.loose.length);
          return torn(file, some, other, random() % 4_096, random);
        };
        yield {
          step: cut.step,
          how: `${tear} at ${at} of call ${calls}`,
          files: named(cut, mask, contentOf),
        };
      }
    }
  }
}
