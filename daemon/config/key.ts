import * as v from 'valibot';

/** One key of the configuration. A start and `config check` read documents by the table of these. */
export interface ConfigKey {
  /** Dotted; `[]` stands for each element of a list, `{}` for each entry of a map. */
  readonly path: string;
  readonly schema: v.GenericSchema;
  /** What a right value looks like, to end the sentence "must be ...". */
  readonly expected: string;
  /** Used when the key is absent; a key without a default is required where its parent is there. */
  readonly default?: unknown;
  /** An absent key is fine and means nothing. */
  readonly optional?: true;
  readonly unit?: 'ms';
  /** May take effect without a restart, once a configuration can be pushed; today every change takes one. */
  readonly live: boolean;
  /** For people, in a sentence. */
  readonly about: string;
}

export const text = (pattern: RegExp) => v.pipe(v.string(), v.regex(pattern));
export const wholeNumber = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
export const milliseconds = wholeNumber;
export const LINE_NAME = /^[a-z0-9-]{1,32}$/;

/** `"gate"`, or `{"line":"gate","activeLow":true}` for a relay board that energises on low. */
export const LineSchema = v.pipe(
  v.union([
    text(LINE_NAME),
    v.strictObject({ line: text(LINE_NAME), activeLow: v.optional(v.boolean(), false) }),
  ]),
  v.transform((line) => (typeof line === 'string' ? { line, activeLow: false } : line)),
);
export const LINE =
  'the name of a GPIO line (lower-case letters, digits, hyphens), or {"line": NAME, "activeLow": true|false}';
