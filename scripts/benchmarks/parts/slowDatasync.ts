import { open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { SLOW_FLUSH_MS } from './slowFlushMs.js';

/**
 * Each fdatasync of this process takes 10 ms more, as on an SD card: product and bare calls flush by file handles alone
 * (`platform/disk.ts`, `platform/files.ts`).
 * @param onFlush told how long each of them took: a timer's 10 ms are 11 as often as not
 * @returns makes them quick again
 */
export async function slowDatasync(onFlush: (flushMs: number) => void = () => {}): Promise<() => void> {
  const handle = await open(process.execPath, 'r');
  const prototype: { datasync: () => Promise<void> } = Object.getPrototypeOf(handle);
  await handle.close();
  const { datasync } = prototype;
  prototype.datasync = async function slow() {
    const startMs = performance.now();
    await pause(SLOW_FLUSH_MS);
    await datasync.call(this);
    onFlush(performance.now() - startMs);
  };
  return () => {
    prototype.datasync = datasync;
  };
}
