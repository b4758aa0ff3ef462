import type { Outcome } from '../../protocol/verdict.js';
import type { Stage } from './stage.js';

const DRAIN_WITHIN_MS = 30_000;

/** What a run came to: the last line of its output. */
export interface Result {
  readonly taps: number;
  readonly verdicts: Record<Outcome, number>;
  readonly lost: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** Taps and verdicts as central has them, once it has all, or when it is given up. */
export async function collect(
  stage: Stage,
  taps: number,
): Promise<{ readonly verdicts: Record<Outcome, number>; readonly lost: number }> {
  const giveUp = AbortSignal.timeout(DRAIN_WITHIN_MS);
  for (;;) {
    const events = await stage.events();
    const tapped = events.filter(({ kind }) => kind === 'tap').length;
    const outcomes = events.filter(({ kind }) => kind === 'verdict').map(({ outcome }) => outcome as Outcome);
    const whole = Math.min(tapped, outcomes.length);
    if (whole < taps && !giveUp.aborted) continue;
    const verdicts: Record<Outcome, number> = { pass: 0, attend: 0, refuse: 0, undetermined: 0 };
    for (const outcome of outcomes) verdicts[outcome] += 1;
    // A verdict that central never got was given by nobody whom we could ask.
    verdicts.undetermined += Math.max(0, taps - outcomes.length);
    return { verdicts, lost: Math.max(0, taps - whole) };
  }
}
