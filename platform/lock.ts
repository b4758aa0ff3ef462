import { randomBytes } from 'node:crypto';
import { link, unlink, writeFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { CardpadError, codeOf } from '../protocol/errors.js';
import { readFileIfThere } from './files.js';

const TRY_EVERY_MS = 50;
const TRY_FOR_MS = 10_000;

/**
 * A name for a running process that no other one ever has: its number, the boot that it runs in and when in that boot
 * it began. Numbers alone are used again, after a power cut above all. Undefined for a process that is gone.
 */
async function processName(pid: number): Promise<string | undefined> {
  const stat = (await readFileIfThere(`/proc/${pid}/stat`).catch(() => undefined))?.toString('latin1');
  const boot = (await readFileIfThere('/proc/sys/kernel/random/boot_id'))?.toString('latin1').trim();
  // Field 22 of proc(5), counted behind the name in brackets, which may hold blanks.
  const began = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  return began === undefined ? undefined : `${pid} ${boot} ${began}`;
}

/** The process number of the running program that has a lock; undefined where none has. Takes nothing. */
export async function lockHolder(lock: string): Promise<number | undefined> {
  const holder = (await readFileIfThere(lock))?.toString('latin1') ?? '';
  const pid = Number(holder.split(' ')[0]);
  if (!Number.isSafeInteger(pid) || pid < 1) return undefined;
  return (await processName(pid)) === holder ? pid : undefined;
}

const isLeftBehind = async (lock: string): Promise<boolean> => (await lockHolder(lock)) === undefined;

/** Takes a lock if it can be had now. Its name appears with its content, so that nobody takes it for an empty one. */
async function take(lock: string): Promise<boolean> {
  const mine = `${lock}.${process.pid}.${randomBytes(4).toString('hex')}`;
  await writeFile(mine, (await processName(process.pid)) ?? `${process.pid}`, { mode: 0o600 });
  try {
    await link(mine, lock);
    return true;
  } catch (thrown) {
    if (codeOf(thrown) !== 'EEXIST') throw thrown;
    return false;
  } finally {
    await unlink(mine).catch(() => {});
  }
}

/** Waits for a lock until it can be had; false when another process held it all the time. */
async function takeWithin(lock: string, withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; ; waitedMs += TRY_EVERY_MS) {
    if (await take(lock)) return true;
    if (waitedMs >= withinMs) return false;
    await setTimeout(TRY_EVERY_MS);
    if (await isLeftBehind(lock)) await unlink(lock).catch(() => {});
  }
}

/**
 * Does work on a file that several commands may want to change at once, one after the other.
 * @throws CardpadError `files.locked` (retry) when another process holds it for ten seconds
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  if (!(await takeWithin(lock, TRY_FOR_MS))) {
    throw new CardpadError('files.locked', 'retry', `another command is changing ${path}`, {
      help: `Try again when it is done. If there is none, remove ${lock}.`,
    });
  }
  try {
    return await work();
  } finally {
    await unlink(lock).catch(() => {});
  }
}

/**
 * Keeps a lock for as long as a program runs. What a killed one has left behind does not count.
 * @returns frees it
 * @throws CardpadError `files.in-use` (fatal) when another running program has it
 */
export async function holdLock(lock: string, what: string): Promise<() => Promise<void>> {
  if (!(await takeWithin(lock, 4 * TRY_EVERY_MS))) {
    throw new CardpadError('files.in-use', 'fatal', `${what} is in use by another program`, {
      help: 'Two programs on one folder would ruin it. Stop the other one, or give this one a folder of its own.',
    });
  }
  return () => unlink(lock).catch(() => {});
}
