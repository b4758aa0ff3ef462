import type { Gpio as OnoffGpio } from 'onoff';
import type { Clock } from '../../platform/clock.js';
import { CardpadError } from '../../protocol/errors.js';
import { type Level, type LineAt, type LinePlan, type LineRef, levelOf } from './gpio.js';
import { lineAt } from './lineAt.js';
import { chipOf, SYSFS, sysfsChips, type Tree } from './probe.js';
import {
  BRIEF,
  cannotOpen,
  cannotRead,
  cannotWrite,
  type Patience,
  patiently,
  type UntilReady,
} from './ready.js';
import type { WillDrive } from './safePlan.js';
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
  readonly patience?: Patience | undefined;
  readonly willDrive?: WillDrive | undefined;
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

function exportLine({ ref, number, folder }: Wanted, files: SysfsFiles): void {
  try {
    if (files.list(folder).length === 0) files.write(`${SYSFS}/export`, String(number));
  } catch (thrown) {
    throw cannotOpen(ref.line, thrown);
  }
}

/** Those that can be found; what is wrong with another is told when its turn comes, behind the relay, which is the first. */
function findMost(
  refs: readonly LineRef[],
  lines: Readonly<Record<string, LineAt>>,
  files: SysfsFiles,
): readonly Wanted[] {
  return refs.flatMap((ref) => {
    try {
      return [find(ref, lines, files)];
    } catch {
      return [];
    }
  });
}

/** Exports every line before the first is waited for: udev needs its time for each. What fails here fails again in its turn. */
function exportAll(wanted: readonly Wanted[], files: SysfsFiles): void {
  for (const line of wanted) {
    try {
      exportLine(line, files);
    } catch {}
  }
}

/** Waits until udev has given a line to this user. One that a crash left exported is there already. */
function untilUsable(wanted: Wanted, files: SysfsFiles, untilReady: UntilReady): Promise<void> {
  const { ref, folder } = wanted;
  const needed = ['value', 'direction', 'active_low'];
  return untilReady(() => {
    exportLine(wanted, files);
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
 * @throws CardpadError `gpio.*` (fatal), or (retry) what did not pass in the time of `patience`
 */
export async function openSysfs(
  plan: LinePlan,
  lines: Readonly<Record<string, LineAt>>,
  options: SysfsOptions,
): Promise<Wires> {
  const outputs = new Map<string, Pin>();
  const inputs = new Map<string, Pin>();
  const { files, openPin, clock, patience = BRIEF, willDrive } = options;
  const mostOutputs = findMost(plan.outputs, lines, files);
  // A plan without one of the lines would be taken for all of them; without a plan they are looked for anew.
  if (mostOutputs.length === plan.outputs.length)
    willDrive?.(mostOutputs.map(({ ref, number }) => ({ by: 'sysfs', number, level: levelOf(false, ref) })));
  const untilReady = patiently(clock, patience);
  exportAll([...mostOutputs, ...findMost(plan.inputs, lines, files)], files);
  const open = async (ref: LineRef, isOutput: boolean) => {
    const wanted = find(ref, lines, files);
    await untilUsable(wanted, files, untilReady);
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
