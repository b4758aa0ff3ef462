import { BoundedMap } from '../../platform/boundedMap.js';
import type { Clock } from '../../platform/clock.js';

const DEVICES = 65_536;

export interface QuestionRate {
  /** Questions a second, over time; at least 1. */
  readonly perSecond: number;
  /** Questions at once; at least 5. */
  readonly burst: number;
}

/** No more than a lane can pass: one person in half a second, and a burst after a network pause. */
export const DEFAULT_RATE: QuestionRate = { perSecond: 2, burst: 10 };
/** Below this an honest gate at rush hour would be turned away. */
export const LEAST_RATE: QuestionRate = { perSecond: 1, burst: 5 };

/** A token bucket for each device. */
export class RateLimit {
  readonly #buckets = new BoundedMap<string, { tokens: number; atMs: number }>(DEVICES);
  readonly #rate: QuestionRate;

  /** A rate below the floor is raised to it. */
  constructor(
    private readonly clock: Clock,
    rate: QuestionRate = DEFAULT_RATE,
  ) {
    this.#rate = {
      perSecond: Math.max(rate.perSecond, LEAST_RATE.perSecond),
      burst: Math.max(rate.burst, LEAST_RATE.burst),
    };
  }

  /** Whether the device may ask now; takes a token when it may. */
  take(device: string): boolean {
    const { perSecond, burst } = this.#rate;
    const nowMs = this.clock.monotonicMs();
    const bucket = this.#buckets.get(device) ?? { tokens: burst, atMs: nowMs };
    const tokens = Math.min(burst, bucket.tokens + ((nowMs - bucket.atMs) / 1000) * perSecond);
    const may = tokens >= 1;
    this.#buckets.set(device, { tokens: may ? tokens - 1 : tokens, atMs: nowMs });
    return may;
  }
}

const SESSIONS = 4_096;
const COUNTERS_A_SESSION = 64;
/** The question and one resend of the same bytes. */
const MOST_ANSWERS = 2;

interface Window {
  /** How often each of the last counters was answered. */
  readonly answers: BoundedMap<number, number>;
  /** Counters up to here were forgotten, and count as used up. */
  floor: number;
}

/** Tells a first question from its resend and from a replay, by the counter of its envelope. */
export class ReplayGuard {
  readonly #sessions = new BoundedMap<string, Window>(SESSIONS);

  look(session: string, counter: number): 'new' | 'resend' | 'replayed' {
    const window = this.#sessions.get(session);
    if (window === undefined) return 'new';
    const answers = window.answers.get(counter);
    if (answers === undefined) return counter <= window.floor ? 'replayed' : 'new';
    return answers < MOST_ANSWERS ? 'resend' : 'replayed';
  }

  answered(session: string, counter: number): void {
    const window = this.#sessions.get(session) ?? this.#open(session);
    window.answers.set(counter, (window.answers.get(counter) ?? 0) + 1);
  }

  #open(session: string): Window {
    const window: Window = {
      floor: -1,
      answers: new BoundedMap<number, number>(COUNTERS_A_SESSION, (counter) => {
        window.floor = Math.max(window.floor, counter);
      }),
    };
    this.#sessions.set(session, window);
    return window;
  }
}
