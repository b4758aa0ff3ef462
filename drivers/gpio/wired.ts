import type { Cancel, Clock } from '../../platform/clock.js';
import { CardpadError } from '../../protocol/errors.js';
import {
  checkLineName,
  type Gpio,
  type InputLine,
  type Level,
  type LinePlan,
  type LineRef,
  levelOf,
  lineClosed,
  lineInUse,
  type OutputLine,
} from './gpio.js';

/** Lines of a board that are ready: outputs are driven and at their safe level, inputs are listened to. */
export interface Wires {
  /** Synchronous. @throws CardpadError `gpio.write-failed` (retry) */
  write(line: string, level: Level): void;
  /** What an input shows now, electrically. @throws CardpadError `gpio.read-failed` (retry) */
  read(line: string): Level;
  /** One listener, called with the name of an input that may have changed. */
  onEdge(listener: (line: string) => void): void;
  /** Lets the lines go; outputs were written off before. */
  release(): void;
}

interface Input {
  readonly onLevel: Level;
  readonly onEdge: (on: boolean) => void;
  /** As it was last told. */
  level: Level;
  /** A change was found by looking, and its interrupt may still come. */
  isSeen: boolean;
}

/** The net under the interrupts of the kernel: four looks within the 400 ms that EN 60839-11-1 gives an input. */
const POLL_MS = 100;

/** A real board, by whichever interface of the kernel. */
export class WiredGpio implements Gpio {
  readonly #inputs = new Map<string, Input>();
  readonly #outputs = new Map<string, OutputLine>();
  #cancelPoll: Cancel = () => {};
  #closed = false;

  constructor(
    private readonly wires: Wires,
    private readonly plan: LinePlan,
    private readonly clock: Clock,
  ) {
    wires.onEdge((line) => {
      const input = this.#inputs.get(line);
      if (input !== undefined) this.#interrupted(line, input);
    });
  }

  output(ref: LineRef, _safe: 'off'): OutputLine {
    this.#claim(ref.line, this.plan.outputs);
    const { wires } = this;
    wires.write(ref.line, levelOf(false, ref));
    let isOn = false;
    const line: OutputLine = {
      name: ref.line,
      get isOn() {
        return isOn;
      },
      set: (on) => {
        if (on === isOn) return;
        if (this.#closed && on) throw lineClosed(ref.line);
        wires.write(ref.line, levelOf(on, ref));
        isOn = on;
      },
    };
    this.#outputs.set(ref.line, line);
    return line;
  }

  input(ref: LineRef, onEdge: (on: boolean) => void): InputLine {
    this.#claim(ref.line, this.plan.inputs);
    const onLevel = levelOf(true, ref);
    const input: Input = { onLevel, onEdge, level: this.wires.read(ref.line), isSeen: false };
    this.#inputs.set(ref.line, input);
    if (this.#inputs.size === 1) this.#schedulePoll();
    return {
      name: ref.line,
      get isOn() {
        return input.level === onLevel;
      },
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelPoll();
    this.#inputs.clear();
    const failures: unknown[] = [];
    for (const line of this.#outputs.values()) {
      try {
        line.set(false);
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    this.wires.release();
    if (failures.length > 0) throw failures[0];
  }

  #claim(name: string, planned: readonly LineRef[]): void {
    checkLineName(name);
    if (this.#outputs.has(name) || this.#inputs.has(name)) throw lineInUse(name);
    if (planned.some(({ line }) => line === name)) return;
    throw new CardpadError('gpio.line-unknown', 'fatal', `Line ${name} was not made ready.`, {
      help: 'The program opened a line that it had not named at the start, which is an error in cardpad.',
    });
  }

  #schedulePoll(): void {
    this.#cancelPoll = this.clock.schedule(POLL_MS, () => {
      this.#schedulePoll();
      for (const [line, input] of this.#inputs) input.isSeen = this.#look(line, input) || input.isSeen;
    });
  }

  #interrupted(line: string, input: Input): void {
    const isTold = this.#look(line, input) || input.isSeen;
    // A look may have come before the interrupt of the same change; the next interrupt is another one.
    input.isSeen = false;
    if (isTold) return;
    // Something happened and is over: both of its edges count.
    input.onEdge(input.level !== input.onLevel);
    input.onEdge(input.level === input.onLevel);
  }

  /** Tells a change. @returns whether there was one */
  #look(line: string, input: Input): boolean {
    const level = this.wires.read(line);
    if (level === input.level) return false;
    input.level = level;
    input.onEdge(level === input.onLevel);
    return true;
  }
}
