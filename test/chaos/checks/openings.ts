import type { DayPlan } from '../day.js';
import type { LifeSpan, Opening } from '../observations.js';
import type { Street } from '../street.js';
import type { LedgerVerdict, OpenedLedger } from './readLedger.js';
import { keyOf } from './readLedger.js';

/** A pulse follows its order at once, or, behind another pulse, after the shortest one and the gap. */
const ORDER_TO_PULSE_MS = 215;
/** Timers of the simulation are late by up to 2 ms, and records tell whole milliseconds. */
const SLACK_MS = 6;
/** From a card's last moment on the pad to the pulse: its answer under way, a stalled line, deadline, disk. */
const CARD_TO_PULSE_MS = 3_500;
const SHORTEST_PULSE_MS = 100;

/** Each rise of the gate line belongs to one tap that was on disk, of the card that lay on the pad. */
export function openingFaults(street: Street, ledger: OpenedLedger): string[] {
  const faults = pulseFaults(street);
  const opened = ledger.verdicts.filter(({ content }) => content.action === 'open');
  const used = new Set<LedgerVerdict>();
  for (const opening of street.seen.openings) {
    const verdict = opened.find((one) => !used.has(one) && isOrderOf(one, opening));
    if (verdict === undefined) faults.push(...withoutRecord(street, ledger, opening));
    else {
      used.add(verdict);
      faults.push(...belongs(street, ledger, opening, verdict));
    }
  }
  for (const verdict of opened) {
    if (!used.has(verdict) && !diedBefore(street, verdict))
      faults.push(`verdict ${verdict.key} says open, and the gate stayed shut`);
  }
  return faults;
}

function isOrderOf({ epoch, monoMs }: LedgerVerdict, opening: Opening): boolean {
  const sinceMs = opening.monoMs - monoMs;
  return epoch === opening.epoch && sinceMs >= -SLACK_MS && sinceMs <= ORDER_TO_PULSE_MS;
}

/** The process was gone before a pulse that waited for its turn. */
function diedBefore({ seen }: Street, { epoch, monoMs }: LedgerVerdict): boolean {
  const numbers = new Set(seen.openings.filter((opening) => opening.epoch === epoch).map(({ life }) => life));
  const lives = numbers.size === 0 ? seen.lives : seen.lives.filter((_, number) => numbers.has(number));
  return lives.some(({ toMs, bootAtMs }) => {
    const leftMs = toMs - bootAtMs - monoMs;
    return leftMs >= -SLACK_MS && leftMs <= ORDER_TO_PULSE_MS;
  });
}

/** The record of this pulse went with a power cut, or a disk that was full to the end; then the next start has closed its tap. */
function withoutRecord({ plan, seen }: Street, { verdicts }: OpenedLedger, opening: Opening): string[] {
  const at = `the gate opened at ${Math.round(opening.atMs)} ms`;
  // Where the configuration lets a gate open that cannot write, the record may be lost with the process.
  if (plan.whenNotDurable === 'open' || plan.direction === 'exit') return [];
  const life = seen.lives[opening.life];
  if (life === undefined || life.end === 'running')
    return [`${at} without a record, and nothing had ended it`];
  const [newest] = [...opening.durableTaps].sort(newestFirst);
  const end = verdicts.find(({ content }) => keyOf(content.tap) === newest);
  return end?.content.reasons.includes('sys.restart') === true
    ? []
    : [`${at} without a record; the newest tap ${newest} ended with ${end?.content.reasons.join()}`];
}

function newestFirst(a: string, b: string): number {
  const [epochA = 0, seqA = 0] = a.split('/').map(Number);
  const [epochB = 0, seqB = 0] = b.split('/').map(Number);
  return epochB - epochA || seqB - seqA;
}

function belongs(street: Street, { taps }: OpenedLedger, opening: Opening, verdict: LedgerVerdict): string[] {
  const { plan, seen } = street;
  const key = keyOf(verdict.content.tap);
  const at = `the gate opened at ${Math.round(opening.atMs)} ms for ${key}`;
  const tap = taps.get(key);
  if (tap === undefined) return [`${at}, of which there is no tap`];
  const faults: string[] = [];
  const mayOpenUnwritten = plan.whenNotDurable === 'open' || plan.direction === 'exit';
  if (!mayOpenUnwritten && !opening.durableTaps.includes(key)) faults.push(`${at}, which was not on disk`);
  const person = plan.people.findIndex(({ idNumber }) => idNumber === tap.content.token);
  const lay = seen.placed.some(
    (placed) =>
      placed.person === person &&
      placed.fromMs <= opening.atMs &&
      opening.atMs - placed.toMs <= CARD_TO_PULSE_MS + plan.deadlineMs,
  );
  if (!lay) faults.push(`${at}, whose card was not on the pad`);
  return faults;
}

/** One pulse an order, no longer than told, and never so short that a turnstile would miss it. */
function pulseFaults({ plan, seen }: Street): string[] {
  const faults: string[] = [];
  const edges = seen.edges.filter(({ line }) => line === 'gate');
  for (const [index, edge] of edges.entries()) {
    const next = edges[index + 1];
    const at = `the pulse at ${Math.round(edge.atMs)} ms`;
    if (!edge.on) continue;
    if (next === undefined || next.on) {
      faults.push(`${at} never ended`);
      continue;
    }
    const lengthMs = next.atMs - edge.atMs;
    const life = seen.lives[edge.life];
    const wasEnded = life !== undefined && life.toMs <= next.atMs + SLACK_MS;
    const wasStopping = life?.end === 'stopped' && next.atMs > life.toMs - 20_000;
    if (lengthMs > plan.pulseMs + SLACK_MS && !wasEnded) faults.push(`${at} lasted ${lengthMs} ms`);
    if (lengthMs < SHORTEST_PULSE_MS - 1 && !wasEnded && !wasStopping)
      faults.push(`${at} lasted ${lengthMs} ms`);
    if (lengthMs > 1_100) faults.push(`${at} lasted ${lengthMs} ms`);
  }
  return faults;
}

/** What was decided at that moment went with its process: it was killed, or its disk took nothing until it stopped. */
function mayBeLost({ faults }: DayPlan, life: LifeSpan | undefined, atMs: number): boolean {
  if (life === undefined || life.end === 'running') return false;
  const tookNothing = faults.some(
    (fault) =>
      (fault.kind === 'disk-failing' || fault.kind === 'disk-full') &&
      fault.atMs <= atMs &&
      fault.atMs + fault.forMs >= life.toMs,
  );
  return life.end === 'killed' || tookNothing;
}

/** Red is central's word on a person, and never how the system feels. */
export function redFaults({ plan, seen }: Street, { verdicts }: OpenedLedger): string[] {
  return seen.edges.flatMap((edge) => {
    if (edge.line !== 'red' || !edge.on) return [];
    const bootAtMs = seen.lives[edge.life]?.bootAtMs ?? 0;
    const monoMs = edge.atMs - bootAtMs;
    // A lamp that was lit a moment ago waits so long before it rises again.
    const near = verdicts.filter(
      (one) => one.monoMs <= monoMs + SLACK_MS && one.monoMs >= monoMs - 400 - SLACK_MS,
    );
    const isRefusal = near.some(
      ({ content }) => content.decidedBy === 'central' && content.outcome === 'refuse',
    );
    const redLay = seen.placed.some(
      (placed) =>
        plan.people[placed.person]?.color === 'red' &&
        placed.fromMs <= edge.atMs &&
        edge.atMs - placed.toMs <= CARD_TO_PULSE_MS + plan.deadlineMs,
    );
    if (redLay && (isRefusal || mayBeLost(plan, seen.lives[edge.life], edge.atMs))) return [];
    return [`the red lamp lit at ${Math.round(edge.atMs)} ms without a refusal`];
  });
}
