import { isRealDate } from './calendar.js';
import { countryDigits, isNationalityWithoutDigits } from './countries.js';
import { type IdNumber, type IdNumberFault, type IdNumberKind, parseIdNumber } from './idNumber.js';

export type IdCardField =
  | 'block'
  | 'kind'
  | 'name'
  | 'chineseName'
  | 'sex'
  | 'nation'
  | 'nationality'
  | 'birth'
  | 'address'
  | 'number'
  | 'authority'
  | 'validFrom'
  | 'validTo'
  | 'reserved';

export type IdCardFault =
  | IdNumberFault
  | 'unsupported'
  | 'empty'
  | 'padding'
  | 'not-a-date'
  | 'unknown-code'
  | 'wrong-kind'
  | 'disagrees';

/** One thing that is wrong with a text block. Names fields only: it may be logged. */
export interface IdCardProblem {
  readonly field: IdCardField;
  readonly fault: IdCardFault;
  /** The field it does not agree with, where `fault` is `disagrees`. */
  readonly with?: IdCardField;
}

export type Sex = 'male' | 'female' | 'unknown';

/** `validTo` of a card that never expires; the card says 长期. */
export const LONG_TERM = 'long-term';
export const LONG_TERM_ON_CARD = '长期';

/** GB/T 2261.1: 1 male, 2 female, 0 not known, 9 not stated. */
const SEX_OF: Readonly<Record<string, Sex>> = { '0': 'unknown', '1': 'male', '2': 'female', '9': 'unknown' };
export const SEX_CODES: Readonly<Record<Sex, string>> = { male: '1', female: '2', unknown: '0' };

/**
 * What no text on a card holds: control and format characters (they would steer a terminal or reverse what a
 * screen shows), halves of a surrogate pair, and the all-ones of erased memory. Private-use characters stay
 * allowed: rare characters of names are stored as such.
 */
const NEVER_IN_TEXT = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]/u;

/** Most one-bit errors of the padding behind a name are one of these; no name holds them. */
const NEVER_IN_NAME = /[0-9!"#$%&*+:;<=>?@[\\\]^_`{|}~]/;

const OTHER_SPACE = /(?! )\p{Zs}/u;
const OTHER_SPACE_AT_END = /(?! )\p{Zs} *$/u;

/** Reads fields and notes what is wrong. A reading of a bad field is a blank: look at `problems` before using any. */
export class Inspector {
  readonly problems: IdCardProblem[] = [];

  /** A name must be there; its only spaces are single ones between its parts. */
  name(field: 'name' | 'chineseName', raw: string): string {
    const text = this.#text(field, raw, OTHER_SPACE);
    if (NEVER_IN_NAME.test(text)) this.#note(field, 'character');
    if (text.includes('  ')) this.#note(field, 'padding');
    if (text === '' && field === 'name') this.#note(field, 'empty');
    return text;
  }

  authority(raw: string): string {
    return this.#text('authority', raw, OTHER_SPACE);
  }

  /** Written by hand in thousands of offices: any spaces between its parts are left alone. */
  address(raw: string): string {
    return this.#text('address', raw, OTHER_SPACE_AT_END);
  }

  blank(field: 'reserved', raw: string): void {
    if (/[^ ]/.test(raw)) this.#note(field, 'padding');
  }

  sex(raw: string): Sex | undefined {
    const sex = SEX_OF[raw];
    if (sex === undefined) this.#note('sex', 'unknown-code');
    return sex;
  }

  /**
   * GB/T 3304, and any other two digits: offices have given out codes beyond the standard, and an unusual nation
   * is no reason to turn a person away when nothing at a gate depends on it. 00 stands for nobody.
   */
  nation(raw: string): string {
    if (!/^[0-9]{2}$/.test(raw) || raw === '00') this.#note('nation', 'unknown-code');
    return raw;
  }

  date(field: 'birth' | 'validFrom', raw: string): string {
    if (isRealDate(raw)) return raw;
    this.#note(field, 'not-a-date');
    return '';
  }

  /** A date, or 长期 and six spaces. */
  lastDay(raw: string): string {
    if (raw === LONG_TERM_ON_CARD.padEnd(8)) return LONG_TERM;
    if (isRealDate(raw)) return raw;
    this.#note('validTo', 'not-a-date');
    return '';
  }

  /** The number field is full on every card: 18 characters, or 15 on the foreigner's card of 2017. */
  number(kind: IdNumberKind, raw: string): IdNumber | undefined {
    const parsed = parseIdNumber(raw);
    if (!parsed.ok) {
      this.#note('number', parsed.reason);
      return undefined;
    }
    if (parsed.number.kind === kind && parsed.number.number.length === raw.length) return parsed.number;
    this.#note('number', 'wrong-kind');
    return undefined;
  }

  /** Three letters that stand for a country, or for one of those who have none. */
  nationality(raw: string): string {
    const known = countryDigits(raw) !== undefined || isNationalityWithoutDigits(raw);
    if (!known) this.#note('nationality', 'unknown-code');
    return known ? raw : '';
  }

  /** Notes that two fields, both good by themselves, do not belong to one card. */
  expect(agree: boolean, field: IdCardField, other: IdCardField): void {
    if (!agree) this.problems.push({ field, fault: 'disagrees', with: other });
  }

  #text(field: 'name' | 'chineseName' | 'authority' | 'address', raw: string, otherSpace: RegExp): string {
    const text = trimPadding(raw);
    if (NEVER_IN_TEXT.test(text)) this.#note(field, 'character');
    if (text.startsWith(' ') || otherSpace.test(text)) this.#note(field, 'padding');
    return text;
  }

  #note(field: IdCardField, fault: IdCardFault): void {
    this.problems.push({ field, fault });
  }
}

/** A field whose meaning is disputed: its text where it is clean, else nothing. Never a reason to turn a card away. */
export function disputed(raw: string): string {
  return NEVER_IN_TEXT.test(raw) ? '' : trimPadding(raw);
}

function trimPadding(raw: string): string {
  return raw.replace(/ +$/, '');
}
