import type { Outcome } from '../../protocol/verdict.js';
import { decide } from './policy.js';
import { signalFor } from './signals.js';
import type { Answer, LaneEffect, LaneInput, LaneSettings, LaneState, Step, Tap } from './state.js';

/** Uploads wait this long for a card that was found and then neither read nor lost. */
const UPLOAD_PAUSE_MS = 10_000;
/** Taps that a newer card ended and whose verdict is still out; more than this cannot pass a pad. */
const MAX_ENDED = 16;
/** After this many failed reads in a row a person comes. */
const FAILED_READS_FOR_STAFF = 2;
/** A read that failed longer ago was somebody else's. */
const FAILED_READS_WITHIN_MS = 60_000;
const TIMED_OUT = 'sys.timeout';
const NOT_DURABLE = 'journal.not-durable';
/** Refusals remembered at most; the oldest goes first. */
const MAX_REFUSED = 256;

/** One step while it is being worked out. It never leaves this file: outside, state is a value. */
class Draft {
  readonly effects: LaneEffect[] = [];

  constructor(
    public state: LaneState,
    readonly nowMs: number,
  ) {}

  set(change: Partial<LaneState>): void {
    this.state = { ...this.state, ...change };
  }

  do(effect: LaneEffect): void {
    this.effects.push(effect);
  }
}

function remember(
  map: ReadonlyMap<string, number>,
  key: string,
  nowMs: number,
  keepMs: number,
): Map<string, number> {
  const kept = new Map([...map].filter(([other, atMs]) => other !== key && nowMs - atMs < keepMs));
  kept.set(key, nowMs);
  return kept;
}

const isRecent = (
  map: ReadonlyMap<string, number>,
  key: string,
  nowMs: number,
  withinMs: number,
): boolean => {
  const atMs = map.get(key);
  return atMs !== undefined && nowMs - atMs < withinMs;
};

function pauseUploads(draft: Draft): void {
  if (draft.state.uploadsPausedUntilMs === undefined) draft.do({ type: 'uploads', paused: true });
  draft.set({ uploadsPausedUntilMs: draft.nowMs + UPLOAD_PAUSE_MS });
}

function resumeUploads(draft: Draft): void {
  if (draft.state.uploadsPausedUntilMs === undefined) return;
  draft.do({ type: 'uploads', paused: false });
  draft.set({ uploadsPausedUntilMs: undefined });
}

/** A card was dealt with; another may still wait for its verdict. */
function resumeUnlessWaiting(draft: Draft): void {
  const { current } = draft.state;
  if (current === undefined || current.concluded !== undefined) resumeUploads(draft);
}

function onFound(draft: Draft): void {
  draft.do({ type: 'signal', signal: 'reading' });
  draft.set({ reading: true });
  pauseUploads(draft);
}

/** A newer card takes the pad: the old tap's verdict will be recorded, and opens nothing. */
function endCurrent(draft: Draft): void {
  const { current, ended } = draft.state;
  draft.set({ current: undefined });
  if (current === undefined || current.concluded !== undefined) return;
  const stillOut = [...ended, current];
  for (const tap of stillOut.splice(0, Math.max(0, stillOut.length - MAX_ENDED))) recordEnded(draft, tap);
  draft.set({ ended: stillOut });
}

function recordEnded(
  draft: Draft,
  tap: Tap,
  answer: Answer = { by: 'local', reason: 'sys.superseded' },
): void {
  draft.do({ type: 'forget', tap: tap.tap, timedOut: answer.by === 'local' && answer.reason === TIMED_OUT });
  const decided =
    answer.by === 'central'
      ? { outcome: answer.outcome, reasons: answer.reasons, decidedBy: 'central' as const }
      : { outcome: 'undetermined' as const, reasons: [answer.reason], decidedBy: 'local' as const };
  draft.do({
    type: 'append-verdict',
    tap: tap.tap,
    ...decided,
    action: 'none',
    tookMs: draft.nowMs - tap.startedMs,
  });
}

function onCard(draft: Draft, input: LaneInput & { type: 'card' }): void {
  const { settings, seen, nextTap, slow } = draft.state;
  const again = isRecent(seen, input.identity, draft.nowMs, settings.sameCardMs);
  draft.set({ reading: false, seen: remember(seen, input.identity, draft.nowMs, settings.sameCardMs) });
  if (again) {
    resumeUnlessWaiting(draft);
    return;
  }
  endCurrent(draft);
  pauseUploads(draft);
  draft.do({ type: 'signal', signal: 'checking' });
  draft.set({ shownUntilMs: undefined });
  const { credential } = input;
  const waitMs = slow ? settings.shortDeadlineMs : settings.deadlineMs;
  draft.set({
    nextTap: nextTap + 1,
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
      openByMs: undefined,
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
  const { current, seen, failedReads, failedReadMs } = draft.state;
  if (current !== undefined && current.source === input.source && current.frame === 'arriving') {
    draft.do({ type: 'forget', tap: current.tap, timedOut: false });
    draft.do({ type: 'append-void', tap: current.tap, reason: input.reason });
    // Nobody was there, so the same card may come again at once; and its reading is still to end one way or the other.
    const others = new Map(seen);
    others.delete(current.identity);
    draft.set({ current: undefined, seen: others, reading: true });
  }
  if (!input.final) return;
  resumeUnlessWaiting(draft);
  // A module that reads a resting card again and again fails when it is lifted: its owner has been told already.
  if (!draft.state.reading && current?.frame !== 'arriving') return;
  const before = draft.nowMs - failedReadMs < FAILED_READS_WITHIN_MS ? failedReads : 0;
  draft.set({ reading: false, failedReads: before + 1, failedReadMs: draft.nowMs });
  if (before + 1 < FAILED_READS_FOR_STAFF) {
    show(draft, 'read-again');
  } else {
    show(draft, 'attend');
    draft.do({ type: 'call-staff', reason: 'card.unreadable' });
  }
}

function show(draft: Draft, signal: 'read-again' | ReturnType<typeof signalFor>): void {
  draft.do({ type: 'signal', signal });
  draft.set({ shownUntilMs: draft.nowMs + draft.state.settings.dwellMs });
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

interface Decision {
  readonly outcome: Outcome;
  readonly reasons: readonly string[];
  readonly decidedBy: 'central' | 'local';
}

function decisionFor(draft: Draft, tap: Tap, answer: Answer): Decision {
  if (answer.by === 'central') {
    return { outcome: answer.outcome, reasons: answer.reasons, decidedBy: 'central' };
  }
  const { refused, settings } = draft.state;
  // Who can drop messages must not turn a fresh refusal into an admission by pulling the plug.
  if (isRecent(refused, tap.identity, draft.nowMs, settings.refusalMemoryMs)) {
    return { outcome: 'attend', reasons: [answer.reason, 'sys.refused-before'], decidedBy: 'local' };
  }
  return { outcome: 'undetermined', reasons: [answer.reason], decidedBy: 'local' };
}

/** Whether the gate may open for a tap that is not on disk. At an exit always: nobody is held in. */
const mayOpenUnwritten = ({ direction, whenNotDurable }: LaneSettings): boolean =>
  direction === 'exit' || whenNotDurable === 'open';

/** Concludes the current tap once its frame is checked and its answer is there: tells at once, opens when durable. */
function conclude(draft: Draft): void {
  const { current, settings } = draft.state;
  if (current?.answer === undefined || current.frame !== 'whole' || current.concluded !== undefined) return;
  const decision = decisionFor(draft, current, current.answer);
  const { direction, mode, policy } = settings;
  const { assurance, validity } = current;
  const ordered = decide(policy, { ...decision, assurance, validity, direction, mode });
  // The disk has said no already: nobody is shown a green that the gate would not follow.
  const barred = ordered === 'open' && current.durable === 'no' && !mayOpenUnwritten(settings);
  const action = barred ? 'call-staff' : ordered;

  show(draft, barred ? 'undetermined' : signalFor(decision.outcome, action));
  draft.set({ failedReads: 0, current: { ...current, concluded: action } });
  if (decision.decidedBy === 'central')
    draft.set({ refused: refusalsAfter(draft, current, decision.outcome) });
  if (action === 'open') openWhenDurable(draft);
  else if (action !== 'hold') {
    const reason = barred ? NOT_DURABLE : decision.outcome;
    draft.do({ type: 'call-staff', tap: current.tap, reason });
  }
  draft.do({
    type: 'append-verdict',
    tap: current.tap,
    ...decision,
    action,
    tookMs: draft.nowMs - current.startedMs,
  });
  resumeUploads(draft);
}

/** Central's newest word on somebody counts: a pass ends the memory of a refusal. */
function refusalsAfter(draft: Draft, { identity }: Tap, outcome: Outcome): ReadonlyMap<string, number> {
  const { refused, settings } = draft.state;
  const kept = remember(refused, identity, draft.nowMs, settings.refusalMemoryMs);
  if (outcome !== 'refuse') kept.delete(identity);
  return new Map([...kept].slice(-MAX_REFUSED));
}

function openWhenDurable(draft: Draft): void {
  const { current, settings } = draft.state;
  if (current === undefined) return;
  if (current.durable !== 'pending') draft.do({ type: 'open', tap: current.tap });
  else draft.set({ current: { ...current, openByMs: draft.nowMs + settings.durableWaitMs } });
}

function onDurable(draft: Draft, tapNumber: number): void {
  const { current } = draft.state;
  if (current?.tap !== tapNumber || current.durable === 'yes') return;
  draft.set({ current: { ...current, durable: 'yes', openByMs: undefined } });
  if (current.openByMs !== undefined) draft.do({ type: 'open', tap: current.tap });
}

function onNotDurable(draft: Draft, tapNumber: number): void {
  const { current } = draft.state;
  if (current?.tap !== tapNumber || current.durable !== 'pending') return;
  draft.set({ current: { ...current, durable: 'no' } });
  openUnwritten(draft);
}

/** The gate was to open, and the tap could not be put on disk in time. */
function openUnwritten(draft: Draft): void {
  const { current, settings } = draft.state;
  if (current?.openByMs === undefined) return;
  draft.set({ current: { ...current, openByMs: undefined } });
  if (mayOpenUnwritten(settings)) {
    draft.do({ type: 'open', tap: current.tap });
    return;
  }
  show(draft, 'undetermined');
  draft.do({ type: 'call-staff', tap: current.tap, reason: NOT_DURABLE });
}

function onTime(draft: Draft): void {
  const { nowMs } = draft;
  const { current, ended } = draft.state;
  if (current !== undefined && current.answer === undefined && nowMs >= current.deadlineMs) {
    draft.do({ type: 'forget', tap: current.tap, timedOut: true });
    draft.set({ slow: true });
    changeCurrent(draft, current, { answer: { by: 'local', reason: TIMED_OUT } });
  }
  for (const tap of ended) {
    if (nowMs >= tap.deadlineMs) onAnswer(draft, tap.tap, { by: 'local', reason: TIMED_OUT });
  }
  const openByMs = draft.state.current?.openByMs;
  if (openByMs !== undefined && nowMs >= openByMs) openUnwritten(draft);
  const { shownUntilMs, uploadsPausedUntilMs } = draft.state;
  if (shownUntilMs !== undefined && nowMs >= shownUntilMs) {
    draft.do({ type: 'signal', signal: 'idle' });
    draft.set({ shownUntilMs: undefined });
  }
  if (uploadsPausedUntilMs !== undefined && nowMs >= uploadsPausedUntilMs) resumeUploads(draft);
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
    case 'verdict':
      return onAnswer(draft, input.tap, { by: 'central', outcome: input.outcome, reasons: input.reasons });
    case 'unavailable':
      return onAnswer(draft, input.tap, { by: 'local', reason: input.reason });
    case 'late':
      return draft.set({ slow: false });
    case 'durable':
      return onDurable(draft, input.tap);
    case 'not-durable':
      return onNotDurable(draft, input.tap);
    case 'time':
      return onTime(draft);
    case 'configured':
      return draft.set({ settings: input.settings });
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
  const { current, ended, shownUntilMs, uploadsPausedUntilMs } = state;
  const times = [
    shownUntilMs,
    uploadsPausedUntilMs,
    current?.openByMs,
    ...ended.map((tap) => tap.deadlineMs),
  ];
  if (current !== undefined && current.answer === undefined) times.push(current.deadlineMs);
  const pending = times.filter((time) => time !== undefined);
  return pending.length === 0 ? undefined : Math.min(...pending);
}
