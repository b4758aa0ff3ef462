import t from 'tap';
import * as v from 'valibot';
import { type Config, readConfig } from '../../../daemon/config/config.js';
import { CONFIG_KEYS } from '../../../daemon/config/keys.js';
import { MINIMAL, withValue } from './samples.js';

/** `readers[].port` as it stands in the least document. */
const concrete = (path: string) => path.replace('[]', '[0]').replace('{}', 'green');

const errorsAt = (document: unknown) => {
  const result = readConfig(document);
  return result.ok ? [] : result.errors.map(({ path }) => path);
};

for (const { path, expected } of CONFIG_KEYS) {
  t.test(`${path} of a wrong type is an error with that path`, async (t) => {
    for (const wrong of [null, -1, 1.5, '', '\0', {}, [7], [[]], { line: 7 }]) {
      t.ok(errorsAt(withValue(concrete(path), wrong)).includes(concrete(path)), JSON.stringify(wrong));
    }
    const result = readConfig(withValue(concrete(path), null));
    t.ok(!result.ok && result.errors.some(({ message }) => message === `must be ${expected}`));
  });
}

for (const { path, default: byDefault, optional } of CONFIG_KEYS) {
  const needed = byDefault === undefined && optional !== true;
  t.test(`${path} ${needed ? 'is needed' : 'may be left out'}`, async (t) => {
    t.same(errorsAt(withValue(concrete(path), undefined)), needed ? [concrete(path)] : []);
  });
}

t.test('a default is a right value, and no key has one and is optional too', async (t) => {
  for (const { path, schema, default: byDefault, optional } of CONFIG_KEYS) {
    if (byDefault === undefined) continue;
    t.ok(v.safeParse(schema, byDefault).success, path);
    t.not(optional, true, path);
  }
});

t.test('each key stands in the table once, and is explained in a sentence', async (t) => {
  t.equal(new Set(CONFIG_KEYS.map(({ path }) => path)).size, CONFIG_KEYS.length);
  for (const { path, about, unit } of CONFIG_KEYS) {
    t.match(about, /^[A-Z`].*[.]$/s, path);
    t.equal(unit, path.endsWith('Ms') ? 'ms' : undefined, path);
  }
});

/** Every key of `Config`, by name: the compiler refuses one that is missing here or too many. */
type Paths<T> = T extends readonly (infer E)[]
  ? E extends object
    ? readonly [Paths<E>]
    : true
  : T extends object
    ? { readonly [K in keyof Required<T>]: K extends 'lamps' | 'lines' ? true : Paths<Required<T>[K]> }
    : true;
const LINE = { line: true, activeLow: true } as const;
const INTERFACE: Omit<Paths<Config>, 'lane'> & { readonly lane: object } = {
  device: true,
  site: true,
  schemes: true,
  dataDir: true,
  lane: {
    name: true,
    direction: true,
    mode: true,
    policy: true,
    deadlineMs: true,
    dwellMs: true,
    sameCardMs: true,
    passageMs: true,
    doorHeldMs: true,
    callMs: true,
  } satisfies Record<keyof Config['lane'], true>,
  broker: { url: true, protocol: true, username: true, passwordFile: true, caFile: true },
  readers: [{ kind: true, port: true, allowNetwork: true, pollMs: true }],
  gpio: { backend: true, lines: true },
  outputs: { lamps: true, buzzer: LINE, staff: LINE, gate: { ...LINE, pulseMs: true, whenFire: true } },
  inputs: { help: LINE, fire: LINE, passage: LINE, door: LINE, debounceMs: true },
  journal: {
    durableWaitMs: true,
    whenNotDurable: true,
    flushWithinMs: true,
    maxRecords: true,
    maxMb: true,
    retentionHours: true,
  },
};

function* pathsOf(value: unknown, path = ''): Generator<string> {
  if (value === true || value === LINE) yield path;
  else if (Array.isArray(value)) yield* pathsOf(value[0], `${path}[]`);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, inner] of Object.entries(value))
      yield* pathsOf(inner, path === '' ? name : `${path}.${name}`);
  }
}

t.test('the table and the interface name the same keys', async (t) => {
  const table = CONFIG_KEYS.map(({ path }) => path.replace('.{}', ''));
  t.same(table.toSorted(), [...pathsOf(INTERFACE)].toSorted());
});

t.test('with every key given, every key is in what comes out', async (t) => {
  const full = [
    ['broker.username', 'gate'],
    ['broker.passwordFile', '/etc/cardpad/password'],
    ['broker.caFile', '/etc/cardpad/ca.pem'],
    ['outputs.staff', 'staff'],
    ...['help', 'fire', 'passage', 'door'].map((name) => [`inputs.${name}`, `in-${name}`]),
  ].reduce((document, [path = '', value]) => withValue(path, value, document), MINIMAL as unknown);
  const result = readConfig(full);
  if (!result.ok) throw new Error('it is valid');
  for (const path of pathsOf(INTERFACE)) {
    const value = path
      .replace('[]', '.0')
      .split('.')
      .reduce<unknown>((at, name) => (at as Record<string, unknown> | undefined)?.[name], result.config);
    t.not(value, undefined, path);
  }
});
