// Loaded into a gate by `node --import`, before the product; no part of it. Its flushes take 10 ms more, and it tells who
// started it how long each of them took.
import { isMainThread } from 'node:worker_threads';
import { slowDatasync } from './slowDatasync.js';

/** What the process says through its channel. */
export interface Flushed {
  readonly flushMs: number;
}

if (isMainThread) {
  await slowDatasync((flushMs) => {
    const flushed: Flushed = { flushMs };
    // Nobody may listen any more, which is no matter of the gate's.
    process.send?.(flushed, undefined, undefined, () => {});
  });
}
