import type { Outcome } from '../../../protocol/verdict.js';
import type { DayPerson } from '../people.js';
import type { Street } from '../street.js';
import { keyOf, type LedgerTap, type LedgerVerdict, type OpenedLedger } from './readLedger.js';

const REFUSAL_MEMORY_MS = 15 * 60_000;
const SLACK_MS = 6;
/** A frame that stalls is given up after a second, and may have stalled twice. */
const FRAME_MS = 2_200;

/** What the day's rules say of somebody, as central's default rules have it. */
function outcomeOf({ color }: DayPerson, validity: LedgerTap['content']['validity']): Outcome {
  if (validity === 'expired') return 'attend';
  if (color === 'red') return 'refuse';
  return color === 'green' ? 'pass' : 'attend';
}

/** What each record says was decided is what the rules say of the very person whose card lay there. */
export function decisionFaults(street: Street, { taps, verdicts, voids }: OpenedLedger): string[] {
  const { plan } = street;
  const faults: string[] = [];
  for (const tap of taps.values()) faults.push(...tapFaults(street, tap));
  const refusedAtMs = new Map<string, number>();
  for (const verdict of verdicts) {
    const { content, epoch, monoMs } = verdict;
    const tap = taps.get(keyOf(content.tap));
    const person = plan.people.find(({ idNumber }) => idNumber === tap?.content.token);
    if (tap === undefined || person === undefined) {
      faults.push(`verdict ${verdict.key} is on nobody of the day`);
      continue;
    }
    const name = `${epoch}/${person.idNumber}`;
    const refusedMs = refusedAtMs.get(name);
    const isRemembered = refusedMs !== undefined && monoMs - refusedMs < REFUSAL_MEMORY_MS - SLACK_MS;
    faults.push(
      ...(content.decidedBy === 'central' ? byCentral : byLocal)(street, tap, person, verdict, isRemembered),
    );
    if (content.decidedBy === 'central' && content.outcome === 'refuse') refusedAtMs.set(name, monoMs);
    else if (content.decidedBy === 'central') refusedAtMs.delete(name);
  }
  for (const { key, content } of voids) {
    if (!taps.has(keyOf(content.tap))) faults.push(`void ${key} is on no tap`);
  }
  return faults;
}

function tapFaults({ plan, seen }: Street, { key, content, trusted }: LedgerTap): string[] {
  const person = plan.people.find(({ idNumber }) => idNumber === content.token);
  if (person === undefined) return [`tap ${key} is of nobody of the day`];
  const faults: string[] = [];
  if (content.assurance !== 'sam') faults.push(`tap ${key} has assurance ${content.assurance}`);
  // A line that flips bits may turn one date into another, which the frame's one-byte checksum lets through at times.
  const isSure = trusted && seen.isTimeTrue && !seen.hadBadLine;
  const truth = person.isExpired ? 'expired' : 'valid';
  const fits = content.validity === truth || (person.isExpired && content.validity === 'unconfirmed');
  if (isSure && !fits) faults.push(`tap ${key} says ${content.validity} of a document that is ${truth}`);
  return faults;
}

function byCentral(street: Street, tap: LedgerTap, person: DayPerson, verdict: LedgerVerdict): string[] {
  const { outcome, action, reasons } = verdict.content;
  const faults = lateFaults(street, verdict);
  const expected = outcomeOf(person, tap.content.validity);
  const what = `verdict ${verdict.key} on ${tap.key} (${person.color ?? 'unknown'}, ${tap.content.validity})`;
  if (outcome !== expected) faults.push(`${what} says ${outcome} by central`);
  if (action === 'none' || street.plan.direction === 'exit') return faults;
  const notDurable = reasons.includes('journal.not-durable');
  const wanted = {
    pass: 'open',
    attend: 'call-staff',
    refuse: 'hold+call-staff',
    undetermined: 'call-staff',
  };
  if (action !== (notDurable ? 'call-staff' : wanted[expected])) faults.push(`${what} did ${action}`);
  return faults;
}

function byLocal(
  street: Street,
  tap: LedgerTap,
  person: DayPerson,
  verdict: LedgerVerdict,
  isRemembered: boolean,
): string[] {
  const { outcome, action, reasons } = verdict.content;
  const faults = lateFaults(street, verdict);
  const what = `verdict ${verdict.key} on ${tap.key} (${person.color ?? 'unknown'}, ${tap.content.validity})`;
  if (outcome !== 'undetermined' && outcome !== 'attend') faults.push(`${what} says ${outcome} by itself`);
  if (reasons.includes('sys.restart')) {
    if (action !== 'none') faults.push(`${what} closed a tap of before with ${action}`);
    return faults;
  }
  if (isRemembered && outcome !== 'attend') faults.push(`${what} forgot a refusal`);
  if (action !== 'open' || street.plan.direction === 'exit') return faults;
  if (outcome !== 'undetermined') faults.push(`${what} opened on ${outcome}`);
  if (tap.content.validity !== 'valid') faults.push(`${what} opened by itself`);
  return faults;
}

/** A decision takes no longer than its deadline, or than the card's frame where that is later. */
function lateFaults({ plan }: Street, { key, content }: LedgerVerdict): string[] {
  const mostMs = Math.max(plan.deadlineMs, FRAME_MS) + SLACK_MS;
  return content.tookMs > mostMs ? [`verdict ${key} took ${content.tookMs} ms`] : [];
}
