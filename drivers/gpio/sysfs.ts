import type { Gpio as OnoffGpio } from 'onoff';
import type { Clock } from '../../platform/clock.js';
import { CardpadError } from '../../protocol/errors.js';
import { type Level, type LineAt, type LinePlan, type LineRef, levelOf } from './gpio.js';
import { lineAt } from './lineAt.js';
import { chipOf, SYSFS, sysfsChips, type Tree } from './probe.js';
import { cannotOpen, cannotRead, cannotWrite, untilReady } from './ready.js';
import type { Wires } from './wired.js';

/** The files of sysfs, or a recording of them that can be written. */
export interface SysfsFiles extends Tree {
  write(path: string, text: string): void;
}

/** What is needed of onoff's `Gpio`. */
export type Pin = Pick<
  OnoffGpio,
  'readSync' | 'writeSync' | 'watch' | 'unwatchAll' | 'unexport' | 'direction' | 'activeLow'
>;

export type OpenPin = (
  number: number,
  direction: 'in' | 'high' | 'low',
  edge: 'none' | 'both',
  options: { readonly activeLow: false },
) => Pin;

/** @throws CardpadError `gpio.addon-missing` (fatal) when the optional package onoff is absent */
export async function loadOnoff(
  load = (): Promise<typeof import('onoff')> => import('onoff'),
): Promise<OpenPin> {
  try {
    const { Gpio } = await load();
    return (number, direction, edge, options) => new Gpio(number, direction, edge, options);
  } catch (thrown) {
    throw new CardpadError('gpio.addon-missing', 'fatal', 'The GPIO add-on is not installed.', {
      help: 'Run `npm install onoff@6` in the cardpad folder, or set gpio.backend to gpiochip:.',
      cause: thrown,
    });
  }
}

export interface SysfsOptions {
  readonly files: SysfsFiles;
  readonly openPin: OpenPin;
  readonly clock: Clock;
}

/** A line on its way: what it is called, which number sysfs gives it, and how it is to be. */
interface Wanted {
  readonly ref: LineRef;
  readonly number: number;
  readonly folder: string;
}

function find(ref: LineRef, lines: Readonly<Record<string, LineAt>>, files: SysfsFiles): Wanted {
  const at = lineAt(ref.line, lines);
  if (at.bias !== undefined) {
    throw new CardpadError('gpio.bias', 'fatal', `Line ${ref.line}: sysfs cannot set a pull resistor.`, {
      help: 'Set gpio.backend to gpiochip:, or take bias out of gpio.lines and wire a resistor.',
    });
  }
  const number = chipOf(ref.line, at, sysfsChips(files)).base + at.offset;
  return { ref, number, folder: `${SYSFS}/gpio${number}` };
}

/** Exports a line and waits until udev has given it to this user. A line that a crash left exported is there already. */
async function exportLine({ ref, number, folder }: Wanted, { files, clock }: SysfsOptions): Promise<void> {
  const needed = ['value', 'direction', 'active_low'];
  await untilReady(clock, () => {
    try {
      if (files.list(folder).length === 0) files.write(`${SYSFS}/export`, String(number));
    } catch (thrown) {
      throw cannotOpen(ref.line, thrown);
    }
    if (needed.every((name) => files.isWritable(`${folder}/${name}`))) return;
    throw cannotOpen(ref.line, Object.assign(new Error(`${folder} may not be written`), { code: 'EACCES' }));
  });
}

/** onoff goes on where a line that is exported already cannot be set as wanted: so it is looked at. */
function confirm({ ref, folder }: Wanted, pin: Pin, direction: 'in' | 'out', level?: Level): void {
  const isRight =
    pin.direction() === direction && !pin.activeLow() && (level === undefined || pin.readSync() === level);
  if (isRight) return;
  throw cannotOpen(ref.line, new Error(`${folder} did not take direction and level`));
}

class SysfsWires implements Wires {
  #onEdge: (line: string) => void = () => {};

  constructor(
    private readonly outputs: ReadonlyMap<string, Pin>,
    private readonly inputs: ReadonlyMap<string, Pin>,
  ) {
    for (const [line, pin] of inputs) pin.watch(() => this.#onEdge(line));
  }

  write(line: string, level: Level): void {
    try {
      this.outputs.get(line)?.writeSync(level);
    } catch (thrown) {
      throw cannotWrite(line, thrown);
    }
  }

  read(line: string): Level {
    try {
      return this.inputs.get(line)?.readSync() ?? 0;
    } catch (thrown) {
      throw cannotRead(line, thrown);
    }
  }

  onEdge(listener: (line: string) => void): void {
    this.#onEdge = listener;
  }

  release(): void {
    // Outputs stay exported: the kernel goes on driving their safe level. Unexported, they would float on some boards.
    for (const pin of this.inputs.values()) pin.unexport();
  }
}

/**
 * Readies lines by sysfs. An output gets its direction and its safe level in one write ("high" or "low"), so that it
 * never shows the other level: Documentation/ABI/obsolete/sysfs-gpio in Linux.
 * @throws CardpadError `gpio.*` (fatal), or (retry) what did not pass within three seconds
 */
export async function openSysfs(
  plan: LinePlan,
  lines: Readonly<Record<string, LineAt>>,
  options: SysfsOptions,
): Promise<Wires> {
  const outputs = new Map<string, Pin>();
  const inputs = new Map<string, Pin>();
  const { files, openPin } = options;
  const open = async (ref: LineRef, isOutput: boolean) => {
    const wanted = find(ref, lines, files);
    await exportLine(wanted, options);
    const safe = levelOf(false, ref);
    const direction = isOutput ? (safe === 1 ? 'high' : 'low') : 'in';
    // A line without an interrupt has no such file; it is looked at often enough all the same.
    const edge = !isOutput && files.isWritable(`${wanted.folder}/edge`) ? 'both' : 'none';
    try {
      const pin = openPin(wanted.number, direction, edge, { activeLow: false });
      confirm(wanted, pin, isOutput ? 'out' : 'in', isOutput ? safe : undefined);
      (isOutput ? outputs : inputs).set(ref.line, pin);
    } catch (thrown) {
      throw thrown instanceof CardpadError ? thrown : cannotOpen(ref.line, thrown);
    }
  };
  for (const ref of plan.outputs) await open(ref, true);
  for (const ref of plan.inputs) await open(ref, false);
  return new SysfsWires(outputs, inputs);
}
