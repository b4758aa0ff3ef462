import type { TapId } from '../../protocol/wire/messages.js';
import type { Place } from '../../protocol/wire/session.js';
import type { Outgoing } from '../journal/archive.js';

interface Sent {
  readonly outgoing: Outgoing;
  readonly sentMs: number;
}

/** Names kept of sendings without an answer; older ones are not answered any more. */
const MOST_NAMES = 64;

/** The batches that are out, oldest first, and the names under which they were sent, now and before. */
export class Flight {
  readonly #sent: Sent[] = [];
  /** What each sending held last: an ack names its sending by session and counter. */
  readonly #names = new Map<string, TapId>();

  get count(): number {
    return this.#sent.length;
  }

  /** The one sent last. */
  get newest(): Outgoing | undefined {
    return this.#sent.at(-1)?.outgoing;
  }

  add(name: string, outgoing: Outgoing, sentMs: number): void {
    this.#sent.push({ outgoing, sentMs });
    this.#names.set(name, outgoing.last);
    const [oldest] = this.#names.keys();
    if (this.#names.size > MOST_NAMES && oldest !== undefined) this.#names.delete(oldest);
  }

  /** Whether an ack of this name answers something that is out. */
  awaits(name: string): boolean {
    return this.count > 0 && this.#names.has(name);
  }

  /** Whether a batch that is out ends at this place, with this head. */
  endsAt(place: Place): boolean {
    return this.#sent.some(
      ({ outgoing: { last } }) =>
        last.epoch === place.epoch && last.seq === place.seq && last.head === place.head,
    );
  }

  /**
   * Central has everything up to here: what is out as far as that is out no more, nor is anything that does not follow on.
   * @returns when the newest of these was sent; undefined where the place is not the end of one
   */
  settle(place: TapId): number | undefined {
    for (const [name, last] of this.#names) if (!isAfter(last, place)) this.#names.delete(name);
    const at = this.#sent.findIndex(
      ({ outgoing: { last } }) => last.epoch === place.epoch && last.seq === place.seq,
    );
    const settled = this.#sent.splice(0, at === -1 ? this.count : at + 1);
    return at === -1 ? undefined : settled.at(-1)?.sentMs;
  }

  /** Nothing is out any more; a late answer to what was sent again still counts. */
  land(): void {
    this.#sent.length = 0;
  }

  /** Nothing is out, and no answer to it is wanted. */
  forget(): void {
    this.land();
    this.#names.clear();
  }
}

/** Whether one place lies behind another. */
export function isAfter(a: TapId, b: TapId): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq);
}
