import type { SignalName } from '../../../daemon/lane/signals.js';
import type { LevelChange } from '../../screen/gpioFolder.js';

/** What comes to the gate when a key is pressed. */
export const CARDS = ['green', 'yellow', 'red', 'unknown', 'expired', 'damaged'] as const;
export type CardKind = (typeof CARDS)[number];

/** What the daemon's log says of a tap that was decided. */
export interface Decided {
  readonly tap: string;
  readonly outcome: string;
  readonly action: string;
  /** From the card's text to the decision. */
  readonly tookMs: number;
  /** From question to verdict; undefined where none came. */
  readonly networkMs: number | undefined;
}

/** A line of `central events`, as far as the screen shows it. */
export interface KnownEvent {
  readonly kind: string;
  readonly epoch: number;
  readonly seq: number;
  readonly [field: string]: unknown;
}

/** Records and taps of the run, counted in the files that hold them. */
export interface Counts {
  /** People who were told an outcome by a lamp. */
  readonly came: number;
  readonly atCentral: number;
  /** Records on the gate's disk that central has not. */
  readonly waiting: number;
  /** People whose tap is neither on the gate's disk nor at central. */
  readonly lost: number;
}

/** One line about somebody who came. */
export interface Visit {
  readonly number: number;
  readonly card: CardKind;
  readonly outcome: string;
  readonly action: string;
  readonly time: string;
}

/** Everything that changes the picture. */
export type Happening =
  | ({ readonly type: 'level' } & LevelChange)
  | { readonly type: 'signal'; readonly signal: SignalName }
  | ({ readonly type: 'decided' } & Decided)
  | { readonly type: 'event'; readonly event: KnownEvent }
  | { readonly type: 'message'; readonly topic: string; readonly payload: Buffer }
  | { readonly type: 'visit'; readonly visit: Visit }
  | { readonly type: 'counts'; readonly counts: Counts }
  | { readonly type: 'network'; readonly up: boolean }
  | { readonly type: 'daemon'; readonly state: 'runs' | 'killed' | 'starts' }
  | { readonly type: 'note'; readonly text: string };

/** Brings what happens to whoever waits for it. */
export class Happenings {
  readonly #listeners = new Set<(happening: Happening) => void>();

  /** @returns how to stop listening */
  listen(listener: (happening: Happening) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(happening: Happening): void {
    for (const listener of [...this.#listeners]) listener(happening);
  }

  /** The first thing from now on in which `look` finds what it wants; undefined when none came in time. */
  next<T>(look: (happening: Happening) => T | undefined, withinMs: number): Promise<T | undefined> {
    return new Promise((resolve) => {
      const end = (found: T | undefined) => {
        clearTimeout(timer);
        stop();
        resolve(found);
      };
      const timer = setTimeout(end, withinMs, undefined);
      const stop = this.listen((happening) => {
        const found = look(happening);
        if (found !== undefined) end(found);
      });
    });
  }
}
