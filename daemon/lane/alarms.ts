/** What a lane tells of at once, beside the taps. The codes stand in records for years. */
export const LANE_ALARMS = [
  /** Somebody has pressed the help button. */
  'help.pressed',
  /** The help button does not come up again: nobody can call with it. */
  'help.stuck',
  /** The fire input is active, and the lane is held free. */
  'fire.active',
  'fire.over',
  /** Somebody walked through for whom the gate was not opened. */
  'passage.unauthorized',
  /** The door was opened, and not by the gate. */
  'door.forced',
  /** The door stays open. */
  'door.held',
  /** The door, of which one of the two before was told, is closed again. */
  'door.closed',
] as const;
export type LaneAlarm = (typeof LANE_ALARMS)[number];

/** When an alarm was last told, and how often it came since. */
export interface Told {
  readonly atMs: number;
  readonly more: number;
}
export type ToldAlarms = ReadonlyMap<LaneAlarm, Told>;

/** An alarm is told of so often at most: a loose wire, or a child at a button, must not fill the journal. */
export const ALARM_EVERY_MS = 10_000;

/** When this alarm may be told of again; long ago for one that never was. */
export const tellableMs = (told: ToldAlarms, alarm: LaneAlarm): number =>
  (told.get(alarm)?.atMs ?? Number.NEGATIVE_INFINITY) + ALARM_EVERY_MS;
