import { toPeople } from '../command.js';

const SAY_EVERY_MS = 2_000;

/** Tells people how far long work is, every two seconds; short work says nothing. */
export function progress(what: string): (done: number, of: number) => void {
  let saidMs = performance.now();
  return (done, of) => {
    const nowMs = performance.now();
    if (nowMs - saidMs < SAY_EVERY_MS) return;
    saidMs = nowMs;
    toPeople(`${what}: ${done} of ${of}`);
  };
}
