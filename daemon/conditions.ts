import type { State } from '../protocol/wire/messages.js';

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
  /** Questions stay without an answer although the broker answers. */
  'central.silent': 'alert',
  /** Another process says that it is this gate. */
  'identity.duplicate': 'alert',
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
