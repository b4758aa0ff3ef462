import * as v from 'valibot';
import type { GpioSettings } from '../../drivers/gpio/backends.js';
import type { LineAt } from '../../drivers/gpio/gpio.js';
import { readFileIfThere } from '../../platform/files.js';
import type { MqttProtocol } from '../../platform/mqtt/version.js';
import { nearest } from '../../platform/suggest.js';
import { messageOf } from '../../protocol/errors.js';
import type { Direction } from '../../protocol/wire/messages.js';
import { DEFAULT_POLICY, type LaneMode, type PolicyRow, policyProblems } from '../lane/policy.js';
import type { ConfigKey } from './key.js';
import { CONFIG_KEYS, isBusPort, isRemotePort } from './keys.js';
import { type Used, wiringProblems } from './wiring.js';

/** A GPIO line as wired. */
export interface Line {
  readonly line: string;
  readonly activeLow: boolean;
}

/** What a gate listens to. */
export const INPUT_NAMES = ['help', 'fire', 'passage', 'door'] as const;
export type InputName = (typeof INPUT_NAMES)[number];

/** The whole configuration, defaults filled in. Its keys are described in `CONFIG_KEYS`. */
export interface Config {
  readonly device: string;
  readonly site: string;
  readonly schemes: readonly string[];
  readonly dataDir: string;
  readonly lane: {
    readonly name: string;
    readonly direction: Direction;
    readonly mode: LaneMode;
    readonly policy: readonly PolicyRow[];
    readonly deadlineMs: number;
    readonly dwellMs: number;
    readonly sameCardMs: number;
    readonly passageMs: number;
    readonly doorHeldMs: number;
    readonly callMs: number;
  };
  readonly broker: {
    readonly url: string;
    readonly protocol: MqttProtocol;
    readonly username?: string;
    readonly passwordFile?: string;
    readonly caFile?: string;
  };
  /** Exactly one in this version. */
  readonly readers: readonly {
    readonly kind: 'id-card';
    readonly port: string;
    readonly allowNetwork: boolean;
    readonly pollMs: number;
  }[];
  readonly gpio: GpioSettings;
  readonly outputs: {
    readonly lamps: Readonly<Record<string, Line>>;
    readonly buzzer?: Line;
    readonly staff?: Line;
    readonly gate: Line & { readonly pulseMs: number; readonly whenFire: 'hold' | 'leave' };
  };
  readonly inputs: Readonly<Partial<Record<InputName, Line>>> & { readonly debounceMs: number };
  readonly journal: {
    readonly durableWaitMs: number;
    readonly whenNotDurable: 'call-staff' | 'open';
    readonly flushWithinMs: number;
    readonly maxRecords: number;
    readonly maxMb: number;
    readonly retentionHours: number;
  };
}

export interface ConfigError {
  /** Where: `readers[0].port`; empty for the document as a whole. */
  readonly path: string;
  readonly code: string;
  /** What is wrong and what would be right. */
  readonly message: string;
}

export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A name that could not be a key stands quoted and cut short: a path is printed on somebody's terminal. */
function joined(path: string, name: string): string {
  if (!/^[\w-]{1,64}$/.test(name))
    return `${path}[${JSON.stringify(name.slice(0, 64).replace(/[^ -~]/g, '?'))}]`;
  return path === '' ? name : `${path}.${name}`;
}

/** The rows of the table below one point, each with the rest of its path. */
interface Row {
  readonly rest: readonly string[];
  readonly key: ConfigKey;
}

/** Reads a document by the table, noting every error. */
class DocumentReader {
  readonly errors: ConfigError[] = [];

  fail(path: string, code: string, message: string): undefined {
    this.errors.push({ path, code, message });
    return undefined;
  }

  object(rows: readonly Row[], value: unknown, path: string): unknown {
    if (!isObject(value)) return this.fail(path, 'config.type', 'must be an object');
    const groups = new Map<string, Row[]>();
    for (const { rest, key } of rows) {
      const [first = '', ...behind] = rest;
      groups.set(first, [...(groups.get(first) ?? []), { rest: behind, key }]);
    }
    const named = (name: string) => joined(path, name);
    const entry = groups.get('{}')?.[0];
    const known = [...groups.keys()].map((name) => name.replace('[]', ''));
    const result: Record<string, unknown> = {};
    for (const name of Object.keys(value)) {
      if (entry !== undefined) this.entry(result, entry.key, name, value[name], named(name));
      else if (!known.includes(name)) this.unknown(named(name), name, known);
    }
    for (const [segment, below] of groups) {
      const name = segment.replace('[]', '');
      if (segment === '{}') continue;
      const read = segment.endsWith('[]')
        ? this.list(below, value[name], named(name))
        : this.value(below, value[name], named(name));
      if (read !== undefined) result[name] = read;
    }
    return result;
  }

  value(rows: readonly Row[], value: unknown, path: string): unknown {
    const [row] = rows;
    if (row !== undefined && row.rest.length === 0) return this.leaf(row.key, value, path);
    return this.object(rows, value === undefined ? {} : value, path);
  }

  list(rows: readonly Row[], value: unknown, path: string): unknown {
    if (!Array.isArray(value)) {
      return this.fail(
        path,
        value === undefined ? 'config.missing' : 'config.type',
        'must be a list of objects',
      );
    }
    return value.map((element, index) => this.object(rows, element, `${path}[${index}]`));
  }

  entry(result: Record<string, unknown>, key: ConfigKey, name: string, given: unknown, path: string): void {
    if (/^[a-z][a-z0-9-]{0,31}$/.test(name)) result[name] = this.leaf(key, given, path);
    else this.fail(path, 'config.name', 'must have a name of lower-case letters, digits and hyphens');
  }

  leaf(key: ConfigKey, given: unknown, path: string): unknown {
    if (given === undefined && key.optional === true) return undefined;
    const value = given === undefined ? key.default : given;
    if (value === undefined) return this.fail(path, 'config.missing', `is missing: must be ${key.expected}`);
    const result = v.safeParse(key.schema, value);
    return result.success ? result.output : this.fail(path, 'config.value', `must be ${key.expected}`);
  }

  unknown(path: string, name: string, known: readonly string[]): void {
    const meant = nearest(name, known);
    const hint = meant === undefined ? `known here: ${known.join(', ')}` : `did you mean ${meant}?`;
    this.fail(path, 'config.unknown-key', `is not a key; ${hint}`);
  }
}

const tableOf = (rows: readonly PolicyRow[]): readonly PolicyRow[] => [...rows, ...DEFAULT_POLICY];

/** The table in force: the configuration's rows, then the default ones. */
export const policyOf = (config: Config): readonly PolicyRow[] => tableOf(config.lane.policy);

/** As much of a configuration as could be read: the rest was wrong, and has its own errors already. */
interface PartlyRead {
  readonly lane?: { readonly policy?: Config['lane']['policy'] };
  readonly readers?: readonly (Partial<Config['readers'][number]> | undefined)[];
  readonly gpio?: {
    readonly backend?: string;
    readonly lines?: Readonly<Record<string, LineAt | undefined>>;
  };
  readonly outputs?: {
    readonly lamps?: Readonly<Record<string, Line | undefined>>;
    readonly buzzer?: Line;
    readonly staff?: Line;
    readonly gate?: Partial<Line>;
  };
  readonly inputs?: Readonly<Partial<Record<InputName, Line>>>;
}

/** Every use of a line, with the path that says so. */
function usedLines({ outputs = {}, inputs = {} }: PartlyRead): readonly Used[] {
  const { lamps = {}, buzzer, staff, gate } = outputs;
  const uses: [string, Partial<Line> | undefined, boolean][] = [
    ...Object.entries(lamps).map(([name, lamp]): [string, Line | undefined, boolean] => [
      `outputs.lamps.${name}`,
      lamp,
      true,
    ]),
    ['outputs.buzzer', buzzer, true],
    ['outputs.staff', staff, true],
    ['outputs.gate', gate, true],
    ...INPUT_NAMES.map((name): [string, Line | undefined, boolean] => [
      `inputs.${name}`,
      inputs[name],
      false,
    ]),
  ];
  return uses.flatMap(([path, use, isOutput]) =>
    use?.line === undefined ? [] : [{ path, line: use.line, isOutput }],
  );
}

function checkLines(lines: readonly Used[], reader: DocumentReader): void {
  const takenBy = new Map<string, string>();
  for (const { path, line } of lines) {
    const other = takenBy.get(line);
    if (other !== undefined) reader.fail(path, 'config.line-reused', `uses the line "${line}" of ${other}`);
    takenBy.set(line, path);
  }
}

function checkLamps(lamps: Readonly<Record<string, unknown>>, reader: DocumentReader): void {
  for (const lamp of ['green', 'yellow', 'red']) {
    if (Object.hasOwn(lamps, lamp)) continue;
    reader.fail(`outputs.lamps.${lamp}`, 'config.missing', 'is missing: a lane shows green, yellow and red');
  }
}

function checkReaders(readers: PartlyRead['readers'] & {}, reader: DocumentReader): void {
  // A lane does not tell yet which of two readers a card lies on.
  if (readers.length !== 1) {
    reader.fail(
      'readers',
      'config.readers',
      'must be a list of exactly one object: several readers on a lane come in a later version',
    );
  }
  for (const [index, { port, allowNetwork } = {}] of readers.entries()) {
    if (port !== undefined && isBusPort(port)) {
      reader.fail(
        `readers[${index}].port`,
        'config.reader-on-bus',
        'is an I2C bus, which an id-card reader does not speak: use serial: or tcp://',
      );
    }
    if (port !== undefined && isRemotePort(port) && allowNetwork === false) {
      reader.fail(
        `readers[${index}].port`,
        'config.reader-on-network',
        'is on another machine: whoever reaches that connection can pretend to be anybody; set allowNetwork to true if that is meant',
      );
    }
  }
}

/** What only shows when keys are seen together. */
function crossCheck(read: PartlyRead, reader: DocumentReader): void {
  const { lane, readers, gpio, outputs = {} } = read;
  const lines = usedLines(read);
  checkLines(lines, reader);
  if (gpio !== undefined) {
    for (const { path, code, message } of wiringProblems(gpio, lines)) reader.fail(path, code, message);
  }
  if (outputs.lamps !== undefined) checkLamps(outputs.lamps, reader);
  if (readers !== undefined) checkReaders(readers, reader);
  if (lane?.policy === undefined) return;
  for (const { code, message } of policyProblems(tableOf(lane.policy)))
    reader.fail('lane.policy', code, message);
}

/** `"gate": "gate"` and `{"line": {"line": "gate", "activeLow": true}}` say the same as the flat form of the table. */
function withFlatGate(document: unknown): unknown {
  if (!isObject(document) || !isObject(document.outputs)) return document;
  const { gate } = document.outputs;
  const line = isObject(gate) ? gate.line : gate;
  const flat =
    typeof gate === 'string'
      ? { line: gate }
      : isObject(gate) && isObject(line)
        ? { ...gate, ...line }
        : gate;
  return { ...document, outputs: { ...document.outputs, ...(flat === undefined ? {} : { gate: flat }) } };
}

/** Reads a configuration document: all errors at once, each with its path and what would be right. */
export function readConfig(document: unknown): ConfigResult {
  const reader = new DocumentReader();
  const rows = CONFIG_KEYS.map((key) => ({ rest: key.path.split('.'), key }));
  const read = reader.object(rows, withFlatGate(document), '');
  // Rows and interface say the same; a test reads every key of the one through the other.
  crossCheck((read ?? {}) as PartlyRead, reader);
  return reader.errors.length === 0
    ? { ok: true, config: read as Config }
    : { ok: false, errors: reader.errors };
}

/** Reads a configuration file. A file that is missing or no JSON is an error like the others. */
export async function loadConfig(file: string): Promise<ConfigResult> {
  const bytes = await readFileIfThere(file);
  if (bytes === undefined) {
    return { ok: false, errors: [{ path: '', code: 'config.no-file', message: `there is no file ${file}` }] };
  }
  let document: unknown;
  try {
    document = JSON.parse(bytes.toString('utf8'));
  } catch (thrown) {
    const message = `is not JSON: ${messageOf(thrown)}`;
    return { ok: false, errors: [{ path: '', code: 'config.not-json', message }] };
  }
  return readConfig(document);
}

/** One error as a line for people. */
export const errorLine = ({ path, code, message }: ConfigError): string =>
  `${path === '' ? 'configuration' : path}: ${message} (${code})`;
