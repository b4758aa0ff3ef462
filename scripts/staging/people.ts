import { checkDigit } from '../../protocol/card/idNumber.js';

/** Somebody who comes to a staged gate. All of them are made up. */
export interface StagedPerson {
  readonly idNumber: string;
  /** Undefined for somebody whom central does not know. */
  readonly healthCode: 'green' | 'yellow' | 'red' | undefined;
}

const DAY_MS = 24 * 3600 * 1000;

/** What each of ten in a row has; the last one of them is not known to central. */
const CODES = [
  'green',
  'green',
  'green',
  'yellow',
  'green',
  'green',
  'red',
  'green',
  'green',
  undefined,
] as const;

/** Elders all: born from 1930 on, a day apart. */
export function stagedPeople(count: number): StagedPerson[] {
  return Array.from({ length: count }, (_, index) => {
    const birth = new Date(Date.UTC(1930, 0, 1) + (index % 7000) * DAY_MS).toISOString().slice(0, 10);
    const sequence = String((Math.floor(index / 7000) * 2 + 1) % 1000).padStart(3, '0');
    const first17 = `110105${birth.replaceAll('-', '')}${sequence}`;
    return { idNumber: `${first17}${checkDigit(first17)}`, healthCode: CODES[index % CODES.length] };
  });
}

/** The people file that central reads. */
export function peopleFile(people: readonly StagedPerson[]): string {
  return JSON.stringify(people.filter(({ healthCode }) => healthCode !== undefined));
}
