import { tellableMs } from './alarms.js';
import { callStaff, type Draft, isAtRest, raise, rest, restingSignal } from './draft.js';
import type { LaneState } from './state.js';

/**
 * The door contact. A door that opens by itself is forced, one that stays open is held. The lane only
 * tells: it never shuts a door on anybody.
 * @param wasFound it was open at the start: nobody knows who opened it
 */
export function onDoor(draft: Draft, isOpen: boolean, wasFound: boolean): void {
  const { door, settings } = draft.state;
  if (door.isOpen === isOpen) return;
  const isForced = isOpen && !wasFound && !isFree(draft);
  const heldAtMs = isOpen ? draft.nowMs + settings.doorHeldMs : undefined;
  changeDoor(draft, { isOpen, wrong: isForced ? 'door.forced' : undefined, heldAtMs });
  tellDoor(draft);
}

function isFree({ state, nowMs }: Draft): boolean {
  return state.fire.isActive || nowMs < state.fireGraceUntilMs || nowMs < state.doorFreeUntilMs;
}

/** The gate was opened: who comes now may take as long as the one before. */
export function freeDoor(draft: Draft, untilMs: number): void {
  const { door, settings } = draft.state;
  draft.set({ doorFreeUntilMs: untilMs });
  if (door.heldAtMs !== undefined) changeDoor(draft, { heldAtMs: draft.nowMs + settings.doorHeldMs });
}

function changeDoor(draft: Draft, change: Partial<LaneState['door']>): void {
  const before = restingSignal(draft.state);
  draft.set({ door: { ...draft.state.door, ...change } });
  // Not while a tap is told: it comes when its dwell is over.
  if (isAtRest(draft.state) && restingSignal(draft.state) !== before) rest(draft);
}

const doorAlarm = ({ door }: LaneState) => door.wrong ?? 'door.closed';

function tellDoor(draft: Draft, wasCounted = false): void {
  const alarm = doorAlarm(draft.state);
  if (draft.state.door.told === alarm) return;
  if (alarm !== 'door.closed') callStaff(draft, alarm);
  if (raise(draft, alarm, wasCounted)) changeDoor(draft, { told: alarm });
}

function standsOpen(draft: Draft): void {
  changeDoor(draft, { wrong: 'door.held', heldAtMs: undefined });
  tellDoor(draft);
}

export function doorTime(draft: Draft): void {
  const { door, fire, settings } = draft.state;
  if (door.heldAtMs !== undefined && draft.nowMs >= door.heldAtMs) {
    // In a fire a door may well stay open; it is counted anew from then on.
    if (fire.isActive) changeDoor(draft, { heldAtMs: draft.nowMs + settings.doorHeldMs });
    else standsOpen(draft);
  }
  const tellMs = doorTellMs(draft.state);
  if (tellMs !== undefined && draft.nowMs >= tellMs) tellDoor(draft, true);
}

function doorTellMs(state: LaneState): number | undefined {
  const alarm = doorAlarm(state);
  return state.door.told === alarm ? undefined : tellableMs(state.told, alarm);
}

export const doorWakesMs = (state: LaneState): readonly (number | undefined)[] => [
  state.door.heldAtMs,
  doorTellMs(state),
];
