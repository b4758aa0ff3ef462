import * as v from 'valibot';
import { readFileIfThere } from '../../platform/files.js';
import { nearest } from '../../platform/suggest.js';
import type { Direction } from '../../protocol/wire/messages.js';
import { DEFAULT_POLICY, type LaneMode, type PolicyRow, policyProblems } from '../lane/policy.js';
import { CONFIG_KEYS, type ConfigKey, isRemotePort } from './keys.js';

/** A GPIO line as wired. */
export interface Line {
  readonly line: string;
  readonly activeLow: boolean;
}

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
  };
  readonly broker: {
    readonly url: string;
    readonly username?: string;
    readonly passwordFile?: string;
    readonly caFile?: string;
  };
  readonly readers: readonly {
    readonly kind: 'id-card';
    readonly port: string;
    readonly allowNetwork: boolean;
    readonly pollMs: number;
  }[];
  readonly gpio: { readonly backend: string };
  readonly outputs: {
    readonly lamps: Readonly<Record<string, Line>>;
    readonly buzzer?: Line;
    readonly staff?: Line;
    readonly gate: Line & { readonly pulseMs: number };
  };
  readonly journal: { readonly durableWaitMs: number; readonly whenNotDurable: 'call-staff' | 'open' };
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

/** The rows of the table below one point, each with the rest of its path. */
interface Row {
  readonly rest: readonly string[];
  readonly key: ConfigKey;
}

class Reader {
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
    const named = (name: string) => (path === '' ? name : `${path}.${name}`);
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
    if (!Array.isArray(value) || value.length === 0) {
      return this.fail(
        path,
        value === undefined ? 'config.missing' : 'config.type',
        'must be a list of at least one object',
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

/** The table in force: the configuration's rows, then the default ones. */
export const policyOf = (config: Config): readonly PolicyRow[] => [...config.lane.policy, ...DEFAULT_POLICY];

/** What only shows when keys are seen together. */
function crossCheck(config: Config, reader: Reader): void {
  const { lamps, buzzer, staff, gate } = config.outputs;
  const lines: [string, Line | undefined][] = [
    ...Object.entries(lamps).map(([name, line]): [string, Line] => [`outputs.lamps.${name}`, line]),
    ['outputs.buzzer', buzzer],
    ['outputs.staff', staff],
    ['outputs.gate', gate],
  ];
  const takenBy = new Map<string, string>();
  for (const [path, line] of lines) {
    if (line === undefined) continue;
    const other = takenBy.get(line.line);
    if (other !== undefined)
      reader.fail(path, 'config.line-reused', `uses the line "${line.line}" of ${other}`);
    takenBy.set(line.line, path);
  }
  for (const lamp of ['green', 'yellow', 'red']) {
    if (lamps[lamp] === undefined) {
      reader.fail(
        `outputs.lamps.${lamp}`,
        'config.missing',
        'is missing: a lane shows green, yellow and red',
      );
    }
  }
  for (const [index, { port, allowNetwork }] of config.readers.entries()) {
    if (isRemotePort(port) && !allowNetwork) {
      reader.fail(
        `readers[${index}].port`,
        'config.reader-on-network',
        'is on another machine: whoever reaches that connection can pretend to be anybody; set allowNetwork to true if that is meant',
      );
    }
  }
  for (const { code, message } of policyProblems(policyOf(config))) reader.fail('lane.policy', code, message);
}

/** Reads a configuration document: all errors at once, each with its path and what would be right. */
export function readConfig(document: unknown): ConfigResult {
  const reader = new Reader();
  const rows = CONFIG_KEYS.map((key) => ({ rest: key.path.split('.'), key }));
  const read = reader.object(rows, document, '');
  // Rows and interface say the same; a test reads every key of the one through the other.
  const config = read as Config;
  if (reader.errors.length === 0) crossCheck(config, reader);
  return reader.errors.length === 0 ? { ok: true, config } : { ok: false, errors: reader.errors };
}

/** Reads a configuration file. A file that is missing or no JSON is an error like the others. */
export async function loadConfig(file: string): Promise<ConfigResult> {
  const bytes = await readFileIfThere(file);
  if (bytes === undefined) {
    return { ok: false, errors: [{ path: '', code: 'config.no-file', message: `there is no file ${file}` }] };
  }
  try {
    return readConfig(JSON.parse(bytes.toString('utf8')));
  } catch (thrown) {
    const message = `is not JSON: ${thrown instanceof Error ? thrown.message : 'unreadable'}`;
    return { ok: false, errors: [{ path: '', code: 'config.not-json', message }] };
  }
}

/** One error as a line for people. */
export const errorLine = ({ path, code, message }: ConfigError): string =>
  `${path === '' ? 'configuration' : path}: ${message} (${code})`;
