import * as v from 'valibot';
import { ASSURANCES, MEDIA, VALIDITIES } from '../../protocol/credential.js';
import { CardpadError } from '../../protocol/errors.js';
import {
  type Outcome,
  OutcomeSchema,
  ReasonsSchema,
  SchemeSchema,
  SYSTEM_REASONS,
  worse,
} from '../../protocol/verdict.js';
import { DIRECTIONS } from '../../protocol/wire/messages.js';

/** What a rule may ask about, and the values that each fact takes. */
export const FACTS = {
  /** The person is in the people file. */
  known: [true, false],
  healthCode: ['green', 'yellow', 'red', 'absent'],
  /** `expired`: its `validUntil` has passed. */
  code: ['current', 'expired', 'absent'],
  /** Visits to the site of the question: one that is now, some at another time, none. */
  visit: ['booked-now', 'booked-other', 'none'],
  /** The dates printed on the document. */
  document: VALIDITIES,
  medium: MEDIA,
  assurance: ASSURANCES,
  direction: DIRECTIONS,
} as const;
export type FactName = keyof typeof FACTS;
export type Facts = { readonly [F in FactName]: (typeof FACTS)[F][number] };

/** Each fact named must have the value, or one of the values. */
export type When = { readonly [F in FactName]?: Facts[F] | readonly Facts[F][] };

export interface Rule {
  readonly when: When;
  readonly outcome: Outcome;
  readonly reasons: readonly string[];
  readonly comment?: string;
}

/** Schemes by name and version, each a list of rows. */
export type RuleTable = Readonly<Record<string, readonly Rule[]>>;

export interface RuleError {
  /** `health-code@1[3].when.healthCode` */
  readonly path: string;
  /** `rules.open-end` and its like. */
  readonly code: string;
  readonly message: string;
}

export type CheckedRules =
  | { readonly ok: true; readonly table: RuleTable }
  | { readonly ok: false; readonly errors: readonly RuleError[] };

const ROW_KEYS = ['when', 'outcome', 'reasons', 'comment'];

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isFact = (name: string): name is FactName => Object.hasOwn(FACTS, name);

/** Checks a rule table strictly; every error is named by its path. */
export function checkRules(document: unknown): CheckedRules {
  if (!isObject(document) || Object.keys(document).length === 0) {
    return {
      ok: false,
      errors: [{ path: '', code: 'rules.shape', message: 'must be an object of schemes' }],
    };
  }
  const errors = Object.entries(document).flatMap(([scheme, rows]) => schemeErrors(scheme, rows));
  // Every row has just been checked by hand, which TypeScript cannot follow.
  return errors.length > 0 ? { ok: false, errors } : { ok: true, table: document as RuleTable };
}

/**
 * Reads `rules.json`.
 * @throws CardpadError `rules.bad` (fatal) naming every error
 */
export function parseRules(bytes: Uint8Array, path: string): RuleTable {
  const help = `Run "cardpad central rules --check ${path}" after each change.`;
  let document: unknown;
  try {
    document = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    throw new CardpadError('rules.bad', 'fatal', `${path} is not JSON`, { help });
  }
  const checked = checkRules(document);
  if (checked.ok) return checked.table;
  const list = checked.errors.map((error) => `${error.path}: ${error.message} (${error.code})`).join('; ');
  throw new CardpadError('rules.bad', 'fatal', `${path}: ${list}`, { help });
}

function schemeErrors(scheme: string, rows: unknown): RuleError[] {
  if (!v.is(SchemeSchema, scheme)) {
    return [
      { path: scheme, code: 'rules.scheme', message: 'a scheme is a name and a version, such as visitor@1' },
    ];
  }
  if (!Array.isArray(rows)) return [{ path: scheme, code: 'rules.shape', message: 'must be a list of rows' }];
  const errors = rows.flatMap((row: unknown, at) => rowErrors(`${scheme}[${at}]`, row));
  const takesAll = (row: unknown) =>
    isObject(row) && isObject(row.when) && Object.keys(row.when).length === 0;
  const end = rows.findIndex(takesAll);
  if (end === -1) {
    const message = 'the last row must fit always ("when": {}), or somebody gets no answer';
    errors.push({ path: scheme, code: 'rules.open-end', message });
  } else if (end < rows.length - 1) {
    const message = `is never reached: row ${end} before it fits always`;
    errors.push({ path: `${scheme}[${end + 1}]`, code: 'rules.unreachable', message });
  }
  return errors;
}

function rowErrors(path: string, row: unknown): RuleError[] {
  if (!isObject(row)) return [{ path, code: 'rules.shape', message: 'must be an object' }];
  const errors: RuleError[] = [];
  const add = (key: string, code: string, message: string) =>
    errors.push({ path: `${path}.${key}`, code, message });
  for (const key of Object.keys(row))
    if (!ROW_KEYS.includes(key)) add(key, 'rules.unknown-key', 'is not known');
  if (!v.is(OutcomeSchema, row.outcome)) {
    add('outcome', 'rules.outcome', 'must be pass, attend, undetermined or refuse');
  }
  if (!v.is(ReasonsSchema, row.reasons) || row.reasons.length === 0) {
    add('reasons', 'rules.reasons', 'must be one to 16 dotted words, such as health.green');
  }
  if (row.comment !== undefined && typeof row.comment !== 'string')
    add('comment', 'rules.shape', 'must be text');
  if (!isObject(row.when)) add('when', 'rules.shape', 'must be an object of facts; {} fits always');
  else errors.push(...whenErrors(`${path}.when`, row.when));
  return errors;
}

function whenErrors(path: string, when: Record<string, unknown>): RuleError[] {
  return Object.entries(when).flatMap(([name, wanted]): RuleError[] => {
    const at = `${path}.${name}`;
    if (!isFact(name)) {
      const message = `is not a fact; the facts are ${Object.keys(FACTS).join(', ')}`;
      return [{ path: at, code: 'rules.fact', message }];
    }
    const values: readonly unknown[] = FACTS[name];
    const list: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted];
    if (list.length > 0 && list.every((value) => values.includes(value))) return [];
    return [{ path: at, code: 'rules.value', message: `must be of ${values.join(', ')}` }];
  });
}

export interface Answer {
  readonly outcome: Outcome;
  readonly reasons: readonly string[];
}

const MAX_REASONS = 16;
const NO_SUCH_SCHEME: Answer = { outcome: 'undetermined', reasons: [SYSTEM_REASONS.policy] };

function fits(when: When, facts: Facts): boolean {
  return Object.entries(when).every(([name, wanted]) => {
    if (!isFact(name)) return false;
    return Array.isArray(wanted) ? wanted.includes(facts[name]) : wanted === facts[name];
  });
}

function answerOf(table: RuleTable, scheme: string, facts: Facts): Answer {
  const rows = Object.hasOwn(table, scheme) ? table[scheme] : undefined;
  return rows?.find(({ when }) => fits(when, facts)) ?? NO_SUCH_SCHEME;
}

/** Of several schemes the worst outcome counts, with all reasons. */
export function judge(table: RuleTable, schemes: readonly string[], facts: Facts): Answer {
  const answers = schemes.map((scheme) => answerOf(table, scheme, facts));
  if (answers.length === 0) return NO_SUCH_SCHEME;
  return {
    outcome: answers.map(({ outcome }) => outcome).reduce(worse),
    reasons: [...new Set(answers.flatMap(({ reasons }) => reasons))].slice(0, MAX_REASONS),
  };
}
