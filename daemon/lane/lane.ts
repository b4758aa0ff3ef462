import { SYSTEM_REASONS } from '../../protocol/verdict.js';
import { conclude, endWaiting, onDurable, onNotDurable, recordEnded, rememberRefusal } from './decision.js';
import { doorTime, doorWakesMs, onDoor } from './door.js';
import {
  Draft,
  isRecent,
  pauseUploads,
  remember,
  rest,
  resumeUnlessWaiting,
  resumeUploads,
  show,
  tell,
} from './draft.js';
import { endFire, fireTime, fireWakeMs, onFire } from './fire.js';
import { helpTime, helpWakeMs, onHelp } from './help.js';
import { onPassage } from './passage.js';
import type { Answer, LaneInput, LaneState, Step, Tap } from './state.js';

/** Taps that a newer card ended and whose verdict is still out; more than this cannot pass a pad. */
const MAX_ENDED = 16;
/** Taps whose verdict may still come after its deadline. */
const MAX_LATE = 32;
/** After this many failed reads in a row a person comes. */
const FAILED_READS_FOR_STAFF = 2;
/** A read that failed longer ago was somebody else's. */
const FAILED_READS_WITHIN_MS = 60_000;
const TIMED_OUT: Answer = { by: 'local', reason: SYSTEM_REASONS.timeout };
const STOPPED: Answer = { by: 'local', reason: SYSTEM_REASONS.stopped };
const SUPERSEDED: Answer = { by: 'local', reason: SYSTEM_REASONS.superseded };

function onFound(draft: Draft): void {
  tell(draft, 'reading');
  draft.set({ reading: true });
  pauseUploads(draft);
}

/** A newer card takes the pad: the old tap's verdict will be recorded, and opens nothing. */
function endCurrent(draft: Draft): void {
  const { current, ended } = draft.state;
  draft.set({ current: undefined });
  if (current === undefined) return;
  if (current.waiting !== undefined) recordEnded(draft, current, SUPERSEDED);
  if (current.concluded !== undefined) return;
  const stillOut = [...ended, current];
  for (const tap of stillOut.splice(0, Math.max(0, stillOut.length - MAX_ENDED))) {
    draft.do({ type: 'forget', tap: tap.tap, timedOut: false });
    recordEnded(draft, tap, SUPERSEDED);
  }
  draft.set({ ended: stillOut });
}

function onCard(draft: Draft, input: LaneInput & { type: 'card' }): void {
  const { settings, seen, nextTap, identities, slow } = draft.state;
  const again = input.isResting === true || isRecent(seen, input.identity, draft.nowMs, settings.sameCardMs);
  draft.set({ reading: false, seen: remember(seen, input.identity, draft.nowMs, settings.sameCardMs) });
  if (again) {
    resumeUnlessWaiting(draft);
    return;
  }
  endCurrent(draft);
  pauseUploads(draft);
  tell(draft, 'checking');
  draft.set({ shownUntilMs: undefined });
  const { credential } = input;
  const waitMs = slow ? settings.shortDeadlineMs : settings.deadlineMs;
  draft.set({
    nextTap: nextTap + 1,
    identities: new Map([...identities, [nextTap, input.identity] as const].slice(-MAX_LATE)),
    current: {
      tap: nextTap,
      source: input.source,
      identity: input.identity,
      assurance: credential.assurance,
      validity: credential.validity,
      startedMs: draft.nowMs,
      deadlineMs: draft.nowMs + waitMs,
      frame: 'arriving',
      answer: undefined,
      durable: 'pending',
      concluded: undefined,
      waiting: undefined,
    },
  });
  draft.do({ type: 'append-tap', tap: nextTap, credential });
  draft.do({ type: 'ask', tap: nextTap, credential, deadlineMs: waitMs });
}

function changeCurrent(draft: Draft, current: Tap, change: Partial<Tap>): void {
  draft.set({ current: { ...current, ...change } });
  conclude(draft);
}

function onFailed(draft: Draft, input: LaneInput & { type: 'failed' }): void {
  const { current, seen, identities, failedReads, failedReadMs } = draft.state;
  if (current !== undefined && current.source === input.source && current.frame === 'arriving') {
    draft.do({ type: 'forget', tap: current.tap, timedOut: false });
    draft.do({ type: 'append-void', tap: current.tap, reason: input.reason });
    // Nobody was there, so the same card may come again at once; and its reading is still to end one way or the other.
    const others = new Map(seen);
    others.delete(current.identity);
    const taps = new Map(identities);
    taps.delete(current.tap);
    draft.set({ current: undefined, seen: others, identities: taps, reading: true });
  }
  if (!input.final) return;
  resumeUnlessWaiting(draft);
  // A module that reads a resting card again and again fails when it is lifted: its owner has been told already.
  if (!draft.state.reading && current?.frame !== 'arriving') return;
  const before = draft.nowMs - failedReadMs < FAILED_READS_WITHIN_MS ? failedReads : 0;
  draft.set({ reading: false, failedReads: before + 1, failedReadMs: draft.nowMs });
  if (before + 1 < FAILED_READS_FOR_STAFF) {
    show(draft, 'read-again');
  } else if (!draft.state.fire.isActive) {
    show(draft, 'attend');
    draft.do({ type: 'call-staff', reason: SYSTEM_REASONS.unreadable });
  }
}

function onAnswer(draft: Draft, tapNumber: number, answer: Answer): void {
  const { current, ended } = draft.state;
  if (answer.by === 'central') draft.set({ slow: false });
  if (current?.tap === tapNumber) {
    if (current.answer === undefined) changeCurrent(draft, current, { answer });
    return;
  }
  const tap = ended.find((other) => other.tap === tapNumber);
  if (tap === undefined) return;
  draft.set({ ended: ended.filter((other) => other !== tap) });
  recordEnded(draft, tap, answer);
}

/** Too late to decide anything, and still central's word on somebody. */
function onLate(draft: Draft, { tap, outcome }: LaneInput & { type: 'late' }): void {
  draft.set({ slow: false });
  const identity = draft.state.identities.get(tap);
  if (identity !== undefined) rememberRefusal(draft, identity, outcome);
}

function onTime(draft: Draft): void {
  const { nowMs } = draft;
  const { current, ended } = draft.state;
  if (current !== undefined && current.answer === undefined && nowMs >= current.deadlineMs) {
    draft.do({ type: 'forget', tap: current.tap, timedOut: true });
    draft.set({ slow: true });
    changeCurrent(draft, current, { answer: TIMED_OUT });
  }
  for (const tap of ended) {
    if (nowMs < tap.deadlineMs) continue;
    draft.do({ type: 'forget', tap: tap.tap, timedOut: true });
    onAnswer(draft, tap.tap, TIMED_OUT);
  }
  const waiting = draft.state.current?.waiting;
  if (waiting !== undefined && nowMs >= waiting.untilMs) endWaiting(draft);
  const { shownUntilMs, uploadsPausedUntilMs, calledUntilMs } = draft.state;
  if (shownUntilMs !== undefined && nowMs >= shownUntilMs) rest(draft);
  if (calledUntilMs !== undefined && nowMs >= calledUntilMs) {
    draft.do({ type: 'call-over' });
    draft.set({ calledUntilMs: undefined });
  }
  helpTime(draft);
  fireTime(draft);
  doorTime(draft);
  if (uploadsPausedUntilMs !== undefined && nowMs >= uploadsPausedUntilMs) resumeUploads(draft);
}

/** What is still out is recorded as such; the gate does nothing more. */
function onStop(draft: Draft): void {
  const { current, ended } = draft.state;
  draft.set({ current: undefined, ended: [] });
  endFire(draft);
  for (const tap of ended) recordEnded(draft, tap, STOPPED);
  if (current?.frame === 'arriving') {
    draft.do({ type: 'append-void', tap: current.tap, reason: SYSTEM_REASONS.stopped });
  } else if (current !== undefined && (current.concluded === undefined || current.waiting !== undefined)) {
    recordEnded(draft, current, STOPPED);
  }
}

function apply(draft: Draft, input: LaneInput): void {
  const { current } = draft.state;
  switch (input.type) {
    case 'found':
      return onFound(draft);
    case 'card':
      return onCard(draft, input);
    case 'whole':
      if (current?.source === input.source && current.frame === 'arriving') {
        changeCurrent(draft, current, { frame: 'whole' });
      }
      return;
    case 'failed':
      return onFailed(draft, input);
    case 'absent':
      return resumeUnlessWaiting(draft);
    case 'verdict': {
      const { outcome, reasons, networkMs } = input;
      return onAnswer(draft, input.tap, { by: 'central', outcome, reasons, networkMs });
    }
    case 'unavailable':
      return onAnswer(draft, input.tap, { by: 'local', reason: input.reason });
    case 'late':
      return onLate(draft, input);
    case 'durable':
      return onDurable(draft, input.tap);
    case 'not-durable':
      return onNotDurable(draft, input.tap);
    case 'help':
      return onHelp(draft, input.isPressed);
    case 'fire':
      return onFire(draft, input.isActive);
    case 'passage':
      return onPassage(draft);
    case 'door':
      return onDoor(draft, input.isOpen, input.wasFound === true);
    case 'time':
      return onTime(draft);
    case 'configured':
      return draft.set({ settings: input.settings });
    case 'stop':
      return onStop(draft);
  }
}

/**
 * The lane: a pure function. Everything that a gate decides is decided here, from inputs alone; what is to be done
 * about it comes back as effects, in the order in which they are to be done.
 */
export function step(state: LaneState, input: LaneInput): Step {
  const draft = new Draft(state, input.nowMs);
  apply(draft, input);
  return { state: draft.state, effects: draft.effects };
}

/** When the lane wants a `time` input next, on the monotonic clock; undefined when nothing is pending. */
export function nextWakeMs(state: LaneState): number | undefined {
  const { current, ended, shownUntilMs, uploadsPausedUntilMs, calledUntilMs } = state;
  const times = [
    shownUntilMs,
    uploadsPausedUntilMs,
    calledUntilMs,
    helpWakeMs(state),
    fireWakeMs(state),
    ...doorWakesMs(state),
    current?.waiting?.untilMs,
    ...ended.map((tap) => tap.deadlineMs),
  ];
  if (current !== undefined && current.answer === undefined) times.push(current.deadlineMs);
  const pending = times.filter((time) => time !== undefined);
  return pending.length === 0 ? undefined : Math.min(...pending);
}
