import type { GpioSettings } from '../../drivers/gpio/backends.js';
import type { LineAt, LineRef } from '../../drivers/gpio/gpio.js';
import { readFileIfThere } from '../../platform/files.js';
import { messageOf } from '../../protocol/errors.js';

/** What has to be driven, as much of it as can be read. */
export interface OutputsOnly {
  readonly gpio: GpioSettings | undefined;
  /** The relay first. */
  readonly outputs: readonly LineRef[];
  readonly dataDir: string | undefined;
  /** What could not be read, each a sentence with its path. */
  readonly problems: readonly string[];
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const objectIn = (value: unknown): Record<string, unknown> => (isObject(value) ? value : {});

function lineIn(value: unknown): LineRef | undefined {
  if (typeof value === 'string') return { line: value, activeLow: false };
  if (!isObject(value)) return undefined;
  const { line, activeLow = false } = value;
  if (isObject(line)) return lineIn(line);
  return typeof line === 'string' && typeof activeLow === 'boolean' ? { line, activeLow } : undefined;
}

const isPlace = (value: unknown): value is LineAt =>
  isObject(value) && typeof value.chip === 'string' && Number.isSafeInteger(value.offset);

function readOutputs(document: Record<string, unknown>): OutputsOnly {
  const { gate, lamps, buzzer, staff } = objectIn(document.outputs);
  const found: [string, unknown][] = [
    ['outputs.gate', gate],
    ...Object.entries(objectIn(lamps)).map(([name, lamp]): [string, unknown] => [
      `outputs.lamps.${name}`,
      lamp,
    ]),
    ['outputs.buzzer', buzzer],
    ['outputs.staff', staff],
  ];
  const named = found.filter(([path, value]) => value !== undefined || path === 'outputs.gate');
  const read = named.map(([path, value]) => ({ path, ref: lineIn(value) }));
  const { backend, lines } = objectIn(document.gpio);
  const places = Object.entries(objectIn(lines)).filter((entry): entry is [string, LineAt] =>
    isPlace(entry[1]),
  );
  const hasBackend = typeof backend === 'string';
  return {
    gpio: hasBackend ? { backend, lines: Object.fromEntries(places) } : undefined,
    outputs: read.flatMap(({ ref }) => (ref === undefined ? [] : [ref])),
    dataDir: typeof document.dataDir === 'string' ? document.dataDir : undefined,
    problems: [
      ...(hasBackend ? [] : ['gpio.backend is not there']),
      ...read.flatMap(({ path, ref }) => (ref === undefined ? [`${path} names no line`] : [])),
    ],
  };
}

/**
 * Reads the outputs of a configuration file and nothing else, for who has to drive them whatever is wrong beside. By hand
 * and not by the table of keys: this is on the way of a gate that died with its relay on, and has to be fast.
 */
export async function readOutputsOnly(file: string): Promise<OutputsOnly> {
  const nothing = { gpio: undefined, outputs: [], dataDir: undefined };
  const bytes = await readFileIfThere(file);
  if (bytes === undefined) return { ...nothing, problems: [`there is no file ${file}`] };
  try {
    return readOutputs(objectIn(JSON.parse(bytes.toString('utf8'))));
  } catch (thrown) {
    return { ...nothing, problems: [`${file} is not JSON: ${messageOf(thrown)}`] };
  }
}
