import { makeCard } from '../../../drivers/simulated/cards.js';
import { encodeIdCard } from '../../../protocol/card/idCard.js';
import { checkDigit } from '../../../protocol/card/idNumber.js';

/** Somebody who comes to a test's gate; all are made up. What has no `healthCode` and no `visits` is not known. */
export interface Person {
  readonly idNumber: string;
  readonly name: string;
  readonly healthCode?: 'green' | 'yellow' | 'red';
  readonly visits?: readonly { readonly site: string; readonly from: string; readonly to: string }[];
  /** The last day of the card, `YYYYMMDD`. */
  readonly validTo?: string;
}

const DAY_MS = 24 * 3600 * 1000;
const SURNAMES = '赵钱孙李周吴郑王冯陈';
const GIVEN = '淑芬秀兰桂英建国志明';

/** An elder, another for each `index`. */
export function elder(index: number, facts: Omit<Person, 'idNumber' | 'name'> = {}): Person {
  // Born within fifty years, and numbered from 101: of thousands no two have the same of both.
  const bornMs = Date.UTC(1931, 4, 17) + ((index * 37) % 18_000) * DAY_MS;
  const birth = new Date(bornMs).toISOString().slice(0, 10);
  const first17 = `350203${birth.replaceAll('-', '')}${101 + (index % 898)}`;
  const [surname, first, second] = [SURNAMES[index % 10], GIVEN[index % 10], GIVEN[(index * 3 + 7) % 10]];
  return { idNumber: `${first17}${checkDigit(first17)}`, name: `${surname}${first}${second}`, ...facts };
}

/** The text of that person's card. */
export const cardOf = ({ idNumber, name, validTo }: Person): Buffer =>
  encodeIdCard(makeCard(idNumber, { name, validTo }));

/** A day from today, `2026-01-31`. */
export const day = (offset: number): string =>
  new Date(Date.now() + offset * DAY_MS).toISOString().slice(0, 10);
