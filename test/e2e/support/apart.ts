import { spawnSync } from 'node:child_process';
import { Child, type Finished, type TestScope } from './child.js';

/**
 * Why no process can have a mount namespace of its own here, in words for a skipped test; false where it can. A
 * container may forbid it; any other reason fails the tests that need one.
 */
export function whyNotApart(): string | false {
  const env = { PATH: process.env.PATH, LC_ALL: 'C' };
  const { status, stderr } = spawnSync('unshare', ['--mount', 'true'], { env, encoding: 'utf8' });
  if (status === 0) return false;
  if (/unshare failed: Operation not permitted/.test(stderr))
    return 'this machine forbids mount namespaces (unshare: EPERM)';
  throw new Error(`unshare --mount: ${stderr}`);
}

/** Starts a shell script in a mount namespace of its own: what it mounts is gone with it. */
export function startApart(t: TestScope, script: string, args: readonly string[]): Child {
  return new Child(t, 'unshare', 'unshare', ['--mount', 'sh', '-euc', script, 'sh', ...args]);
}

/** The same, to its end. */
export async function runApart(t: TestScope, script: string, args: readonly string[]): Promise<Finished> {
  const child = startApart(t, script, args);
  child.hush();
  const { code } = await child.exited;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

/** Puts a disk in the place of the folder `$1`, with all that is in the folder `$2`; for a script of these. */
export const DISKS = [
  ['read-only', 'mount -t tmpfs -o mode=700 none "$1"; cp -r "$2"/. "$1"; mount -o remount,ro "$1"', 'EROFS'],
  [
    'full',
    'mount -t tmpfs -o mode=700,size=64k none "$1"; cp -r "$2"/. "$1"; cat /dev/zero >"$1/filler" 2>/dev/null || true',
    'ENOSPC',
  ],
] as const;
