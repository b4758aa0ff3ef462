import type { Cancel, Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { encodeState, parseState, type State } from '../../protocol/wire/messages.js';
import { upTopic } from '../../protocol/wire/topics.js';
import type { Conditions, Standing } from '../conditions.js';
import { Twins } from './twins.js';

export interface PresenceOptions {
  readonly device: string;
  /** 16 hex characters, drawn at each start of the process: numbers of connections compare within one. */
  readonly boot: string;
  readonly clock: Clock;
  readonly conditions: Conditions;
  /** Publishes on our topic, retained, QoS 1; resolves when the broker has it. */
  readonly publish: (payload: Buffer) => Promise<void>;
  /** Another process says that it is this gate; at most once in 10 minutes. */
  readonly onTwin: (boot: string | undefined) => void;
  readonly onDropped: (reason: string) => void;
  readonly log: Log;
}

/** Whoever can publish could make us publish as often. */
const CORRECT_EVERY_MS = 5_000;
/** A reader with a loose plug is told of, and not at every move. */
const CHANGE_EVERY_MS = 1_000;
/** Our own words that have not come back yet; a broker that lets us read nothing returns none. */
const ECHOES_REMEMBERED = 16;

const isUp = ({ state }: State) => state !== 'disconnected' && state !== 'lost';

/**
 * What the broker's retained `state` says of this gate: a hint for others, which never changes what a gate decides.
 * Each connection has a number, and its will carries the same, so that an old will is known as old. Whatever else
 * appears there is corrected: the last word on us is ours.
 */
export class Presence {
  readonly topic: string;
  readonly #twins: Twins;
  #connection = 0;
  /** Connections that came up. */
  #births = 0;
  #up = false;
  #closed = false;
  #standing: Standing;
  #busy = false;
  #said = '';
  #echoes: string[] = [];
  #lastMs = Number.NEGATIVE_INFINITY;
  #dueMs: number | undefined;
  #cancel: Cancel = () => {};

  constructor(private readonly options: PresenceOptions) {
    const { device, clock, conditions, onTwin } = options;
    this.topic = upTopic(device, 'state');
    this.#standing = conditions.standing;
    this.#twins = new Twins({
      clock,
      onTwin,
      onChange: (holds) => conditions.set('identity.duplicate', holds),
    });
    conditions.onChange = () => this.#changed();
  }

  /** A connection is being made, and this is what the broker says for us when it breaks. */
  will(): { readonly topic: string; readonly payload: Buffer } {
    this.#connection += 1;
    return { topic: this.topic, payload: this.#encode('lost') };
  }

  linkUp(): void {
    this.#births += 1;
    this.#up = true;
    this.#echoes = [];
    this.#notDue();
    this.#settle(this.#say(this.options.conditions.standing));
  }

  /** @param takenOver another client came under our name */
  linkDown(takenOver: boolean): void {
    this.#up = false;
    this.#notDue();
    if (takenOver) this.#twins.takenOver();
  }

  /** A question may be out: an acknowledgement on the way would hold its verdict back. */
  pause(busy: boolean): void {
    this.#busy = busy;
    if (!busy && this.#dueMs !== undefined) this.#due(this.#dueMs);
  }

  /** Says our state anew; resolves when the broker has it. */
  async confirm(): Promise<void> {
    await this.#say(this.options.conditions.standing);
  }

  async goodbye(): Promise<void> {
    this.stop();
    await this.#say('disconnected');
  }

  stop(): void {
    this.#closed = true;
    this.#notDue();
    this.#twins.stop();
  }

  /** Takes what stands on our own topic. */
  onMessage(payload: Buffer, retained: boolean): void {
    if (this.#closed) return;
    if (retained) return this.#found(payload);
    if (!this.#up || this.#isOurs(payload.toString('latin1'))) return;
    const state = parseState(payload);
    this.options.onDropped(state.ok ? 'state-not-ours' : `state-${state.reason}`);
    if (state.ok && isUp(state.value) && state.value.boot !== this.options.boot) {
      this.#twins.alive(state.value.boot);
    }
    this.#due(this.#lastMs + CORRECT_EVERY_MS);
  }

  /** What stood there before we came, on this connection, said anything. It may come before `linkUp` or after. */
  #found(payload: Buffer): void {
    const state = parseState(payload);
    if (!state.ok) return this.options.onDropped(`state-${state.reason}`);
    if (state.value.boot === this.options.boot) return;
    this.#twins.found(state.value, this.#births > (this.#up ? 1 : 0));
  }

  /** Our newest words, or older ones of ours that had still to come back. */
  #isOurs(text: string): boolean {
    const at = this.#echoes.indexOf(text);
    if (at !== -1) this.#echoes.splice(at, 1);
    return at !== -1 || text === this.#said;
  }

  #changed(): void {
    const { conditions, log } = this.options;
    const { standing, holding } = conditions;
    if (this.#closed || standing === this.#standing) return;
    this.#standing = standing;
    log.info('state', { state: standing, because: holding.join(',') || undefined });
    if (this.#up) this.#due(this.#lastMs + CHANGE_EVERY_MS);
  }

  /** Says our state anew at that time, or as soon after it as no question is out. */
  #due(atMs: number): void {
    const nowMs = this.options.clock.monotonicMs();
    this.#dueMs = Math.max(nowMs, Math.min(atMs, this.#dueMs ?? atMs));
    this.#cancel();
    if (this.#busy) return;
    if (this.#dueMs > nowMs) {
      this.#cancel = this.options.clock.schedule(this.#dueMs - nowMs, () => this.#due(atMs));
      return;
    }
    this.#notDue();
    this.#lastMs = nowMs;
    this.#settle(this.#say(this.options.conditions.standing));
  }

  #notDue(): void {
    this.#dueMs = undefined;
    this.#cancel();
  }

  #say(word: State['state']): Promise<void> {
    const payload = this.#encode(word);
    this.#said = payload.toString('latin1');
    this.#echoes = [...this.#echoes, this.#said].slice(-ECHOES_REMEMBERED);
    return this.options.publish(payload);
  }

  #encode(state: State['state']): Buffer {
    return encodeState({ state, connection: this.#connection, boot: this.options.boot });
  }

  /** What could not be said, the next connection says. */
  #settle(work: Promise<void>): void {
    work.catch(() => {});
  }
}
