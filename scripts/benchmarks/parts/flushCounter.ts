// Loaded into a gate by `node --import`, before the product; no part of it. Counts flushes, and tells how many there
// were when it is asked. The product flushes by file handles alone (`platform/disk.ts`, `platform/files.ts`).
import { open } from 'node:fs/promises';
import { isMainThread } from 'node:worker_threads';

/** What the process says through its channel. */
export interface Flushes {
  readonly flushes: number;
}

const FLUSHES = ['sync', 'datasync'] as const;

if (isMainThread && process.send !== undefined) {
  const handle = await open(process.execPath, 'r');
  const prototype: Record<(typeof FLUSHES)[number], () => Promise<void>> = Object.getPrototypeOf(handle);
  await handle.close();
  let flushes = 0;
  for (const name of FLUSHES) {
    const flush = prototype[name];
    prototype[name] = function counted() {
      flushes += 1;
      return flush.call(this);
    };
  }
  process.on('message', () => process.send?.({ flushes } satisfies Flushes));
  // Nobody counts any more.
  process.on('disconnect', () => process.exit(1));
}
