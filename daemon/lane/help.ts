import { callStaff, type Draft, raise, tell } from './draft.js';
import type { LaneState } from './state.js';

/** Nobody holds a button down for so long: it is stuck. */
const STUCK_MS = 60_000;

/** The help button calls a person, at any time and whatever else goes on; it opens nothing. */
export function onHelp(draft: Draft, isPressed: boolean): void {
  if (draft.state.help.isPressed === isPressed) return;
  draft.set({ help: { isPressed, stuckAtMs: isPressed ? draft.nowMs + STUCK_MS : undefined } });
  if (!isPressed) return;
  callStaff(draft, 'help.pressed');
  // Each press is answered, also one that is no alarm of its own: whoever pressed must not think that nobody heard.
  tell(draft, 'help');
  raise(draft, 'help.pressed');
}

export function helpTime(draft: Draft): void {
  const { help } = draft.state;
  if (help.stuckAtMs === undefined || draft.nowMs < help.stuckAtMs) return;
  draft.set({ help: { ...help, stuckAtMs: undefined } });
  raise(draft, 'help.stuck');
}

export const helpWakeMs = ({ help }: LaneState): number | undefined => help.stuckAtMs;
