import type { ReaderEvent } from '../drivers/readers/readerEvents.js';
import type { Clock } from '../platform/clock.js';
import { documentValidity, type IdCard } from '../protocol/card/idCard.js';
import type { Validity } from '../protocol/credential.js';
import { Personal } from '../protocol/personal.js';
import { hmacSm3 } from '../protocol/sm/sm3.js';
import type { LaneInput } from './lane/state.js';

export interface CardInputsOptions {
  /** The reader's place in the configuration. */
  readonly source: number;
  readonly clock: Clock;
  /** `YYYYMMDD` where the gate stands. */
  readonly today: () => string;
  /** 32 bytes made at each start: identities are told apart for as long as this process lives, and no longer. */
  readonly identitySecret: Buffer;
  readonly dispatch: (input: LaneInput) => void;
}

/** Whether a card says that it is out of date, which takes a second identical read to be believed. */
export function saysExpired(card: Personal<IdCard>, today: string): boolean {
  return documentValidity(card.reveal(), today) === 'expired';
}

/** Turns what an ID-card reader tells into inputs of the lane. Above this, nobody sees a name or an address. */
export class CardInputs {
  /** The last text was handed on. Time may be learned between text and frame, and with it what counts as expired. */
  #told = false;
  /** Whose card the last text was. */
  #read: string | undefined;
  /** Whose card was read whole and may lie there still. A module that is slow to read it looks like a new card each time. */
  #resting: string | undefined;

  constructor(private readonly options: CardInputsOptions) {}

  onEvent(event: ReaderEvent): void {
    const { source, clock, dispatch, today } = this.options;
    const nowMs = clock.monotonicMs();
    switch (event.type) {
      case 'found':
        return dispatch({ type: 'found', nowMs, source });
      case 'text':
        // An "expired" waits for what the second read says.
        this.#told = !saysExpired(event.card, today());
        if (this.#told) this.#card(event.card, false);
        return;
      case 'whole':
        if (!this.#told) this.#card(event.card, event.confirmed);
        this.#resting = this.#read;
        // Not the time of before: the card's own input may have come in between, and nothing is decided before it.
        return dispatch({ type: 'whole', nowMs: clock.monotonicMs(), source });
      case 'failed':
        return dispatch({
          type: 'failed',
          nowMs,
          source,
          reason: `card.${event.reason}`,
          final: event.final,
        });
      case 'absent':
        this.#resting = undefined;
        return dispatch({ type: 'absent', nowMs, source });
      case 'state':
        // While a module could not tell, anybody may have come and gone.
        if (event.state !== 'ready') this.#resting = undefined;
        return;
    }
  }

  #card(card: Personal<IdCard>, confirmed: boolean): void {
    const { source, clock, dispatch, identitySecret } = this.options;
    const number = card.reveal().number;
    const identity = hmacSm3(identitySecret, Buffer.from(number, 'utf8')).toString('hex');
    this.#read = identity;
    dispatch({
      type: 'card',
      nowMs: clock.monotonicMs(),
      source,
      identity,
      credential: {
        medium: 'id-card',
        token: new Personal(number),
        assurance: 'sam',
        validity: this.#validity(card, confirmed),
      },
      ...(identity === this.#resting ? { isResting: true } : {}),
    });
  }

  #validity(card: Personal<IdCard>, confirmed: boolean): Validity {
    const validity = documentValidity(card.reveal(), this.options.today());
    return validity === 'expired' && !confirmed ? 'unconfirmed' : validity;
  }
}
