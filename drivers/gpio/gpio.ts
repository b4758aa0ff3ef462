import { CardpadError } from '../../protocol/errors.js';

/** A line by its name in the configuration, and which electrical level switches it on. */
export interface LineRef {
  /** 1..32 of a-z, 0-9 and `-`. */
  readonly line: string;
  /** True where electrical 0 is "on", as on most relay boards. */
  readonly activeLow?: boolean | undefined;
}

export type Level = 0 | 1;

export type Bias = 'pull-up' | 'pull-down' | 'disabled';

/** Where a named line is on the board. */
export interface LineAt {
  /** The label of its chip, as `gpiodetect` and `/sys/class/gpio/gpiochip*\/label` have it, or `raspberry-pi`. */
  readonly chip: string;
  /** The line's number on that chip, from 0; on a Raspberry Pi the BCM number. */
  readonly offset: number;
  /** The pull resistor in the chip, for an input. Left as it is where absent. */
  readonly bias?: Bias | undefined;
}

/** The lines that a program will use, known before the first is opened: a board readies them all at once. */
export interface LinePlan {
  readonly outputs: readonly LineRef[];
  readonly inputs: readonly LineRef[];
}

/** A line that cardpad drives. */
export interface OutputLine {
  readonly name: string;
  /** What was last commanded with success. */
  readonly isOn: boolean;
  /**
   * Synchronous, so that it works in the last moments of a process. Setting what is already set does nothing.
   * @throws CardpadError `gpio.write-failed` (retry); the line keeps its level
   * @throws CardpadError `gpio.closed` (fatal) for `true` after the GPIO was closed
   */
  set(on: boolean): void;
}

/** A line that cardpad listens to. */
export interface InputLine {
  readonly name: string;
  readonly isOn: boolean;
}

/** The lines of one board. */
export interface Gpio {
  /**
   * Opens a line for driving. It is at its safe level (off) before this returns.
   * @throws CardpadError `gpio.line-name` | `gpio.line-in-use` | `gpio.line-unknown` (fatal), `gpio.write-failed` (retry)
   */
  output(line: LineRef, safe: 'off'): OutputLine;
  /**
   * Opens a line for listening; `onEdge` is called once a change with the new state, never for the state found
   * at opening, which `isOn` has. Contacts bounce, and that is told as it is: a change that was over before it could be
   * read is told as two.
   * @throws CardpadError `gpio.line-name` | `gpio.line-in-use` | `gpio.line-unknown` (fatal)
   */
  input(line: LineRef, onEdge: (on: boolean) => void): InputLine;
  /**
   * Puts every output at its safe level, also behind one that fails, and stops listening. Idempotent.
   * @throws CardpadError `gpio.write-failed` (retry), the first, at the end
   */
  close(): void;
}

/** The electrical level for "on" or "off" on this line. */
export function levelOf(on: boolean, line: LineRef): Level {
  return on === (line.activeLow ?? false) ? 0 : 1;
}

/** A line used for two things, or opened twice. */
export function lineInUse(name: string): CardpadError {
  return new CardpadError('gpio.line-in-use', 'fatal', `Line ${name} is used twice.`, {
    help: 'Give every lamp, relay and key a line of its own.',
  });
}

/** A line switched on behind the end of its GPIO. */
export function lineClosed(name: string): CardpadError {
  return new CardpadError('gpio.closed', 'fatal', `Line ${name} was closed.`, {
    help: 'Restart the gate: this line was used after its stop, which is an error in cardpad.',
  });
}

/** @throws CardpadError `gpio.line-name` (fatal) for a name that could be a path or a file of our own */
export function checkLineName(name: string): void {
  if (/^[a-z0-9-]{1,32}$/.test(name)) return;
  throw new CardpadError('gpio.line-name', 'fatal', `"${name.slice(0, 40)}" is not a name for a line.`, {
    help: 'Use 1 to 32 of the characters a-z, 0-9 and "-".',
  });
}
