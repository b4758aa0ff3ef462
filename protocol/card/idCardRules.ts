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
  | 'travelPermit'
  | 'issueCount'
  | 'cardVersion'
  | 'authorityCode'
  | 'renewalCount'
  | 'reservedOrIssuer'
  | 'earlierNumberLink'
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

/** What a name in Latin letters never holds; most one-bit errors of the padding behind it are one of these. */
const NEVER_IN_LATIN_NAME = /[0-9!"#$%&*+:;<=>?@[\\\]^_`{|}~]/;

/** Chinese characters, 〇, the private-use ones, and what Unicode adds to planes 2 and 3 after this runtime was built. */
const HAN = String.raw`\p{Script=Han}\u{20000}-\u{3FFFD}\p{Co}`;

/** Dots between the parts of a name; GB 2312 position 1-4 is U+00B7 in some conversion tables, U+30FB in others. */
const DOTS = '·•・‧.．';

/** GB 2312 position 1-10 is U+2014 in some conversion tables, U+2015 in others. */
const DASHES = String.raw`\-－–—―`;

/**
 * What joins house numbers (1-2, 3/4, 5～6, #7), parts of a place (、 ，) and the usual name of one (brackets, quotes);
 * Roman numerals number blocks. Nothing else: a mark more is a damaged blank more that passes for text.
 */
const ADDRESS_MARKS = '()（）“”、，,。#＃/／~～Ⅰ-Ⅻ';

/** Latin letters with accents too: Macao has Portuguese names. */
const ALL_CHINESE_NAME = new RegExp(`^[${HAN}\\p{Script=Latin}${DOTS}${DASHES}'’ ]*$`, 'u');
const ALL_PLACE = new RegExp(
  `^[${HAN}A-Za-zＡ-Ｚａ-ｚ0-9０-９${DOTS}${DASHES}${ADDRESS_MARKS} \u3000]*$`,
  'u',
);

/** Single blanks, and only between the parts of a text. The blanks behind it are cut off before. */
const MISPLACED_BLANK = /^ | {2}|(?! )\p{Zs}/u;
/** Written by hand in thousands of offices: the single blank may be an ideographic one. */
const MISPLACED_BLANK_IN_ADDRESS = /^[ \u3000]|[ \u3000]{2}|\u3000$|(?![ \u3000])\p{Zs}/u;
const ANY_BLANK = /\p{Zs}/u;

type TextField = Exclude<IdCardField, 'block' | 'kind' | 'sex' | 'number'>;

/** Reads fields and notes what is wrong. A reading of a bad field is a blank: look at `problems` before using any. */
export class Inspector {
  readonly problems: IdCardProblem[] = [];

  /** A resident's name; it must be there. */
  name(raw: string): string {
    return this.#present(this.chineseName('name', raw));
  }

  /** A foreigner's name; it must be there. */
  latinName(raw: string): string {
    const text = this.printable('name', raw);
    if (NEVER_IN_LATIN_NAME.test(text)) this.#note('name', 'character');
    return this.#present(text);
  }

  /** May be empty: not every foreigner has one. */
  chineseName(field: 'name' | 'chineseName', raw: string): string {
    return this.#text(field, raw, MISPLACED_BLANK, ALL_CHINESE_NAME);
  }

  authority(raw: string): string {
    return this.#text('authority', raw, ANY_BLANK, ALL_PLACE);
  }

  address(raw: string): string {
    return this.#text('address', raw, MISPLACED_BLANK_IN_ADDRESS, ALL_PLACE);
  }

  /** Where published readers disagree on the meaning, or are silent on the format: any text, then blanks only. */
  printable(field: TextField, raw: string): string {
    return this.#text(field, raw, MISPLACED_BLANK);
  }

  /** Up to nine capital letters and digits. */
  travelPermit(raw: string): string {
    return this.#matching('travelPermit', raw, /^[A-Z0-9]* *$/);
  }

  /** Two digits; some cards hold one, or none. */
  issueCount(raw: string): string {
    return this.#matching('issueCount', raw, /^(?:[0-9]{2}|[0-9] | {2})$/);
  }

  blank(raw: string): void {
    if (/[^ ]/.test(raw)) this.#note('reserved', 'padding');
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

  #text(field: TextField, raw: string, misplacedBlank: RegExp, allowed?: RegExp): string {
    const text = trimPadding(raw);
    if (misplacedBlank.test(text)) this.#note(field, 'padding');
    else if (NEVER_IN_TEXT.test(text) || allowed?.test(text) === false) this.#note(field, 'character');
    return text;
  }

  #matching(field: TextField, raw: string, format: RegExp): string {
    if (!format.test(raw)) this.#note(field, 'character');
    return trimPadding(raw);
  }

  #present(name: string): string {
    if (name === '') this.#note('name', 'empty');
    return name;
  }

  #note(field: IdCardField, fault: IdCardFault): void {
    this.problems.push({ field, fault });
  }
}

function trimPadding(raw: string): string {
  return raw.replace(/ +$/, '');
}
