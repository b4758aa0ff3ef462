import type { State } from '../protocol/wire/messages.js';
import type { LaneAlarm } from './lane/alarms.js';

/** What a gate that is there says of itself. */
export type Standing = Extract<State['state'], 'ready' | 'degraded' | 'alert'>;

/** What can be wrong with a gate that goes on all the same, and what it says then. */
export const CONDITIONS = {
  /** A reader cannot read cards. */
  'reader.lost': 'degraded',
  /** Records wait in memory for a disk that fails. */
  'journal.failing': 'degraded',
  /** The journal is full: records that central does not have are dropped. */
  'journal.dropping': 'degraded',
  /** The help button is stuck: nobody can call with it. */
  'help.stuck': 'degraded',
  /** Questions stay without an answer although the broker answers. */
  'central.silent': 'alert',
  /** Another process says that it is this gate. */
  'identity.duplicate': 'alert',
  /** The fire input is active, and the lane is held free. */
  'fire.active': 'alert',
  /** The door was opened, and not by the gate; or it stays open. */
  'door.forced': 'alert',
  'door.held': 'alert',
} as const satisfies Readonly<Record<string, Standing>>;
export type Condition = keyof typeof CONDITIONS;

const WORST_FIRST: readonly Standing[] = ['alert', 'degraded'];

/** The worst of what holds. */
export function standingOf(holding: Iterable<Condition>): Standing {
  const said = new Set<Standing>(Array.from(holding, (condition) => CONDITIONS[condition]));
  return WORST_FIRST.find((standing) => said.has(standing)) ?? 'ready';
}

/** What holds now. Nothing of this changes what the gate decides. */
export class Conditions {
  readonly #holding = new Set<Condition>();
  /** Called whenever one begins or ends. */
  onChange: () => void = () => {};

  /** In order of their beginning. */
  get holding(): readonly Condition[] {
    return [...this.#holding];
  }

  get standing(): Standing {
    return standingOf(this.#holding);
  }

  set(condition: Condition, holds: boolean): void {
    if (this.#holding.has(condition) === holds) return;
    if (holds) this.#holding.add(condition);
    else this.#holding.delete(condition);
    this.onChange();
  }
}

/** What begins or ends with an alarm of the lane. */
const CHANGES: Readonly<Partial<Record<LaneAlarm, readonly (readonly [Condition, boolean])[]>>> = {
  'help.stuck': [['help.stuck', true]],
  // It has come up again.
  'help.pressed': [['help.stuck', false]],
  'fire.active': [['fire.active', true]],
  'fire.over': [['fire.active', false]],
  'door.forced': [['door.forced', true]],
  'door.held': [['door.held', true]],
  'door.closed': [
    ['door.forced', false],
    ['door.held', false],
  ],
};

/** The lane has told of an alarm: what holds from now on. */
export function noteAlarm(conditions: Conditions, alarm: LaneAlarm): void {
  for (const [condition, holds] of CHANGES[alarm] ?? []) conditions.set(condition, holds);
}
