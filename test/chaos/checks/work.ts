import type { Placed } from '../observations.js';
import type { Street } from '../street.js';
import type { OpenedLedger } from './readLedger.js';

/** The first session stands by then, also on a street that was just switched on. */
const SESSION_WITHIN_MS = 45_000;
/** A module that was left in the middle of an answer stalls for a second before it looks again. */
const LONG_ENOUGH_MS = 2_500;
/** The same card counts again three seconds after it was last seen. */
const SAME_CARD_MS = 6_000;

/**
 * On a day without a fault everybody who lays a card is asked about and decided on by central. Without this, a gate that
 * does nothing would hold to every other invariant.
 */
export function workFaults({ plan, seen }: Street, { taps, verdicts }: OpenedLedger): string[] {
  if (plan.faults.length > 0) return [];
  const faults: string[] = [];
  for (const { key, monoMs, content } of verdicts) {
    const sinceMs = monoMs + (seen.lives[0]?.bootAtMs ?? 0);
    if (content.decidedBy === 'local' && sinceMs > SESSION_WITHIN_MS && content.action !== 'none') {
      faults.push(`verdict ${key} was decided locally (${content.reasons.join()}) on a day without a fault`);
    }
  }
  for (const placed of seen.placed.filter((one) => isClear(one, seen.placed))) {
    const person = plan.people[placed.person];
    const isTaken = [...taps.values()].some(({ monoMs, content }) => {
      const atMs = monoMs + (seen.lives[0]?.bootAtMs ?? 0);
      return content.token === person?.idNumber && atMs >= placed.fromMs && atMs <= placed.toMs + 1_000;
    });
    if (!isTaken) faults.push(`a card that lay there at ${Math.round(placed.fromMs)} ms gave no tap`);
  }
  return faults;
}

/** Lay long enough, and had not lain there a moment before. */
function isClear({ person, fromMs, toMs }: Placed, all: readonly Placed[]): boolean {
  const again = all.some(
    (other) => other.person === person && other.fromMs < fromMs && fromMs - other.toMs < SAME_CARD_MS,
  );
  return !again && toMs - fromMs >= LONG_ENOUGH_MS && fromMs > 3_000;
}
