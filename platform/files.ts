import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { CardpadError, codeOf } from '../protocol/errors.js';

/** Makes the folder's own entries durable: a rename is not on disk until its folder is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Replaces a file so that a power cut at any instant leaves the old content or the new, never neither:
 * temporary file, fdatasync, rename, fsync of the folder.
 * @param mode permission bits; 0o600 for anything secret
 */
export async function writeFileDurable(
  path: string,
  bytes: Uint8Array | string,
  mode = 0o644,
): Promise<void> {
  const folder = dirname(path);
  // Never a name that was there before: what a crash left behind may have another mode.
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const handle = await open(temporary, 'wx', mode);
  try {
    try {
      await handle.writeFile(bytes);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (thrown) {
    await unlink(temporary).catch(() => {});
    throw thrown;
  }
  await syncFolder(folder);
}

const TEMPORARY = /^\..+\.[0-9a-f]{12}\.tmp$/;

/**
 * Removes what `writeFileDurable` left in a folder when its process was killed: half a file, or the whole of one that
 * was meant to be destroyed since, such as a key. A missing folder holds none.
 * @param olderThanMs wall time; a younger one may be on its way. Default: the start of this process
 */
export async function sweepTemporaries(folder: string, olderThanMs = performance.timeOrigin): Promise<void> {
  const names = await readdir(folder).catch((): string[] => []);
  for (const name of names.filter((entry) => TEMPORARY.test(entry))) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile() === true && found.mtimeMs < olderThanMs) await unlink(path).catch(() => {});
  }
}

/** Makes a folder that only its owner may look into; its name is durable too, as far as its parents may be read. */
export async function makePrivateFolder(path: string): Promise<void> {
  try {
    const firstMade = await mkdir(path, { recursive: true, mode: 0o700 });
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

/** A file's content, or undefined where there is none. */
export async function readFileIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
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
