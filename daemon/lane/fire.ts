import { tellableMs } from './alarms.js';
import { type Draft, raise, rest } from './draft.js';
import type { LaneState } from './state.js';

/**
 * The fire input. The gate is freed by wires that pass the computer by; the lane goes along with them: the relay is held
 * on, so that it never works against them, cards are registered, and nobody is refused or stopped (GB 50396-2007, 9.0.1:
 * in a fire people leave quickly and without a key).
 */
export function onFire(draft: Draft, isActive: boolean): void {
  const { fire, settings } = draft.state;
  if (fire.isActive === isActive) return;
  const isHeld = isActive && settings.holdsOnFire;
  draft.set({ fire: { ...fire, isActive, isHeld } });
  if (isHeld !== fire.isHeld) draft.do({ type: 'hold', isHeld });
  // Who is on the way when it ends is nobody's intruder.
  if (!isActive) draft.set({ fireGraceUntilMs: draft.nowMs + settings.passageMs });
  rest(draft);
  tellFire(draft);
}

/** The alarm that is true now. */
const fireAlarm = ({ fire }: LaneState) => (fire.isActive ? 'fire.active' : 'fire.over');

function tellFire(draft: Draft, wasCounted = false): void {
  const alarm = fireAlarm(draft.state);
  if (draft.state.fire.told === alarm || !raise(draft, alarm, wasCounted)) return;
  draft.set({ fire: { ...draft.state.fire, told: alarm } });
}

/** A contact that chatters is told of now and then, and how it ends in any case. */
export function fireTime(draft: Draft): void {
  const wakeMs = fireWakeMs(draft.state);
  if (wakeMs !== undefined && draft.nowMs >= wakeMs) tellFire(draft, true);
}

export function fireWakeMs(state: LaneState): number | undefined {
  const alarm = fireAlarm(state);
  return state.fire.told === alarm ? undefined : tellableMs(state.told, alarm);
}

/** The daemon stops: from here on the wires hold the gate alone. */
export function endFire(draft: Draft): void {
  const { fire } = draft.state;
  if (fire.isHeld) draft.do({ type: 'hold', isHeld: false });
  draft.set({ fire: { ...fire, isActive: false, isHeld: false } });
}
