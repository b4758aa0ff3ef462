import { percentile } from '../staging/figures.js';

/** To the microsecond where it is a time, and as exact for everything else. */
export const rounded = (value: number): number => Math.round(value * 1000) / 1000;

/** The one in the middle. */
export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Of pairs that were measured right after each other: a busy minute hits both, and their ratio stays. */
export const medianRatio = (pairs: readonly (readonly [ours: number, bare: number])[]): number =>
  median(pairs.map(([ours, bare]) => ours / bare));

/** How far the rounds lay apart, in percent of the one in the middle. */
export function spreadPercent(values: readonly number[]): number {
  const middle = median(values);
  return middle === 0 ? 0 : Math.round((100 * (Math.max(...values) - Math.min(...values))) / middle);
}

/** How long it took, in ms, to the end of its promise. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

/** So many times at once, `count` in all; resolves when all of them are done. */
export async function inLanes(lanes: number, count: number, work: (index: number) => Promise<unknown>) {
  let next = 0;
  const lane = async () => {
    for (let index = next++; index < count; index = next++) await work(index);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
