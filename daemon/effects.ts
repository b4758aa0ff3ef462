import type { Buzzer } from '../drivers/buzzer.js';
import type { Gate } from '../drivers/gate.js';
import type { OutputLine } from '../drivers/gpio/gpio.js';
import type { Lamps } from '../drivers/lamps.js';
import { BoundedMap } from '../platform/boundedMap.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { Credential } from '../protocol/credential.js';
import type { TapContent } from '../protocol/journal/seal.js';
import { SYSTEM_REASONS } from '../protocol/verdict.js';
import type { Question, TapId } from '../protocol/wire/messages.js';
import type { Journal } from './journal/journal.js';
import type { LaneAlarm } from './lane/alarms.js';
import { isRest, SIGNALS, type SignalName } from './lane/signals.js';
import type { LaneEffect, LaneInput } from './lane/state.js';
import { Unwritten } from './unwritten.js';

/** What stands in every question and tap record of this lane. */
export type LaneFacts = Pick<TapContent, 'schemes' | 'site' | 'lane' | 'direction'>;

export interface EffectsOptions {
  readonly lamps: Lamps;
  readonly buzzer: Buzzer | undefined;
  /** On while a person is called. */
  readonly staff: OutputLine | undefined;
  readonly gate: Gate;
  readonly journal: Journal;
  readonly ask: (tap: number, question: Question, deadlineMs: number) => void;
  readonly forget: (tap: number, timedOut: boolean) => void;
  readonly pauseUploads: (paused: boolean) => void;
  /** Told of each alarm of the lane, after its record. */
  readonly onAlarm: (alarm: LaneAlarm) => void;
  readonly facts: LaneFacts;
  readonly clock: Clock;
  readonly dispatch: (input: LaneInput) => void;
  readonly log: Log;
}

/** People who may be between the gate and the passage sensor. */
const MAX_PASSING = 16;

const toTenths = (ms: number) => Math.round(ms * 10) / 10;

/** Does what the lane orders. It decides nothing. */
export class Effects {
  /** Journal places of the taps whose verdict is still to come. */
  readonly #places = new Map<number, TapId>();
  /** Taps that are not on disk, or not yet. */
  readonly #notOnDisk = new Set<number>();
  /** Journal places of the taps that the gate was opened for last: a passage may still come for them. */
  readonly #passing = new BoundedMap<number, TapId>(MAX_PASSING);
  /** For whom a person is called: for a tap, until the lane rests; or lastingly, until that is over. */
  readonly #called = { tap: false, lasting: false };
  readonly #unwritten: Unwritten;

  constructor(private readonly options: EffectsOptions) {
    this.#unwritten = new Unwritten(options.journal, options.clock, options.log);
  }

  /** The disk takes records again. */
  writingAgain(): void {
    this.#unwritten.writing();
  }

  perform(effect: LaneEffect): void {
    const { ask, forget, pauseUploads, log } = this.options;
    switch (effect.type) {
      case 'signal':
        return this.#signal(effect.signal);
      case 'open':
        return this.#open(effect.tap);
      case 'hold':
        return this.#hold(effect.isHeld);
      case 'call-staff':
        this.#call({ [effect.isLasting === true ? 'lasting' : 'tap']: true });
        return log.warn('call staff', { tap: this.#nameOf(effect.tap), reason: effect.reason });
      case 'call-over':
        return this.#call({ lasting: false });
      case 'alarm':
        return this.#alarm(effect);
      case 'append-passage':
        return this.#appendPassage(effect.tap);
      case 'append-tap':
        return this.#appendTap(effect.tap, effect.credential);
      case 'ask': {
        const place = this.#places.get(effect.tap);
        if (place === undefined) return this.#unavailable(effect.tap, SYSTEM_REASONS.journal);
        return ask(effect.tap, { tap: place, ...this.#content(effect.credential) }, effect.deadlineMs);
      }
      case 'forget':
        return forget(effect.tap, effect.timedOut);
      case 'append-void':
        return this.#appendVoid(effect);
      case 'append-verdict':
        return this.#appendVerdict(effect);
      case 'uploads':
        return pauseUploads(effect.paused);
    }
  }

  #signal(name: SignalName): void {
    const { lamps, buzzer, log } = this.options;
    log.debug('signal', { name });
    const { lamps: patterns, tone } = SIGNALS[name];
    if (patterns !== undefined) lamps.show(patterns);
    if (tone !== undefined) buzzer?.play(tone);
    if (isRest(name)) this.#call({ tap: false });
  }

  #call(change: { readonly tap?: boolean; readonly lasting?: boolean }): void {
    Object.assign(this.#called, change);
    this.options.staff?.set(this.#called.tap || this.#called.lasting);
  }

  #hold(isHeld: boolean): void {
    const { gate, log } = this.options;
    if (isHeld) gate.hold();
    else gate.release();
    log.debug('hold', { isHeld });
  }

  #open(tap: number): void {
    this.options.gate.pulse();
    const place = this.#places.get(tap);
    if (place !== undefined) this.#passing.set(tap, place);
    if (this.#notOnDisk.has(tap)) this.#unwritten.opened();
  }

  #content(credential: Credential): TapContent {
    const { medium, assurance, validity, token } = credential;
    return { medium, assurance, validity, token: token.reveal(), ...this.options.facts };
  }

  #appendTap(tap: number, credential: Credential): void {
    const { journal, dispatch, clock } = this.options;
    this.#notOnDisk.add(tap);
    try {
      const { id, durable } = journal.append({ kind: 'tap', content: this.#content(credential) });
      this.#places.set(tap, id);
      durable.then(
        () => {
          this.#notOnDisk.delete(tap);
          this.#unwritten.writing();
          dispatch({ type: 'durable', nowMs: clock.monotonicMs(), tap });
        },
        () => dispatch({ type: 'not-durable', nowMs: clock.monotonicMs(), tap }),
      );
    } catch (thrown) {
      this.#unwritten.lost(thrown);
      dispatch({ type: 'not-durable', nowMs: clock.monotonicMs(), tap });
    }
  }

  #appendVoid({ tap, reason }: LaneEffect & { type: 'append-void' }): void {
    const place = this.#takePlace(tap);
    if (place === undefined) return;
    this.options.log.info('tap void', { tap: `${place.epoch}/${place.seq}`, reason });
    this.#write(() =>
      this.options.journal.append({ kind: 'tap-void', content: { tap: place, reason } }, 'later'),
    );
  }

  #appendVerdict(effect: LaneEffect & { type: 'append-verdict' }): void {
    const { tap, outcome, reasons, action, decidedBy } = effect;
    const tookMs = toTenths(effect.tookMs);
    const networkMs = effect.networkMs === undefined ? undefined : toTenths(effect.networkMs);
    const name = this.#nameOf(tap);
    this.options.log.info('tap', {
      tap: name,
      outcome,
      reasons: reasons.join(','),
      action,
      by: decidedBy,
      tookMs,
      networkMs,
    });
    const place = this.#takePlace(tap);
    if (place === undefined) return;
    const content = { tap: place, outcome, reasons: [...reasons], action, decidedBy, tookMs };
    this.#write(() => this.options.journal.append({ kind: 'verdict', content }, 'later'));
  }

  #appendPassage(tap: number | undefined): void {
    const { journal, facts, log } = this.options;
    const place = tap === undefined ? undefined : this.#passing.get(tap);
    log.info('passage', { tap: place && `${place.epoch}/${place.seq}` });
    const content = { ...(place === undefined ? {} : { tap: place }), direction: facts.direction };
    this.#write(() => journal.append({ kind: 'passage', content }, 'later'));
  }

  #alarm({ alarm, more }: LaneEffect & { type: 'alarm' }): void {
    const { journal, log, onAlarm } = this.options;
    log.warn('alarm', { alarm, more });
    const detail = more === undefined ? {} : { detail: { more: String(more) } };
    this.#write(() => journal.append({ kind: 'alarm', content: { alarm, ...detail } }));
    onAlarm(alarm);
  }

  #write(append: () => unknown): void {
    try {
      append();
    } catch (thrown) {
      this.#unwritten.lost(thrown);
    }
  }

  #unavailable(tap: number, reason: string): void {
    const { dispatch, clock } = this.options;
    dispatch({ type: 'unavailable', nowMs: clock.monotonicMs(), tap, reason });
  }

  #takePlace(tap: number): TapId | undefined {
    const place = this.#places.get(tap);
    this.#places.delete(tap);
    this.#notOnDisk.delete(tap);
    return place;
  }

  #nameOf(tap: number | undefined): string | undefined {
    const place = tap === undefined ? undefined : this.#places.get(tap);
    return place === undefined ? undefined : `${place.epoch}/${place.seq}`;
  }
}
