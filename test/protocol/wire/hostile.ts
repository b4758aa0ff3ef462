import fc from 'fast-check';
import type { Parsed } from '../../../protocol/wire/json.js';

type Parse = (bytes: Uint8Array) => Parsed<unknown>;

const refuses = (parse: Parse, bytes: Uint8Array): boolean => {
  const result = parse(bytes);
  return !result.ok && /^[a-z]+(-[a-z]+)*$/.test(result.reason);
};

const json = (value: unknown) => Buffer.from(JSON.stringify(value), 'utf8');

const WRONG_VALUES: readonly unknown[] = [
  null,
  true,
  -1,
  0.5,
  2 ** 60,
  '',
  '?'.repeat(5000),
  '\0',
  [],
  [[]],
  {},
  { __proto__: null, a: 1 },
];

/**
 * Everything that one wrong place can look like in a document that is otherwise right.
 * @param document as it goes over the wire, before it is made text
 * @param free keys whose value may be any of the wrong values for some of them
 */
export function* spoiled(document: Readonly<Record<string, unknown>>): Generator<readonly [string, Buffer]> {
  for (const key of Object.keys(document)) {
    const { [key]: _, ...rest } = document;
    yield [`without ${key}`, json(rest)];
  }
  yield ['with one key more', json({ ...document, more: 1 })];
  for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
    const text = JSON.stringify(document);
    yield [`with a key ${name}`, Buffer.from(`{"${name}":{"device":"x"},${text.slice(1)}`)];
  }
  yield ['in a list', json([document])];
  yield ['cut short', json(document).subarray(0, -1)];
  yield ['with something behind', Buffer.concat([json(document), Buffer.from('x')])];
  yield ['too long', Buffer.concat([json(document), Buffer.alloc(200_000, 0x20)])];
}

/** Every key with each of the wrong values; `right` are the pairs that happen to be right. */
export function* mistyped(
  document: Readonly<Record<string, unknown>>,
  right: readonly string[] = [],
): Generator<readonly [string, Buffer]> {
  for (const key of Object.keys(document)) {
    for (const value of WRONG_VALUES) {
      const what = `${key} = ${JSON.stringify(value).slice(0, 20)}`;
      if (!right.includes(what)) yield [what, json({ ...document, [key]: value })];
    }
  }
}

/** The descriptions of those that were not refused with a reason. */
export function notRefused(parse: Parse, cases: Iterable<readonly [string, Buffer]>): string[] {
  return [...cases].filter(([, bytes]) => !refuses(parse, bytes)).map(([what]) => what);
}

/** Fails when any bytes, any JSON or any JSON object with the right keys makes it throw. */
export function assertNeverThrows(parse: Parse, keys: readonly string[]): void {
  const nearly = fc.dictionary(fc.constantFrom(...keys, '__proto__', 'constructor'), fc.jsonValue(), {
    maxKeys: keys.length,
  });
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((text) => Buffer.from(text)),
    nearly.map(json),
  );
  fc.assert(
    fc.property(anything, (bytes) => {
      parse(bytes);
    }),
  );
}
