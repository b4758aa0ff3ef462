import type { Cancel, Clock } from '../platform/clock.js';
import { nextWakeMs, step } from './lane/lane.js';
import { type LaneEffect, type LaneInput, type LaneSettings, type LaneState, newLane } from './lane/state.js';

/**
 * Feeds the lane: one input at a time, its effects done before the next, and a `time` input whenever the lane has
 * asked for one. An effect that throws keeps none of the others from being done: what it threw first is thrown at the
 * end.
 */
export class LaneRunner {
  #state: LaneState;
  readonly #queue: LaneInput[] = [];
  #stepping = false;
  #cancelWake: Cancel = () => {};
  #stopped = false;

  constructor(
    settings: LaneSettings,
    private readonly clock: Clock,
    private readonly perform: (effect: LaneEffect) => void,
  ) {
    this.#state = newLane(settings);
  }

  get state(): LaneState {
    return this.#state;
  }

  dispatch(input: LaneInput): void {
    if (this.#stopped) return;
    this.#queue.push(input);
    // An effect may answer at once; its input waits until this step's effects are all done.
    if (this.#stepping) return;
    this.#stepping = true;
    const thrown: unknown[] = [];
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#take(next, thrown);
      }
    } finally {
      // Whatever happened, the next card must find a lane that takes it.
      this.#stepping = false;
      this.#scheduleWake();
    }
    if (thrown.length > 0) throw thrown[0];
  }

  /** Records what is still out, and does nothing more. */
  stop(): void {
    if (this.#stopped) return;
    try {
      this.dispatch({ type: 'stop', nowMs: this.clock.monotonicMs() });
    } finally {
      // Also when a record or a line fails: no card may open anything any more.
      this.#stopped = true;
      this.#cancelWake();
    }
  }

  #take(input: LaneInput, thrown: unknown[]): void {
    const { state, effects } = step(this.#state, input);
    this.#state = state;
    for (const effect of effects) {
      try {
        this.perform(effect);
      } catch (error) {
        thrown.push(error);
      }
    }
  }

  #scheduleWake(): void {
    this.#cancelWake();
    const wakeMs = nextWakeMs(this.#state);
    if (wakeMs === undefined || this.#stopped) return;
    const nowMs = this.clock.monotonicMs();
    this.#cancelWake = this.clock.schedule(Math.max(0, wakeMs - nowMs), () =>
      this.dispatch({ type: 'time', nowMs: Math.max(wakeMs, this.clock.monotonicMs()) }),
    );
  }
}
