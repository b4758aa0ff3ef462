import { isRealDate } from './calendar.js';

/**
 * - `resident`: the citizen's number (GB 11643-1999).
 * - `permit`: the residence permit for people from Hong Kong, Macao and Taiwan; same structure, regions 81, 82, 83.
 * - `foreigner-2023`: the permanent resident card issued since December 2023; 18 digits that begin with 9.
 * - `foreigner-2017`: the earlier permanent resident card; 15 characters that begin with three letters.
 */
export type IdNumberKind = 'resident' | 'permit' | 'foreigner-2023' | 'foreigner-2017';

export interface IdNumber {
  readonly kind: IdNumberKind;
  /** 18 characters with an upper-case X; 15 for `foreigner-2017`. */
  readonly number: string;
  /** `YYYYMMDD`; `YYMMDD` for `foreigner-2017`, whose number does not tell the century. */
  readonly birth: string;
  /** Undefined for `foreigner-2017`, whose number does not tell. */
  readonly sex: 'male' | 'female' | undefined;
}

/** Why a text is no ID number. None of these holds any part of it. */
export type IdNumberFault = 'length' | 'character' | 'region' | 'birth' | 'check-digit';

export type ParsedIdNumber =
  | { readonly ok: true; readonly number: IdNumber }
  | { readonly ok: false; readonly reason: IdNumberFault };

/** GB 11643-1999, 4.3: the weights and check characters of ISO 7064 MOD 11-2. */
const WEIGHTS: readonly number[] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK_CHARACTERS = '10X98765432';

/** The first two digits of GB/T 2260 region codes. The other four change every year: no table of them stays true. */
const PROVINCES: ReadonlySet<string> = new Set(
  (
    '11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 ' + '50 51 52 53 54 61 62 63 64 65 71'
  ).split(' '),
);
const PERMIT_REGIONS: ReadonlySet<string> = new Set(['81', '82', '83']);

/** In 15 digits these sequences were kept for people born in the nineteenth century. */
const CENTENARIAN_SEQUENCES: ReadonlySet<string> = new Set(['996', '997', '998', '999']);

/**
 * The check character of an 18-character number.
 *
 * @param first17 17 ASCII digits
 * @returns one of `0123456789X`, or undefined for anything else than 17 digits
 */
export function checkDigit(first17: string): string | undefined {
  if (!/^[0-9]{17}$/.test(first17)) return undefined;
  const sum = WEIGHTS.reduce((total, weight, index) => total + weight * Number(first17[index]), 0);
  return CHECK_CHARACTERS[sum % 11];
}

/**
 * A citizen's number of 15 digits as its 18 characters: the century is put in and the check character added.
 * The date in it is not looked at; `parseIdNumber` does that.
 *
 * @returns undefined for anything else than 15 ASCII digits
 */
export function upgradeIdNumber(fifteen: string): string | undefined {
  if (!/^[0-9]{15}$/.test(fifteen)) return undefined;
  const century = CENTENARIAN_SEQUENCES.has(fifteen.slice(12)) ? '18' : '19';
  const first17 = fifteen.slice(0, 6) + century + fifteen.slice(6);
  return `${first17}${checkDigit(first17)}`;
}

/**
 * Reads an ID number, typed or from a card. Nothing is trimmed and only ASCII is accepted: a full-width digit or
 * a space in a number is a fault of whatever produced it, and guessing could make another person of it. Lower
 * case becomes upper case; a citizen's number of 15 digits becomes one of 18.
 */
export function parseIdNumber(text: string): ParsedIdNumber {
  if (text.length !== 18 && text.length !== 15) return fault('length');
  const number = text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
  if (/^[0-9]{17}[0-9X]$/.test(number)) return parse18(number);
  if (/^[A-Z]{3}[0-9]{12}$/.test(number)) return parseForeigner2017(number);
  const upgraded = upgradeIdNumber(number);
  if (upgraded === undefined) return fault('character');
  // Permits and foreigners' cards are younger than the step to 18 digits.
  return PROVINCES.has(upgraded.slice(0, 2)) ? parse18(upgraded) : fault('region');
}

function parse18(number: string): ParsedIdNumber {
  const kind = kindOf18(number);
  if (kind === undefined) return fault('region');
  const birth = number.slice(6, 14);
  if (!isRealDate(birth)) return fault('birth');
  if (checkDigit(number.slice(0, 17)) !== number[17]) return fault('check-digit');
  const sex = Number(number[16]) % 2 === 1 ? 'male' : 'female';
  return { ok: true, number: { kind, number, birth, sex } };
}

function kindOf18(number: string): IdNumberKind | undefined {
  // `9`, the province that accepted the application, three digits for the country: these are the region here.
  if (number.startsWith('9')) return PROVINCES.has(number.slice(1, 3)) ? 'foreigner-2023' : undefined;
  const province = number.slice(0, 2);
  if (PERMIT_REGIONS.has(province)) return 'permit';
  return PROVINCES.has(province) ? 'resident' : undefined;
}

/**
 * Three letters, province and city, `YYMMDD`, a sequence digit, a check digit. The check digit is not checked:
 * published descriptions of it contradict one another, and a wrong rule would turn away real people.
 */
function parseForeigner2017(number: string): ParsedIdNumber {
  if (!PROVINCES.has(number.slice(3, 5))) return fault('region');
  const birth = number.slice(7, 13);
  if (!isRealDate(`19${birth}`) && !isRealDate(`20${birth}`)) return fault('birth');
  return { ok: true, number: { kind: 'foreigner-2017', number, birth, sex: undefined } };
}

function fault(reason: IdNumberFault): ParsedIdNumber {
  return { ok: false, reason };
}
