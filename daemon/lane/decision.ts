import { type DecidedBy, MOST_REASONS, type Outcome, SYSTEM_REASONS } from '../../protocol/verdict.js';
import { type Draft, isRecent, remember, resumeUploads, show } from './draft.js';
import { open } from './passage.js';
import { decide, type RowAction } from './policy.js';
import { signalFor } from './signals.js';
import type { Answer, Decision, LaneState, Tap } from './state.js';

/** Refusals remembered at most; the oldest goes first. */
const MAX_REFUSED = 256;

/** Central's newest word on somebody counts, whenever it comes: a pass ends the memory of a refusal. */
export function rememberRefusal(draft: Draft, identity: string, outcome: Outcome): void {
  const { refused, settings } = draft.state;
  const kept = remember(refused, identity, draft.nowMs, settings.refusalMemoryMs);
  if (outcome !== 'refuse') kept.delete(identity);
  draft.set({ refused: new Map([...kept].slice(-MAX_REFUSED)) });
}

function decisionFor(draft: Draft, tap: Tap, answer: Answer): Decision {
  const { refused, settings } = draft.state;
  const tookMs = draft.nowMs - tap.startedMs;
  if (answer.by === 'central') {
    const { outcome, reasons, networkMs } = answer;
    return { outcome, reasons, decidedBy: 'central', tookMs, networkMs };
  }
  const local: { readonly decidedBy: DecidedBy; readonly tookMs: number } = { decidedBy: 'local', tookMs };
  // Who can drop messages must not turn a fresh refusal into an admission by pulling the plug.
  if (isRecent(refused, tap.identity, draft.nowMs, settings.refusalMemoryMs)) {
    return { outcome: 'attend', reasons: [answer.reason, SYSTEM_REASONS.refusedBefore], ...local };
  }
  return { outcome: 'undetermined', reasons: [answer.reason], ...local };
}

/** Whether the gate may open for a tap that is not on disk. At an exit always, and in a fire: nobody is held in. */
const mayOpenUnwritten = ({ settings, fire }: LaneState): boolean =>
  settings.direction === 'exit' || settings.whenNotDurable === 'open' || fire.isActive;

/** In a fire the lane is free for everybody: the record says so first. */
const inFire = (decision: Decision): Decision => ({
  ...decision,
  reasons: [SYSTEM_REASONS.fire, ...decision.reasons].slice(0, MOST_REASONS),
});

/**
 * Concludes the current tap once its frame is checked and its answer is there. Lamp and tone tell it at once; the
 * relay alone waits for the disk, and with it the record of what was done.
 */
export function conclude(draft: Draft): void {
  const { current, settings, fire } = draft.state;
  if (current?.answer === undefined || current.frame !== 'whole' || current.concluded !== undefined) return;
  const decided = decisionFor(draft, current, current.answer);
  const decision = fire.isActive ? inFire(decided) : decided;
  const { direction, mode, policy } = settings;
  const { assurance, validity } = current;
  const situation = { ...decision, assurance, validity, direction, mode };
  const action = fire.isActive ? 'open' : decide(policy, situation);
  // The disk has said no already: nobody is shown a green that the gate would not follow.
  const barred = action === 'open' && current.durable === 'no' && !mayOpenUnwritten(draft.state);

  draft.set({ failedReads: 0, current: { ...current, concluded: action } });
  if (decision.decidedBy === 'central') rememberRefusal(draft, current.identity, decision.outcome);
  if (barred) {
    bar(draft, current, decision);
  } else {
    show(draft, signalFor(decision.outcome, action));
    if (action === 'open' && current.durable === 'pending') waitForDisk(draft, decision);
    else carryOut(draft, current, decision, action);
  }
  resumeUploads(draft);
}

function carryOut(draft: Draft, { tap }: Tap, decision: Decision, action: RowAction): void {
  if (action === 'open') open(draft, tap);
  else if (action !== 'hold') draft.do({ type: 'call-staff', tap, reason: decision.outcome });
  draft.do({ type: 'append-verdict', tap, ...decision, action });
}

/** The gate was to open, and the tap is not on disk: a person comes. */
function bar(draft: Draft, { tap }: Tap, decision: Decision): void {
  show(draft, 'undetermined');
  draft.do({ type: 'call-staff', tap, reason: SYSTEM_REASONS.notDurable });
  const reasons = [...decision.reasons, SYSTEM_REASONS.notDurable];
  draft.do({ type: 'append-verdict', tap, ...decision, reasons, action: 'call-staff' });
}

function waitForDisk(draft: Draft, decision: Decision): void {
  const { current, settings } = draft.state;
  if (current === undefined) return;
  draft.set({
    current: { ...current, waiting: { untilMs: draft.nowMs + settings.durableWaitMs, decision } },
  });
}

/** The tap is on disk. */
export function onDurable(draft: Draft, tapNumber: number): void {
  const { current } = draft.state;
  if (current?.tap !== tapNumber || current.durable === 'yes') return;
  const { waiting } = current;
  draft.set({ current: { ...current, durable: 'yes', waiting: undefined } });
  if (waiting !== undefined) carryOut(draft, current, waiting.decision, 'open');
}

/** The disk has refused the tap. */
export function onNotDurable(draft: Draft, tapNumber: number): void {
  const { current } = draft.state;
  if (current?.tap !== tapNumber || current.durable !== 'pending') return;
  draft.set({ current: { ...current, durable: 'no' } });
  endWaiting(draft);
}

/** The disk was waited for long enough, or has said no. */
export function endWaiting(draft: Draft): void {
  const { current } = draft.state;
  if (current?.waiting === undefined) return;
  const { decision } = current.waiting;
  draft.set({ current: { ...current, waiting: undefined } });
  if (mayOpenUnwritten(draft.state)) carryOut(draft, current, decision, 'open');
  else bar(draft, current, decision);
}

/** A newer card has taken the pad: what is known of this tap is recorded, and nothing is done about it. */
export function recordEnded(draft: Draft, tap: Tap, answer: Answer): void {
  const decision = tap.waiting?.decision ?? decisionFor(draft, tap, answer);
  if (answer.by === 'central') rememberRefusal(draft, tap.identity, answer.outcome);
  draft.do({ type: 'append-verdict', tap: tap.tap, ...decision, action: 'none' });
}
