import type { Validity } from '../credential.js';
import { CardpadError } from '../errors.js';
import { Personal } from '../personal.js';
import { countryDigits } from './countries.js';
import {
  type IdCardProblem,
  Inspector,
  LONG_TERM,
  LONG_TERM_ON_CARD,
  SEX_CODES,
  type Sex,
} from './idCardRules.js';
import type { IdNumber } from './idNumber.js';
import {
  cutFields,
  FOREIGNER_2017_LAYOUT,
  FOREIGNER_2023_LAYOUT,
  fillFields,
  KIND_SLOT,
  PERMIT_LAYOUT,
  RESIDENT_LAYOUT,
  TEXT_BLOCK_BYTES,
  unitsOf,
} from './textBlock.js';

export type { IdCardFault, IdCardField, IdCardProblem, Sex } from './idCardRules.js';
export { LONG_TERM } from './idCardRules.js';

interface AnyCard {
  /** Chinese for residents and permits, in Latin letters for foreigners; never empty. */
  readonly name: string;
  readonly sex: Sex;
  /** `YYYYMMDD`. */
  readonly birth: string;
  /** 18 characters, 15 for `foreigner-2017`. */
  readonly number: string;
  /** `YYYYMMDD`. */
  readonly validFrom: string;
  /** `YYYYMMDD` of the last valid day, or `LONG_TERM`. */
  readonly validTo: string;
}

export interface ResidentCard extends AnyCard {
  readonly kind: 'resident';
  /** Two digits, GB/T 3304 or beyond it. */
  readonly nation: string;
  readonly address: string;
  readonly authority: string;
}

export interface PermitCard extends AnyCard {
  readonly kind: 'permit';
  readonly address: string;
  readonly authority: string;
  readonly travelPermit: string;
  readonly issueCount: string;
}

export interface Foreigner2017Card extends AnyCard {
  readonly kind: 'foreigner-2017';
  /** May be empty. */
  readonly chineseName: string;
  /** Three letters. */
  readonly nationality: string;
  readonly cardVersion: string;
  readonly authorityCode: string;
}

export interface Foreigner2023Card extends AnyCard {
  readonly kind: 'foreigner-2023';
  /** May be empty. */
  readonly chineseName: string;
  /** Three letters. */
  readonly nationality: string;
  readonly renewalCount: string;
  /** What leads to the holder's earlier 15-character number. */
  readonly earlierNumberLink: string;
}

/** What an identity card says. It tells who somebody is: hand it around as `Personal<IdCard>`. */
export type IdCard = ResidentCard | PermitCard | Foreigner2017Card | Foreigner2023Card;

export type DecodedIdCard =
  | { readonly ok: true; readonly card: Personal<IdCard> }
  | { readonly ok: false; readonly problems: readonly IdCardProblem[] };

/**
 * Reads the text block of a card and checks its fields against one another. The one-byte checksum of the line
 * lets one in eight two-bit errors pass, so a block is a person only if number, birth, sex, dates and padding
 * agree. Places on whose meaning published readers disagree may hold any text, but padding as everywhere else.
 */
export function decodeIdCard(block: Uint8Array): DecodedIdCard {
  if (block.length !== TEXT_BLOCK_BYTES)
    return { ok: false, problems: [{ field: 'block', fault: 'length' }] };
  const decode = DECODERS[cutFields(block, { kind: KIND_SLOT }).kind];
  if (decode === undefined) return { ok: false, problems: [{ field: 'kind', fault: 'unsupported' }] };
  const inspector = new Inspector();
  const card = decode(block, inspector);
  const { problems } = inspector;
  return problems.length === 0 ? { ok: true, card: new Personal(card) } : { ok: false, problems };
}

/**
 * Writes a card as its text block. Nothing is checked against anything, so that tests can make bad cards too.
 *
 * @throws CardpadError `id-card.field-too-long` (reject), naming the field
 */
export function encodeIdCard(card: IdCard): Buffer {
  const block = fill(card);
  if (typeof block !== 'string') return block;
  const field = fieldThatDoesNotFit(card);
  throw new CardpadError('id-card.field-too-long', 'reject', `the field "${field}" does not fit on the card`);
}

/** The field whose text is too long for the card, if any. */
export function fieldThatDoesNotFit(card: IdCard): string | undefined {
  const block = fill(card);
  if (typeof block !== 'string') return undefined;
  return block === 'nameEnd' ? 'name' : block;
}

/**
 * What the dates on the card say of a day. The last day still counts.
 *
 * @param today `YYYYMMDD` where the gate stands
 */
export function documentValidity(
  card: Pick<IdCard, 'validFrom' | 'validTo'>,
  today: string,
): Extract<Validity, 'valid' | 'expired' | 'not-yet'> {
  if (today < card.validFrom) return 'not-yet';
  return card.validTo !== LONG_TERM && today > card.validTo ? 'expired' : 'valid';
}

const DECODERS: Readonly<Record<string, (block: Uint8Array, inspector: Inspector) => IdCard>> = {
  ' ': decodeResident,
  J: decodePermit,
  I: decodeForeigner2017,
  Y: decodeForeigner2023,
};

function decodeResident(block: Uint8Array, inspector: Inspector): ResidentCard {
  const raw = cutFields(block, RESIDENT_LAYOUT);
  inspector.blank(raw.reserved);
  const number = inspector.number('resident', raw.number);
  return {
    kind: 'resident',
    name: inspector.name(raw.name),
    nation: inspector.nation(raw.nation),
    address: inspector.address(raw.address),
    authority: inspector.authority(raw.authority),
    ...person(inspector, raw, number),
  };
}

function decodePermit(block: Uint8Array, inspector: Inspector): PermitCard {
  const raw = cutFields(block, PERMIT_LAYOUT);
  inspector.blank(raw.reservedNation + raw.reservedBeforeKind + raw.reservedEnd);
  const number = inspector.number('permit', raw.number);
  return {
    kind: 'permit',
    name: inspector.name(raw.name),
    address: inspector.address(raw.address),
    authority: inspector.authority(raw.authority),
    travelPermit: inspector.travelPermit(raw.travelPermit),
    issueCount: inspector.issueCount(raw.issueCount),
    ...person(inspector, raw, number),
  };
}

function decodeForeigner2017(block: Uint8Array, inspector: Inspector): Foreigner2017Card {
  const raw = cutFields(block, FOREIGNER_2017_LAYOUT);
  inspector.blank(raw.reserved);
  const number = inspector.number('foreigner-2017', raw.number);
  if (number !== undefined) {
    inspector.expect(number.number.startsWith(raw.nationality), 'nationality', 'number');
  }
  const holder = person(inspector, raw, number);
  // The number does not tell the century, so nothing but a lifetime can vouch for it.
  const ageAtIssue = Number(holder.validFrom.slice(0, 4)) - Number(holder.birth.slice(0, 4));
  if (holder.birth !== '') inspector.expect(ageAtIssue <= LONGEST_LIFE_YEARS, 'validFrom', 'birth');
  return {
    kind: 'foreigner-2017',
    name: inspector.latinName(raw.name),
    chineseName: inspector.chineseName('chineseName', raw.chineseName),
    nationality: raw.nationality,
    cardVersion: inspector.printable('cardVersion', raw.cardVersion),
    authorityCode: inspector.printable('authorityCode', raw.authorityCode),
    ...holder,
  };
}

function decodeForeigner2023(block: Uint8Array, inspector: Inspector): Foreigner2023Card {
  const raw = cutFields(block, FOREIGNER_2023_LAYOUT);
  inspector.printable('reservedOrIssuer', raw.reservedOrIssuer);
  const number = inspector.number('foreigner-2023', raw.number);
  const nationality = inspector.nationality(raw.nationality);
  const digits = countryDigits(nationality);
  if (number !== undefined && digits !== undefined) {
    inspector.expect(number.number.slice(3, 6) === digits, 'nationality', 'number');
  }
  // Digits at the very end are a count on some readers' maps; a name holds no digits, so they cannot be one.
  const nameEnd = /^[0-9][0-9 ]$/.test(raw.nameEnd) ? '' : raw.nameEnd;
  return {
    kind: 'foreigner-2023',
    name: inspector.latinName(raw.nameStart + raw.nameRest + nameEnd),
    chineseName: inspector.chineseName('chineseName', raw.chineseName),
    nationality,
    renewalCount: inspector.printable('renewalCount', raw.renewalCount),
    earlierNumberLink: inspector.printable('earlierNumberLink', raw.earlierNumberLink),
    ...person(inspector, raw, number),
  };
}

const LONGEST_LIFE_YEARS = 125;

type PersonFields = Readonly<Record<'sex' | 'birth' | 'validFrom' | 'validTo', string>>;

/** The fields that every card has, checked against the number and against one another. */
function person(
  inspector: Inspector,
  raw: PersonFields,
  number: IdNumber | undefined,
): Omit<AnyCard, 'name'> {
  const sex = inspector.sex(raw.sex);
  const birth = inspector.date('birth', raw.birth);
  const validFrom = inspector.date('validFrom', raw.validFrom);
  const validTo = inspector.lastDay(raw.validTo);
  if (number !== undefined) {
    // The number of 2017 has two digits of the year.
    if (birth !== '') inspector.expect(birth.endsWith(number.birth), 'birth', 'number');
    if (sex !== undefined) inspector.expect(sexAgrees(sex, number), 'sex', 'number');
  }
  if (birth !== '' && validFrom !== '') inspector.expect(birth <= validFrom, 'validFrom', 'birth');
  // `long-term` sorts behind every date.
  if (validFrom !== '' && validTo !== '') inspector.expect(validFrom <= validTo, 'validTo', 'validFrom');
  return { number: number?.number ?? '', sex: sex ?? 'unknown', birth, validFrom, validTo };
}

/** A citizen's number always states the sex; a foreigner's passport, and so the card, may leave it open. */
function sexAgrees(sex: Sex, number: IdNumber): boolean {
  if (number.sex === undefined || number.sex === sex) return true;
  return number.kind === 'foreigner-2023' && sex === 'unknown';
}

const NO_RESERVED_TEXT = {
  reserved: '',
  reservedNation: '',
  reservedBeforeKind: '',
  reservedEnd: '',
  reservedOrIssuer: '',
} as const;

/** The block, or the name of the field that is too long. */
function fill(card: IdCard): Buffer | string {
  const validTo = card.validTo === LONG_TERM ? LONG_TERM_ON_CARD : card.validTo;
  const person = { ...card, sex: SEX_CODES[card.sex], validTo, ...NO_RESERVED_TEXT };
  switch (person.kind) {
    case 'resident':
      return fillFields(RESIDENT_LAYOUT, person);
    case 'permit':
      return fillFields(PERMIT_LAYOUT, { ...person, kind: 'J' });
    case 'foreigner-2017':
      return fillFields(FOREIGNER_2017_LAYOUT, { ...person, kind: 'I' });
    case 'foreigner-2023':
      return fillFields(FOREIGNER_2023_LAYOUT, { ...person, ...splitName(person.name), kind: 'Y' });
  }
}

function splitName(name: string): { nameStart: string; nameRest: string; nameEnd: string } {
  const start = unitsOf(FOREIGNER_2023_LAYOUT.nameStart);
  const rest = start + unitsOf(FOREIGNER_2023_LAYOUT.nameRest);
  return { nameStart: name.slice(0, start), nameRest: name.slice(start, rest), nameEnd: name.slice(rest) };
}
