import { open, unlink } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { CardpadError, codeOf } from '../protocol/errors.js';
import { readFileIfThere } from './files.js';

const TRY_EVERY_MS = 50;
const TRY_FOR_MS = 10_000;

/** Whether the process that wrote a lock is gone; a lock that is just being written counts as held. */
async function isLeftBehind(lock: string): Promise<boolean> {
  const pid = Number((await readFileIfThere(lock))?.toString('utf8') || Number.NaN);
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (thrown) {
    return codeOf(thrown) === 'ESRCH';
  }
}

async function take(lock: string): Promise<boolean> {
  try {
    const handle = await open(lock, 'wx', 0o600);
    await handle.writeFile(String(process.pid));
    await handle.close();
    return true;
  } catch (thrown) {
    if (codeOf(thrown) !== 'EEXIST') throw thrown;
    if (await isLeftBehind(lock)) await unlink(lock).catch(() => {});
    return false;
  }
}

/**
 * Does work on a file that several commands may want to change at once, one after the other.
 * @throws CardpadError `files.locked` (retry) when another process holds it for ten seconds
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  for (let waitedMs = 0; !(await take(lock)); waitedMs += TRY_EVERY_MS) {
    if (waitedMs >= TRY_FOR_MS) {
      throw new CardpadError('files.locked', 'retry', `another command is changing ${path}`, {
        help: `Try again when it is done. If there is none, remove ${lock}.`,
      });
    }
    await setTimeout(TRY_EVERY_MS);
  }
  try {
    return await work();
  } finally {
    await unlink(lock).catch(() => {});
  }
}
