import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { DayResult } from '../liveDay.js';

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
/** A day that takes so long in real time does not end. */
const STUCK_AFTER_MS = 300_000;

const lost = (seed: number, why: string): DayResult => ({
  seed,
  violations: [why],
  visits: 0,
  taps: 0,
  openings: 0,
  byCentral: 0,
  byLocal: 0,
  voids: 0,
  lives: 0,
  messages: 0,
  faults: {},
  simulatedMs: 0,
  tookMs: 0,
  story: [],
  logged: [],
});

/** Lives days in processes of their own, so that one that dies costs its own day alone. */
export class DayWorkers {
  constructor(
    private readonly jobs: number,
    private readonly keep: boolean,
  ) {}

  async live(seeds: readonly number[], onResult: (result: DayResult) => void): Promise<void> {
    const waiting = [...seeds];
    const serve = async () => {
      let child: ChildProcess | undefined;
      for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
        child ??= fork(WORKER, this.keep ? ['--keep'] : []);
        const result = await one(child, seed);
        onResult(result);
        if (!child.connected) child = undefined;
      }
      child?.disconnect();
    };
    await Promise.all(Array.from({ length: Math.min(this.jobs, seeds.length) }, serve));
  }
}

function one(child: ChildProcess, seed: number): Promise<DayResult> {
  return new Promise((resolve) => {
    const end = (result: DayResult) => {
      clearTimeout(timer);
      child.removeListener('exit', onExit);
      child.removeListener('message', onMessage);
      resolve(result);
    };
    const onMessage = (result: unknown) => end(result as DayResult);
    const onExit = (code: number | null, signal: string | null) =>
      end(lost(seed, `crashed: the whole process ended (${signal ?? code})`));
    const timer = setTimeout(() => child.kill('SIGKILL'), STUCK_AFTER_MS);
    child.once('exit', onExit);
    child.once('message', onMessage);
    child.send(seed);
  });
}
