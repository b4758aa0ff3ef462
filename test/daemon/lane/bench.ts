import { nextWakeMs, step } from '../../../daemon/lane/lane.js';
import { DEFAULT_POLICY } from '../../../daemon/lane/policy.js';
import {
  type LaneEffect,
  type LaneInput,
  type LaneSettings,
  type LaneState,
  newLane,
} from '../../../daemon/lane/state.js';
import type { Credential } from '../../../protocol/credential.js';
import { Personal } from '../../../protocol/personal.js';
import type { Outcome } from '../../../protocol/verdict.js';

export const SETTINGS: LaneSettings = {
  direction: 'entry',
  mode: 'standard',
  policy: DEFAULT_POLICY,
  deadlineMs: 1500,
  shortDeadlineMs: 300,
  dwellMs: 3000,
  sameCardMs: 3000,
  durableWaitMs: 500,
  whenNotDurable: 'call-staff',
  refusalMemoryMs: 15 * 60_000,
  passageMs: 8000,
  doorHeldMs: 20_000,
  callMs: 30_000,
  holdsOnFire: true,
};

export const CARD: Credential = {
  medium: 'id-card',
  token: new Personal('11010519491231002X'),
  assurance: 'sam',
  validity: 'valid',
};

/** One line an effect, without what a scenario does not look at. */
export function line(effect: LaneEffect): string {
  switch (effect.type) {
    case 'signal':
      return effect.signal;
    case 'open':
      return `open ${effect.tap}`;
    case 'hold':
      return effect.isHeld ? 'hold' : 'release';
    case 'call-staff':
      return `call-staff ${effect.reason}${effect.isLasting === true ? ' lasting' : ''}`;
    case 'call-over':
      return 'call over';
    case 'alarm':
      return `alarm ${effect.alarm}${effect.more === undefined ? '' : ` after ${effect.more} more`}`;
    case 'append-passage':
      return `passage ${effect.tap ?? 'of nobody known'}`;
    case 'append-tap':
      return `tap ${effect.tap}`;
    case 'append-void':
      return `void ${effect.tap} ${effect.reason}`;
    case 'append-verdict':
      return `verdict ${effect.tap} ${effect.decidedBy} ${effect.outcome} ${effect.action} ${effect.reasons.join('+')}`;
    case 'ask':
      return `ask ${effect.tap} within ${effect.deadlineMs}`;
    case 'forget':
      return `forget ${effect.tap}${effect.timedOut ? ' timed-out' : ''}`;
    case 'uploads':
      return effect.paused ? 'uploads paused' : 'uploads on';
  }
}

type Untimed<T> = T extends unknown ? Omit<T, 'nowMs'> : never;

/** A lane on a clock of its own, woken when it asks to be. */
export class LaneBench {
  state: LaneState;
  nowMs = 0;
  /** Everything ordered so far, each with its time and the state after its step. */
  readonly trace: { readonly nowMs: number; readonly effect: LaneEffect; readonly state: LaneState }[] = [];
  #lines: string[] = [];

  constructor(settings: Partial<LaneSettings> = {}) {
    this.state = newLane({ ...SETTINGS, ...settings });
  }

  input(input: Untimed<LaneInput>): this {
    // The type of a union without one field is not the union again.
    const { state, effects } = step(this.state, { ...input, nowMs: this.nowMs } as LaneInput);
    this.state = state;
    this.trace.push(...effects.map((effect) => ({ nowMs: this.nowMs, effect, state })));
    this.#lines.push(...effects.map(line));
    return this;
  }

  /** What was ordered since this was last asked. */
  take(): string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }

  wait(ms: number): this {
    const endMs = this.nowMs + ms;
    for (let wakeMs = nextWakeMs(this.state); wakeMs !== undefined && wakeMs <= endMs; ) {
      this.nowMs = Math.max(this.nowMs, wakeMs);
      this.input({ type: 'time' });
      wakeMs = nextWakeMs(this.state);
      if (wakeMs !== undefined && wakeMs <= this.nowMs) throw new Error('woken, the lane asks for the past');
    }
    this.nowMs = endMs;
    return this;
  }

  found = (source = 0) => this.input({ type: 'found', source });
  text = (identity: string, credential: Partial<Credential> = {}, source = 0) =>
    this.input({ type: 'card', source, identity, credential: { ...CARD, ...credential } });
  /** Read again; nothing said that it was away. */
  resting = (identity: string, source = 0) =>
    this.input({ type: 'card', source, identity, credential: CARD, isResting: true });
  whole = (source = 0) => this.input({ type: 'whole', source });
  failed = (final: boolean, source = 0) =>
    this.input({ type: 'failed', source, reason: 'card.damaged', final });
  absent = (source = 0) => this.input({ type: 'absent', source });
  verdict = (tap: number, outcome: Outcome) =>
    this.input({ type: 'verdict', tap, outcome, reasons: [`test.${outcome}`] });
  unavailable = (tap: number, reason = 'sys.offline') => this.input({ type: 'unavailable', tap, reason });
  late = (tap: number, outcome: Outcome = 'pass') => this.input({ type: 'late', tap, outcome });
  help = (isPressed: boolean) => this.input({ type: 'help', isPressed });
  /** Pressed and let go. */
  press = () => this.help(true).help(false);
  fire = (isActive: boolean) => this.input({ type: 'fire', isActive });
  pass = () => this.input({ type: 'passage' });
  door = (isOpen: boolean) => this.input({ type: 'door', isOpen });
  stop = () => this.input({ type: 'stop' });
  durable = (tap: number) => this.input({ type: 'durable', tap });
  notDurable = (tap: number) => this.input({ type: 'not-durable', tap });

  /** A card whose text and frame are in; the verdict is still out. */
  card(identity: string, credential: Partial<Credential> = {}, source = 0): this {
    return this.found(source).text(identity, credential, source).whole(source);
  }
}
