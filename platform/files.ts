import { randomBytes } from 'node:crypto';
import { mkdir, readdir, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CardpadError, codeOf } from '../protocol/errors.js';
import { type FileSteps, machineFiles } from './fileSteps.js';

/** Makes the folder's own entries durable: a rename is not on disk until its folder is. */
export const syncFolder = (folder: string): Promise<void> => machineFiles.syncFolder(folder);

/**
 * Replaces a file so that a power cut at any instant leaves the old content or the new, never neither:
 * temporary file, fdatasync, rename, fsync of the folder.
 * @param mode permission bits; 0o600 for anything secret
 */
export async function writeFileDurable(
  path: string,
  bytes: Uint8Array | string,
  mode = 0o644,
  files: FileSteps = machineFiles,
): Promise<void> {
  const folder = dirname(path);
  // Never a name that was there before: what a crash left behind may have another mode.
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const file = await files.create(temporary, mode);
  try {
    try {
      await file.write(bytes);
      await file.datasync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, path);
  } catch (thrown) {
    await files.unlink(temporary).catch(() => {});
    throw thrown;
  }
  await files.syncFolder(folder);
}

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

/** Whether a file of this name is what `writeFileDurable` left behind when its process was killed. */
export const isTemporary = (name: string): boolean => TEMPORARY.test(name);

/**
 * Removes what `writeFileDurable` left in a folder when its process was killed: half a file, or the whole of one that
 * was meant to be destroyed since, such as a key. A missing folder holds none.
 * @param olderThanMs wall time; a younger one may be on its way. Default: the start of this process
 */
export async function sweepTemporaries(folder: string, olderThanMs = performance.timeOrigin): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names.filter(isTemporary)) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === true && found.mtimeMs < olderThanMs) await unlink(path).catch(() => {});
  }
}

/**
 * Node's own recursive mkdir tries for ever where a folder that is there takes no new one and calls that ENOENT (/proc).
 * @returns the first folder that was made; undefined when all were there
 */
async function makeFolders(path: string): Promise<string | undefined> {
  const make = () => mkdir(path, { mode: 0o700 });
  try {
    await make();
    return path;
  } catch (thrown) {
    const code = codeOf(thrown);
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return undefined;
    if (code !== 'ENOENT' || dirname(path) === path) throw thrown;
    const above = await makeFolders(dirname(path));
    await make();
    return above ?? path;
  }
}

/** Makes a folder that only its owner may look into; its name is durable too, as far as its parents may be read. */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    const firstMade = await makeFolders(path);
    if (firstMade === undefined) return;
    const above = dirname(resolve(firstMade));
    for (let folder = resolve(path); folder !== above; folder = dirname(folder)) {
      await syncFolder(dirname(folder)).catch(() => {});
    }
  } catch (cause) {
    throw new CardpadError(
      'files.folder',
      'fatal',
      `cannot make the folder ${path} (${codeOf(cause) ?? 'error'})`,
      {
        help: 'Check that the path is right, that the disk is neither full nor read-only, and that this user may write there.',
        cause,
      },
    );
  }
}

const OTHERS_MAY_WRITE = 0o022;

/**
 * Refuses a folder in which others could swap keys or records; a missing one is told of by whoever reads it. Only the
 * folder itself counts: above it there is often a shared one, such as /tmp.
 * @throws CardpadError `files.exposed` (fatal)
 */
export async function refuseExposedFolder(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return;
  const owners = [0, process.geteuid?.() ?? found.uid];
  // An owner can give himself every right.
  if (!owners.includes(found.uid)) {
    throw new CardpadError('files.exposed', 'fatal', `the folder ${path} belongs to another user`, {
      help: `Whoever may write there can swap what is in it. Run as its owner, or give it to this user: chown -R USER ${path}`,
    });
  }
  if ((found.mode & OTHERS_MAY_WRITE) !== 0) {
    throw new CardpadError('files.exposed', 'fatal', `others may write to the folder ${path}`, {
      help: `They could swap what is in it. Run: chmod 700 ${path}`,
    });
  }
}

/** One block: what fits into a folder's entry alone would be taken by a disk that is full. */
const PROBE_BYTES = 4096;

/**
 * Proves that a folder takes a file durably, now and not when the first record comes.
 * @throws CardpadError `files.unwritable` (fatal)
 */
export async function proveWritable(folder: string): Promise<void> {
  // A name that a sweep removes, should the power go before the next line but one.
  const path = join(folder, `.probe.${randomBytes(6).toString('hex')}.tmp`);
  try {
    await writeFileDurable(path, Buffer.alloc(PROBE_BYTES), 0o600);
    await unlink(path);
    await syncFolder(folder);
  } catch (cause) {
    await unlink(path).catch(() => {});
    const code = codeOf(cause) ?? 'error';
    throw new CardpadError('files.unwritable', 'fatal', `the folder ${folder} cannot be written (${code})`, {
      help: 'Check that it is there, that the disk is neither full nor read-only, and that this user may write there.',
      cause,
    });
  }
}

/** A file's content, or undefined where there is none. */
export async function readFileIfThere(
  path: string,
  files: Pick<FileSteps, 'read'> = machineFiles,
): Promise<Buffer | undefined> {
  try {
    return await files.read(path);
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw new CardpadError('files.read', 'fatal', `cannot read ${path} (${codeOf(thrown) ?? 'error'})`, {
      help: 'Check that it is a file and that this user may read it.',
      cause: thrown,
    });
  }
}

/**
 * The content of a file that somebody named.
 * @param help what the file is for, as a sentence
 * @throws CardpadError `files.missing` (fatal)
 */
export async function readNeededFile(path: string, help: string): Promise<Buffer> {
  const bytes = await readFileIfThere(path);
  if (bytes === undefined) throw new CardpadError('files.missing', 'fatal', `${path} is missing`, { help });
  return bytes;
}

/**
 * A secret file's content.
 * @throws CardpadError `files.missing` | `files.exposed` (fatal) when there is none, or others may read it
 */
export async function readSecretFile(path: string, help: string): Promise<Buffer> {
  const bytes = await readNeededFile(path, help);
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new CardpadError('files.exposed', 'fatal', `${path} can be read by others`, {
      help: `It holds a secret. Run: chmod 600 ${path}`,
    });
  }
  return bytes;
}
