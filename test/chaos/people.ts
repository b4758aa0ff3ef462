import { makeCard } from '../../drivers/simulated/cards.js';
import type { Random } from '../../drivers/simulated/random.js';
import { encodeIdCard } from '../../protocol/card/idCard.js';
import { checkDigit } from '../../protocol/card/idNumber.js';
import { chance } from './sim/clock.js';

export type Color = 'green' | 'yellow' | 'red' | undefined;

/** Somebody of the day; all are made up. */
export interface DayPerson {
  readonly idNumber: string;
  readonly name: string;
  readonly address: string;
  /** Undefined for somebody whom central does not know. */
  readonly color: Color;
  /** The printed dates are over. */
  readonly isExpired: boolean;
  /** The card's text block. */
  readonly card: Uint8Array;
}

const DAY_MS = 86_400_000;
const GIVEN = '桂芳兰英秀珍玉梅淑华志强建国德明福生春秋';
/** Two colors follow one another on the pad more often than not, or a verdict used for another would not show. */
const COLORS: readonly Color[] = [
  'green',
  'red',
  'green',
  'yellow',
  'green',
  'red',
  'green',
  undefined,
  'green',
  'green',
  'red',
  'green',
];

function personAt(index: number, color: Color, isExpired: boolean, random: Random): DayPerson {
  const birth = new Date(Date.UTC(1931, 2, 3) + (random() % 7000) * DAY_MS).toISOString().slice(0, 10);
  const first17 = `350203${birth.replaceAll('-', '')}${String(100 + index)}`;
  const idNumber = `${first17}${checkDigit(first17)}`;
  const given = () => GIVEN[random() % GIVEN.length] ?? '';
  // Four characters: a shorter name would turn up in random bytes by accident, once in a thousand days.
  const name = `欧阳${given()}${given()}`;
  const address = `福建省厦门市思明区虚拟路${100 + index}号${random() % 900}室`;
  const dates = isExpired ? { validFrom: '20060101', validTo: '20160101' } : {};
  return {
    idNumber,
    name,
    address,
    color,
    isExpired,
    card: encodeIdCard(makeCard(idNumber, { name, address, ...dates })),
  };
}

export function drawPeople(random: Random): DayPerson[] {
  return COLORS.map((color, index) =>
    personAt(index, color, color === 'green' && chance(random, 0.12), random),
  );
}

/** The people file that central reads. */
export function peopleFile(people: readonly DayPerson[]): string {
  const known = people.filter(({ color }) => color !== undefined);
  return JSON.stringify(known.map(({ idNumber, name, color }) => ({ idNumber, name, healthCode: color })));
}
