import { makeCard } from '../../../drivers/simulated/cards.js';
import { encodeIdCard } from '../../../protocol/card/idCard.js';
import { type StagedPerson, stagedPeople } from '../../staging/people.js';
import type { CardKind } from './happenings.js';

/** Who may come: enough that nobody needs to come twice while somebody watches. */
const PEOPLE = 2_000;
const EXPIRED = { validFrom: '20040101', validTo: '20240101' } as const;

const HEALTH_CODE: Readonly<Record<CardKind, StagedPerson['healthCode']>> = {
  green: 'green',
  yellow: 'yellow',
  red: 'red',
  unknown: undefined,
  expired: 'green',
  damaged: 'green',
};

/** The people of the living lane: somebody else for each card. */
export class Visitors {
  readonly people = stagedPeople(PEOPLE);
  readonly #next = new Map<StagedPerson['healthCode'], number>();

  /** The text of the card of the next one with such a card. */
  card(kind: CardKind): Uint8Array {
    const code = HEALTH_CODE[kind];
    const such = this.people.filter(({ healthCode }) => healthCode === code);
    const index = this.#next.get(code) ?? 0;
    this.#next.set(code, index + 1);
    const person = such[index % such.length];
    if (person === undefined) throw new RangeError(`nobody has a card that is ${kind}`);
    return encodeIdCard(makeCard(person.idNumber, kind === 'expired' ? EXPIRED : {}));
  }
}
