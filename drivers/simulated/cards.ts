import * as v from 'valibot';
import { isRealDate } from '../../protocol/card/calendar.js';
import { countryLetters } from '../../protocol/card/countries.js';
import {
  decodeIdCard,
  encodeIdCard,
  fieldThatDoesNotFit,
  type IdCard,
  LONG_TERM,
  type Sex,
} from '../../protocol/card/idCard.js';
import { type IdNumber, type IdNumberKind, parseIdNumber } from '../../protocol/card/idNumber.js';
import { NATIONS } from '../../protocol/card/nations.js';
import { CardpadError } from '../../protocol/errors.js';
import { pick, type Random, seededRandom, seedOf } from './random.js';

/** What a made card says beside its number; whatever is left out is made up from the number. */
export interface CardDetails {
  readonly name?: string | undefined;
  readonly chineseName?: string | undefined;
  readonly sex?: Sex | undefined;
  /** `YYYYMMDD`. */
  readonly birth?: string | undefined;
  /** Two digits or the name of a nation, `01` or `汉`. */
  readonly nation?: string | undefined;
  /** Three letters. */
  readonly nationality?: string | undefined;
  readonly address?: string | undefined;
  readonly authority?: string | undefined;
  /** `YYYYMMDD`. */
  readonly validFrom?: string | undefined;
  /** `YYYYMMDD`, `long-term` or `长期`. */
  readonly validTo?: string | undefined;
  readonly travelPermit?: string | undefined;
}

export interface CardsFileError {
  /** Place in the array, from 0; undefined where the file as a whole is meant. */
  readonly index: number | undefined;
  readonly field: string;
  /** For people; holds nothing of the file's contents. */
  readonly message: string;
}

export type CardsFile =
  | { readonly ok: true; readonly cards: readonly IdCard[] }
  | { readonly ok: false; readonly errors: readonly CardsFileError[] };

const SURNAMES = ['测', '试', '样', '例', '虚', '拟'] as const;
const GIVEN_NAMES = ['一', '二', '三', '四', '五', '六', '七', '八', '九', '十'] as const;
const LATIN_NAMES = ['ALEX', 'KIM', 'ROBIN', 'SASHA', 'NOOR', 'JUN'] as const;

const FIRST_DAY = '20240101';
/** From 46 years on a citizen's card never expires (Law on Resident Identity Cards, art. 5). */
const LONG_TERM_AGE = 46;

/**
 * Makes a fictional card for a number: of the kind that the number is of, and the same each time.
 *
 * @throws CardpadError `simulated-card.number` (reject) for a text that is no ID number
 */
export function makeCard(idNumber: string, details: CardDetails = {}): IdCard {
  const parsed = parseIdNumber(idNumber);
  if (parsed.ok) return cardOf(parsed.number, details);
  throw new CardpadError('simulated-card.number', 'reject', `the ID number is not one: ${parsed.reason}`, {
    help: 'Give 18 characters with a right check character, or 15 of an earlier number.',
  });
}

function cardOf(number: IdNumber, details: CardDetails): IdCard {
  const random = seededRandom(seedOf(Buffer.from(number.number)));
  const birth = details.birth ?? fullBirth(number.birth);
  const validFrom = details.validFrom ?? (birth > FIRST_DAY ? birth : FIRST_DAY);
  const person = {
    number: number.number,
    birth,
    sex: details.sex ?? number.sex ?? 'female',
    validFrom,
    validTo: lastDay(details.validTo, number.kind, birth, validFrom),
  };
  const chineseName = pick(random, SURNAMES) + pick(random, GIVEN_NAMES) + pick(random, GIVEN_NAMES);
  const home = {
    name: details.name ?? chineseName,
    address: details.address ?? `测试省测试市测试路${1 + (random() % 999)}号`,
    authority: details.authority ?? '测试市公安局',
  };
  const foreigner = {
    name: details.name ?? `SAMPLE, ${pick(random, LATIN_NAMES)}`,
    chineseName: details.chineseName ?? chineseName,
  };
  switch (number.kind) {
    case 'resident':
      return { kind: number.kind, ...person, ...home, nation: nationCode(details.nation) };
    case 'permit': {
      const travelPermit = details.travelPermit ?? travelPermitFor(number.number, random);
      return { kind: number.kind, ...person, ...home, travelPermit, issueCount: '01' };
    }
    case 'foreigner-2017': {
      const nationality = details.nationality ?? number.number.slice(0, 3);
      return {
        kind: number.kind,
        ...person,
        ...foreigner,
        nationality,
        cardVersion: '01',
        authorityCode: '1100',
      };
    }
    case 'foreigner-2023': {
      const nationality = details.nationality ?? countryLetters(number.number.slice(3, 6)) ?? 'XXA';
      return {
        kind: number.kind,
        ...person,
        ...foreigner,
        nationality,
        renewalCount: '00',
        earlierNumberLink: '',
      };
    }
  }
}

/** The century of a `YYMMDD` is made up: the last one, unless 29 February tells otherwise. */
function fullBirth(birth: string): string {
  if (birth.length === 8) return birth;
  const nineteenth = `19${birth}`;
  return isRealDate(nineteenth) ? nineteenth : `20${birth}`;
}

/** Children's cards are made to last ten years instead of five, so that a test file does not expire under its users. */
function lastDay(wanted: string | undefined, kind: IdNumberKind, birth: string, validFrom: string): string {
  if (wanted !== undefined) return wanted === '长期' ? LONG_TERM : wanted;
  const year = Number(validFrom.slice(0, 4));
  const age = year - Number(birth.slice(0, 4));
  if (kind === 'resident' && age >= LONG_TERM_AGE) return LONG_TERM;
  const sameDay = validFrom.slice(4) === '0229' ? '0228' : validFrom.slice(4);
  return `${year + 10}${sameDay}`;
}

function nationCode(nation: string | undefined): string {
  const named = Object.entries(NATIONS).find(([, name]) => name === nation);
  return named?.[0] ?? nation ?? '01';
}

/** H or M and eight digits for Hong Kong and Macao, eight digits for Taiwan. */
function travelPermitFor(number: string, random: Random): string {
  const letters: Readonly<Record<string, string>> = { '81': 'H', '82': 'M' };
  const digits = String(random() % 100_000_000).padStart(8, '0');
  return (letters[number.slice(0, 2)] ?? '') + digits;
}

const text = v.optional(v.string());
const Entry = v.object({
  idNumber: v.string(),
  kind: v.optional(v.picklist(['resident', 'permit', 'foreigner-2017', 'foreigner-2023'])),
  name: text,
  chineseName: text,
  sex: v.optional(v.picklist(['male', 'female', 'unknown'])),
  birth: text,
  nation: text,
  nationality: text,
  address: text,
  authority: text,
  validFrom: text,
  validTo: text,
  travelPermit: text,
});

/**
 * Reads a cards file: a JSON array of objects with `idNumber` and any of the details. Keys that are not known
 * are ignored, so that a file of people serves as a file of cards.
 */
export function readCardsFile(json: string): CardsFile {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch {
    return { ok: false, errors: [{ index: undefined, field: '', message: 'the file is not JSON' }] };
  }
  if (!Array.isArray(document)) {
    return { ok: false, errors: [{ index: undefined, field: '', message: 'the file is not a JSON array' }] };
  }
  const results = document.map((entry: unknown, index) => readEntry(entry, index));
  const errors = results.flatMap((result) => (Array.isArray(result) ? result : []));
  if (errors.length > 0) return { ok: false, errors };
  return { ok: true, cards: results.flatMap((result) => (Array.isArray(result) ? [] : [result])) };
}

function readEntry(entry: unknown, index: number): IdCard | CardsFileError[] {
  const parsed = v.safeParse(Entry, entry);
  if (!parsed.success) {
    return parsed.issues.map((issue) => ({
      index,
      field: v.getDotPath(issue) ?? '',
      message:
        issue.received === 'undefined' ? 'is missing' : 'has the wrong type or is not one of the choices',
    }));
  }
  const { idNumber, kind, ...details } = parsed.output;
  const number = parseIdNumber(idNumber);
  if (!number.ok) return [{ index, field: 'idNumber', message: `is no ID number: ${number.reason}` }];
  if (kind !== undefined && kind !== number.number.kind) {
    return [{ index, field: 'kind', message: `the number is of a ${number.number.kind} card` }];
  }
  return checked(cardOf(number.number, details), index);
}

/** A card that a reader would turn away is a mistake in the file. */
function checked(card: IdCard, index: number): IdCard | CardsFileError[] {
  const tooLong = fieldThatDoesNotFit(card);
  if (tooLong !== undefined) return [{ index, field: tooLong, message: 'does not fit on the card' }];
  const decoded = decodeIdCard(encodeIdCard(card));
  if (decoded.ok) return card;
  return decoded.problems.map(({ field, fault, with: other }) => ({
    index,
    field: field === 'number' ? 'idNumber' : field,
    message: other === undefined ? fault : `${fault} with ${other}`,
  }));
}
