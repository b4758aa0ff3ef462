import { type Clock, within } from '../../platform/clock.js';
import type { AlarmContent } from '../../protocol/journal/seal.js';
import type { TapId } from '../../protocol/wire/messages.js';

/** An alarm of this start, with the place and the SM3 of its record. */
export interface RaisedAlarm {
  readonly id: TapId;
  readonly digest: Uint8Array;
  readonly content: AlarmContent;
}

/** A disk that takes longer is not waited for: somebody must hear of the alarm, on disk or not. */
const DURABLE_WAIT_MS = 500;
/** Raised while the journal opens, before anybody listens. */
const MOST_EARLY = 16;

/** Tells of each alarm as soon as its record is on disk, and at once where the disk does not take it. */
export class RaisedAlarms {
  readonly #early: RaisedAlarm[] = [];
  #listener: ((alarm: RaisedAlarm) => void) | undefined;

  constructor(private readonly clock: Clock) {}

  /** From here on told of each alarm, and now of those that came before. */
  listen(listener: (alarm: RaisedAlarm) => void): void {
    this.#listener = listener;
    for (const alarm of this.#early.splice(0)) listener(alarm);
  }

  /** @param durable of its record */
  raise(alarm: RaisedAlarm, durable: Promise<void>): void {
    const tell = () => {
      if (this.#listener !== undefined) this.#listener(alarm);
      else if (this.#early.length < MOST_EARLY) this.#early.push(alarm);
    };
    within(this.clock, DURABLE_WAIT_MS, durable).then(tell, tell);
  }
}
