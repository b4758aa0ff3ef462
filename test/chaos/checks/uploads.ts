import type { Street } from '../street.js';
import { tapsInTime } from './pad.js';
import { keyOf, type LedgerVerdict, type OpenedLedger } from './readLedger.js';

/** Timers of the simulation are late by up to 2 ms, and records tell whole milliseconds. */
const SLACK_MS = 6;
/** From the module's word that it found a card until the daemon has it: its bytes may come late and in pieces. */
const FOUND_SLACK_MS = 100;
/** A card that was found longer before its tap was another reading. */
const READING_MS = 1_500;

/** No records leave the gate from a card's being found until it was decided on: the question has the line to itself. */
export function uploadFaults(street: Street, ledger: OpenedLedger): string[] {
  const { seen } = street;
  const counted = tapsInTime(street, ledger);
  const verdicts = new Map<string, LedgerVerdict>();
  for (const verdict of ledger.verdicts) verdicts.set(keyOf(verdict.content.tap), verdict);
  return counted.flatMap(({ tap, atMs, life }, number) => {
    const verdict = verdicts.get(tap.key);
    // A tap that was left open by a start before was decided on by nobody at the time.
    if (verdict === undefined || verdict.epoch !== tap.epoch) return [];
    const next = counted[number + 1];
    const nextMs = next?.life === life ? next.atMs : Number.POSITIVE_INFINITY;
    const toMs = Math.min(atMs + verdict.content.tookMs, nextMs) - SLACK_MS;
    const found = seen.foundAtMs.findLast(
      (ms) => ms <= atMs && ms >= Math.max(atMs - READING_MS, life.fromMs),
    );
    const isLineTrue = !seen.hadBadLine && found !== undefined;
    const fromMs = isLineTrue ? Math.min(found + FOUND_SLACK_MS, atMs + SLACK_MS) : atMs + SLACK_MS;
    return seen.uploadsAtMs
      .filter((ms) => ms > fromMs && ms < toMs)
      .map(
        (ms) => `records left the gate at ${Math.round(ms)} ms while tap ${tap.key} waited for its verdict`,
      );
  });
}
