// Loaded into a process under watch by `node --import`, before the product; no part of the product. It answers a
// request for a sample, ends the process when whoever watches is gone, and makes time run faster where told to.
import { EventEmitter } from 'node:events';
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { LAPSE_VARIABLE, type Sample } from './sample.js';

/** The monitor is a timer itself, and counts its own interval into every delay. */
const RESOLUTION_MS = 1;

const pending = new Set<unknown>();

/** Counts the timers that are out, and makes them go off `lapse` times as early. */
function wrapTimers(lapse: number): void {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const wrapped = (call: (...args: unknown[]) => void, delayMs = 0, ...args: unknown[]) => {
    const timer = set(() => {
      pending.delete(timer);
      call(...args);
    }, delayMs / lapse);
    pending.add(timer);
    return timer;
  };
  const wrappedClear = (timer: Parameters<typeof clear>[0]) => {
    pending.delete(timer);
    clear(timer);
  };
  // With what hangs on it: the promise that node:util makes of one.
  const promised = { [promisify.custom]: Reflect.get(set, promisify.custom) };
  globalThis.setTimeout = Object.assign(wrapped, promised) as unknown as typeof set;
  globalThis.clearTimeout = wrappedClear;
}

/** The product reads the monotonic clock in one place (`platform/clock.ts`), and sets its timers in the same. */
function speedUp(lapse: number): void {
  const read = process.hrtime.bigint;
  const startNs = read();
  const factor = BigInt(lapse);
  process.hrtime.bigint = () => startNs + (read() - startNs) * factor;
}

function listeners(): number {
  const handles = (Reflect.get(process, '_getActiveHandles') as () => unknown[]).call(process);
  const emitters = handles.filter((handle): handle is EventEmitter => handle instanceof EventEmitter);
  const of = (emitter: EventEmitter) =>
    emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0);
  return [process as EventEmitter, ...emitters].reduce((sum, emitter) => sum + of(emitter), 0);
}

function count(kinds: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

async function collect(): Promise<void> {
  const { gc } = globalThis;
  if (gc === undefined) throw new Error('start node with --expose-gc');
  // What a first collection sets free may hold what a second one finds.
  for (let round = 0; round < 3; round++) {
    gc();
    await nextTurn();
  }
}

if (isMainThread && process.send !== undefined) {
  const lapse = Number(process.env[LAPSE_VARIABLE] ?? '1');
  wrapTimers(lapse);
  if (lapse !== 1) speedUp(lapse);
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  loop.enable();
  const delayMs = (ns: number) => Math.max(0, ns / 1e6 - RESOLUTION_MS);

  const sample = async (): Promise<Sample> => {
    const fared = { loopP99Ms: delayMs(loop.percentile(99)), loopMaxMs: delayMs(loop.max) };
    await collect();
    const { heapUsed, external, rss } = process.memoryUsage();
    // The collection that was forced is no fault of the product.
    loop.reset();
    return {
      heapBytes: heapUsed,
      externalBytes: external,
      rssBytes: rss,
      // Without the folder's own, which is open while it is read.
      files: readdirSync('/proc/self/fd').length - 1,
      resources: count(process.getActiveResourcesInfo()),
      timers: pending.size,
      listeners: listeners(),
      ...fared,
    };
  };
  process.on('message', () => {
    void sample().then((taken) => process.send?.(taken));
  });
  // Nobody watches any more.
  process.on('disconnect', () => process.exit(1));
}
