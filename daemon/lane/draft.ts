import { type LaneAlarm, tellableMs } from './alarms.js';
import type { SignalName } from './signals.js';
import type { LaneEffect, LaneState } from './state.js';

/** Uploads wait this long for a card that was found and then neither read nor lost. */
const UPLOAD_PAUSE_MS = 10_000;

/** One step while it is being worked out. It never leaves the lane: outside, state is a value. */
export class Draft {
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

/** The map with one more moment, without those that are too old. */
export function remember(
  map: ReadonlyMap<string, number>,
  key: string,
  nowMs: number,
  keepMs: number,
): Map<string, number> {
  const kept = new Map([...map].filter(([other, atMs]) => other !== key && nowMs - atMs < keepMs));
  kept.set(key, nowMs);
  return kept;
}

export const isRecent = (
  map: ReadonlyMap<string, number>,
  key: string,
  nowMs: number,
  withinMs: number,
): boolean => {
  const atMs = map.get(key);
  return atMs !== undefined && nowMs - atMs < withinMs;
};

export function pauseUploads(draft: Draft): void {
  if (draft.state.uploadsPausedUntilMs === undefined) draft.do({ type: 'uploads', paused: true });
  draft.set({ uploadsPausedUntilMs: draft.nowMs + UPLOAD_PAUSE_MS });
}

export function resumeUploads(draft: Draft): void {
  if (draft.state.uploadsPausedUntilMs === undefined) return;
  draft.do({ type: 'uploads', paused: false });
  draft.set({ uploadsPausedUntilMs: undefined });
}

/** A card was dealt with; another may still wait for its verdict. */
export function resumeUnlessWaiting(draft: Draft): void {
  const { current } = draft.state;
  if (current === undefined || current.concluded !== undefined) resumeUploads(draft);
}

/** Tells something. In a fire nothing else is told than that: nobody is to stop and look at a lamp. */
export function tell(draft: Draft, signal: SignalName): void {
  if (!draft.state.fire.isActive) draft.do({ type: 'signal', signal });
}

/** Tells something, for the dwell or until a next card comes. */
export function show(draft: Draft, signal: SignalName): void {
  if (draft.state.fire.isActive) return;
  tell(draft, signal);
  draft.set({ shownUntilMs: draft.nowMs + draft.state.settings.dwellMs });
}

export function restingSignal({ fire, door }: LaneState): SignalName {
  if (fire.isActive) return 'fire';
  return door.wrong === undefined ? 'idle' : 'door-open';
}

/** Nothing is told of a tap any more: the lane shows how it is itself. */
export function rest(draft: Draft): void {
  draft.do({ type: 'signal', signal: restingSignal(draft.state) });
  draft.set({ shownUntilMs: undefined });
}

/** Whether no tap is being decided or told. */
export function isAtRest({ current, shownUntilMs }: LaneState): boolean {
  return shownUntilMs === undefined && (current === undefined || current.concluded !== undefined);
}

/**
 * Tells of an alarm now, or counts it for the next time. Nothing is lost in silence: the next one says how many more
 * there were.
 * @param wasCounted it was counted before, and is told only now
 * @returns whether it was told
 */
export function raise(draft: Draft, alarm: LaneAlarm, wasCounted = false): boolean {
  const { told } = draft.state;
  const before = told.get(alarm);
  if (before !== undefined && draft.nowMs < tellableMs(told, alarm)) {
    draft.set({ told: new Map([...told, [alarm, { ...before, more: before.more + 1 }]]) });
    return false;
  }
  const more = Math.max(0, (before?.more ?? 0) - (wasCounted ? 1 : 0));
  draft.do({ type: 'alarm', alarm, ...(more === 0 ? {} : { more }) });
  draft.set({ told: new Map([...told, [alarm, { atMs: draft.nowMs, more: 0 }]]) });
  return true;
}

/** Calls a person, for a while; said once where the alarm itself is told once. */
export function callStaff(draft: Draft, reason: LaneAlarm): void {
  const { settings, told } = draft.state;
  draft.set({ calledUntilMs: draft.nowMs + settings.callMs });
  if (draft.nowMs >= tellableMs(told, reason)) draft.do({ type: 'call-staff', reason, isLasting: true });
}
