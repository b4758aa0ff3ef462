import type { LifeSpan, Placed } from '../observations.js';
import type { Street } from '../street.js';
import { keyOf, type LedgerTap, type OpenedLedger } from './readLedger.js';

/** `lane.sameCardMs` as the day's configuration leaves it. */
const SAME_CARD_MS = 3_000;
const SLACK_MS = 6;

interface TapAt {
  readonly tap: LedgerTap;
  readonly atMs: number;
  readonly life: LifeSpan;
}

/** Taps with when they were, in order, as far as they were not void: of those nobody had been there. */
export function tapsInTime({ seen }: Street, { taps, voids }: OpenedLedger): TapAt[] {
  const voided = new Set(voids.map(({ content }) => keyOf(content.tap)));
  const counted = [...taps.values()].flatMap((tap) => {
    const life = seen.lives.find(({ epoch }) => epoch === tap.epoch);
    if (life === undefined || voided.has(tap.key)) return [];
    return [{ tap, atMs: tap.monoMs + life.bootAtMs, life }];
  });
  return counted.sort((a, b) => a.atMs - b.atMs);
}

/** A card that stays, or comes again at once, is one tap, however often the module reads it. */
export function padFaults(street: Street, ledger: OpenedLedger): string[] {
  const counted = tapsInTime(street, ledger);
  return [...restingFaults(street, counted), ...tooSoonFaults(counted)];
}

/** A bad line may make a card that rests look like one that was lifted, and a start forgets who lay there. */
function restingFaults({ plan, seen }: Street, counted: readonly TapAt[]): string[] {
  if (seen.hadBadLine) return [];
  return seen.placed.flatMap((placed, number) => {
    const { person, fromMs, toMs } = placed;
    const idNumber = plan.people[person]?.idNumber;
    // The text of a card that was lifted at once may come in a little later; by then it may lie there again.
    const nextMs = comesNext(seen.placed.slice(number + 1), placed);
    const its = counted.filter(({ tap, atMs, life }) => {
      const isWithin = life.fromMs <= fromMs && toMs <= life.toMs;
      return isWithin && tap.content.token === idNumber && atMs >= fromMs && atMs < nextMs;
    });
    if (its.length <= 1) return [];
    const keys = its.map(({ tap }) => tap.key).join(' and ');
    return [`the card that was laid once at ${Math.round(fromMs)} ms gave ${its.length} taps: ${keys}`];
  });
}

const comesNext = (later: readonly Placed[], { person }: Placed): number =>
  later.find((other) => other.person === person)?.fromMs ?? Number.POSITIVE_INFINITY;

function tooSoonFaults(counted: readonly TapAt[]): string[] {
  const before = new Map<string, TapAt>();
  return counted.flatMap((one) => {
    const name = `${one.tap.epoch}/${one.tap.content.token}`;
    const last = before.get(name);
    before.set(name, one);
    if (last === undefined || one.atMs - last.atMs >= SAME_CARD_MS - SLACK_MS) return [];
    return [`taps ${last.tap.key} and ${one.tap.key} are of one card within ${one.atMs - last.atMs} ms`];
  });
}
