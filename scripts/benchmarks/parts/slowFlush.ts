// Loaded into a gate by `node --import`, before the product; no part of it. Each flush of a file takes 10 ms more, as on
// an SD card: the product flushes by file handles alone (`platform/disk.ts`, `platform/files.ts`).
import { open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { SLOW_FLUSH_MS } from './slowFlushMs.js';

if (isMainThread) {
  const handle = await open(process.execPath, 'r');
  const prototype: { datasync: () => Promise<void> } = Object.getPrototypeOf(handle);
  await handle.close();
  const { datasync } = prototype;
  prototype.datasync = async function slow() {
    await pause(SLOW_FLUSH_MS);
    return datasync.call(this);
  };
}
