import * as v from 'valibot';
import { readFileIfThere } from '../../platform/files.js';
import { upgradeIdNumber } from '../../protocol/card/idNumber.js';
import { MEDIA, type Medium } from '../../protocol/credential.js';
import { CardpadError } from '../../protocol/errors.js';
import { Personal } from '../../protocol/personal.js';
import { SiteSchema, TokenSchema } from '../../protocol/wire/messages.js';
import { instantMs } from './instant.js';
import { FACTS, type Facts } from './rules.js';

export type HealthCode = Exclude<Facts['healthCode'], 'absent'>;

export interface Visit {
  readonly site: string;
  /** Milliseconds since 1970, both ends belonging to the visit. */
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Person {
  readonly idNumber: Personal<string>;
  readonly name: Personal<string> | undefined;
  readonly healthCode: HealthCode | undefined;
  readonly validUntilMs: number | undefined;
  readonly visits: readonly Visit[];
}

export interface PeopleWarning {
  /** Number of the entry, from 0. */
  readonly entry: number;
  /** A key that nobody reads. */
  readonly key: string;
}

/** One form for one number: 18 characters of GB 11643-1999, or the 15 of the foreigner's card of 2017. */
export function normalIdNumber(idNumber: string): string {
  const upper = idNumber.toUpperCase();
  return upgradeIdNumber(upper) ?? upper;
}

/** Who is known, in memory only. */
export class People {
  readonly #byNumber = new Map<string, Person>();
  readonly #byCard = new Map<string, Person>();

  static readonly nobody = new People();

  get size(): number {
    return this.#byNumber.size;
  }

  /** The person to whom a credential belongs. */
  find(medium: Medium, token: string): Person | undefined {
    const byCard = this.#byCard.get(`${medium}:${token}`);
    if (byCard !== undefined || (medium !== 'id-card' && medium !== 'typed')) return byCard;
    return this.#byNumber.get(normalIdNumber(token));
  }

  /** @returns the field that says what somebody else's entry said already, or undefined when all was new */
  add(
    person: Person,
    cards: readonly { readonly medium: Medium; readonly token: string }[],
  ): string | undefined {
    const number = normalIdNumber(person.idNumber.reveal());
    if (this.#byNumber.has(number)) return 'idNumber';
    this.#byNumber.set(number, person);
    for (const [at, { medium, token }] of cards.entries()) {
      const key = `${medium}:${token}`;
      if (this.#byCard.has(key)) return `cards[${at}]`;
      this.#byCard.set(key, person);
    }
    return undefined;
  }
}

const KNOWN_KEYS = ['idNumber', 'name', 'healthCode', 'validUntil', 'cards', 'visits', 'itinerary'];
const ID_NUMBER = /^(?:\d{17}[\dXx]|\d{15}|[A-Za-z]{3}\d{12})$/;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Thrown inside this file only: the path of the field that is wrong, and what it must be. */
class FieldError extends Error {}

function field<T>(ok: boolean, value: unknown, path: string, must: string): T {
  if (!ok) throw new FieldError(`${path} must be ${must}`);
  return value as T;
}

function listAt(value: unknown, path: string): readonly unknown[] {
  return value === undefined ? [] : field(Array.isArray(value), value, path, 'a list');
}

function timeAt(value: unknown, path: string, end: 'first' | 'last'): number {
  const atMs = typeof value === 'string' ? instantMs(value, end) : undefined;
  return field(atMs !== undefined, atMs, path, 'a date (2026-01-31) or a time (2026-01-31T08:00:00+08:00)');
}

function cardAt(value: unknown, path: string): { medium: Medium; token: string } {
  const card = field<Record<string, unknown>>(isObject(value), value, path, 'an object');
  const isMedium = (MEDIA as readonly unknown[]).includes(card.medium);
  return {
    medium: field(isMedium, card.medium, `${path}.medium`, `one of ${MEDIA.join(', ')}`),
    token: field(v.is(TokenSchema, card.token), card.token, `${path}.token`, '4 to 40 letters and digits'),
  };
}

function visitAt(value: unknown, path: string): Visit {
  const visit = field<Record<string, unknown>>(isObject(value), value, path, 'an object');
  const fromMs = timeAt(visit.from, `${path}.from`, 'first');
  const toMs = timeAt(visit.to, `${path}.to`, 'last');
  field(toMs >= fromMs, toMs, `${path}.to`, 'later than from');
  const site = field<string>(v.is(SiteSchema, visit.site), visit.site, `${path}.site`, 'the name of a site');
  return { site, fromMs, toMs };
}

function personAt(entry: Record<string, unknown>, path: string): Person {
  const { idNumber, name, healthCode, validUntil } = entry;
  const isNumber = typeof idNumber === 'string' && ID_NUMBER.test(idNumber);
  const isName = name === undefined || (typeof name === 'string' && name !== '');
  const colors: readonly unknown[] = FACTS.healthCode.filter((color) => color !== 'absent');
  const isColor = healthCode === undefined || colors.includes(healthCode);
  const text = field<string | undefined>(isName, name, `${path}.name`, 'text that is not empty');
  return {
    idNumber: new Personal(
      field<string>(isNumber, idNumber, `${path}.idNumber`, 'an ID number of 18 or 15 characters'),
    ),
    name: text === undefined ? undefined : new Personal(text),
    healthCode: field(isColor, healthCode, `${path}.healthCode`, 'green, yellow or red'),
    validUntilMs: validUntil === undefined ? undefined : timeAt(validUntil, `${path}.validUntil`, 'last'),
    visits: listAt(entry.visits, `${path}.visits`).map((visit, at) =>
      visitAt(visit, `${path}.visits[${at}]`),
    ),
  };
}

/**
 * Reads a people file. What it says is strictly checked; a key that nobody knows is a warning.
 * @throws CardpadError `people.bad` (reject) naming entry and field, never their content
 */
export function parsePeople(bytes: Uint8Array, warn: (warning: PeopleWarning) => void = () => {}): People {
  try {
    const entries = field<readonly unknown[]>(true, parseList(bytes), '', '');
    const people = new People();
    for (const [at, entry] of entries.entries()) addEntry(people, entry, at, warn);
    return people;
  } catch (thrown) {
    if (!(thrown instanceof FieldError)) throw thrown;
    throw new CardpadError('people.bad', 'reject', `the people file is wrong: ${thrown.message}`, {
      help: 'Correct it and save it again: a running central reads it within a second.',
    });
  }
}

function parseList(bytes: Uint8Array): readonly unknown[] {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new FieldError('it must be JSON in UTF-8');
  }
  return field(Array.isArray(document), document, 'it', 'a list');
}

function addEntry(people: People, entry: unknown, at: number, warn: (warning: PeopleWarning) => void): void {
  const path = `[${at}]`;
  const object = field<Record<string, unknown>>(isObject(entry), entry, path, 'an object');
  for (const key of Object.keys(object)) if (!KNOWN_KEYS.includes(key)) warn({ entry: at, key });
  const person = personAt(object, path);
  listAt(object.itinerary, `${path}.itinerary`);
  const cards = listAt(object.cards, `${path}.cards`).map((card, n) => cardAt(card, `${path}.cards[${n}]`));
  const twice = people.add(person, cards);
  if (twice !== undefined) throw new FieldError(`${path}.${twice} must not be another entry's too`);
}

/** @throws CardpadError `people.missing` (fatal) | `people.bad` (reject) */
export async function readPeople(path: string, warn?: (warning: PeopleWarning) => void): Promise<People> {
  const bytes = await readFileIfThere(path);
  if (bytes !== undefined) return parsePeople(bytes, warn);
  throw new CardpadError('people.missing', 'fatal', `${path} is missing`, {
    help: 'Give the people file with --people, or leave it out: then nobody is known.',
  });
}
