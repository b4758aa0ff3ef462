import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { until } from './contract.js';

export interface PtyPair {
  readonly near: string;
  readonly far: string;
  /** Takes the line away, as pulling a USB plug does. */
  unplug(): void;
}

/** Two pseudo-terminals joined by socat: what is written to one is read from the other. */
export async function ptyPair(t: Test): Promise<PtyPair> {
  const dir = mkdtempSync(join(tmpdir(), 'cardpad-pty-'));
  const near = join(dir, 'near');
  const far = join(dir, 'far');
  let failure: Error | undefined;
  const socat: ChildProcess = spawn('socat', [`pty,rawer,link=${near}`, `pty,rawer,link=${far}`], {
    stdio: 'ignore',
  });
  socat.on('error', (error) => {
    failure = error;
  });
  t.teardown(() => {
    socat.kill();
    rmSync(dir, { recursive: true, force: true });
  });
  await until(
    () => failure !== undefined || (existsSync(near) && existsSync(far)),
    'socat to make its terminals',
  );
  if (failure !== undefined) {
    throw new Error('this test needs socat to stand in for a serial cable: apt-get install socat', {
      cause: failure,
    });
  }
  return { near, far, unplug: () => socat.kill() };
}
