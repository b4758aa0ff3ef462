import { setImmediate as nextTurn } from 'node:timers/promises';

/** Lets everything happen that needs no time: promises, and what they start. */
export async function settle(turns = 10): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await nextTurn();
}

/**
 * Waits for a condition that a thread, a process or the disk brings about.
 * @param withinMs when to give up; only a failing test waits so long
 */
export async function until(condition: () => boolean, what: string, withinMs = 10_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`waited ${withinMs} ms in vain for: ${what}`);
    await nextTurn();
  }
}
