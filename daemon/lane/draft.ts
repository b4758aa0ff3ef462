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

/** Tells something, for the dwell or until a next card comes. */
export function show(draft: Draft, signal: SignalName): void {
  draft.do({ type: 'signal', signal });
  draft.set({ shownUntilMs: draft.nowMs + draft.state.settings.dwellMs });
}
