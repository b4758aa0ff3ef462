// Loaded into a gate by `node --import`, before the product; no part of it. Each flush of a file takes 10 ms more, as on
// an SD card: the product flushes by file handles alone (`platform/disk.ts`, `platform/files.ts`). Tells who started it how
// long each of them took: a timer's 10 ms are 11 as often as not.
import { open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { SLOW_FLUSH_MS } from './slowFlushMs.js';

/** What the process says through its channel. */
export interface Flushed {
  readonly flushMs: number;
}

if (isMainThread) {
  const handle = await open(process.execPath, 'r');
  const prototype: { datasync: () => Promise<void> } = Object.getPrototypeOf(handle);
  await handle.close();
  const { datasync } = prototype;
  prototype.datasync = async function slow() {
    const startMs = performance.now();
    await pause(SLOW_FLUSH_MS);
    await datasync.call(this);
    const flushed: Flushed = { flushMs: performance.now() - startMs };
    // Nobody may listen any more, which is no matter of the gate's.
    process.send?.(flushed, undefined, undefined, () => {});
  };
}
