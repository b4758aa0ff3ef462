import {
  checkLineName,
  type Gpio,
  type InputLine,
  type LineRef,
  type OutputLine,
} from '../../../drivers/gpio/gpio.js';

export interface Edge {
  /** Simulated time. */
  readonly atMs: number;
  readonly line: string;
  readonly on: boolean;
}

/** The lines of a board, with every edge told to an observer that the gate knows nothing of. */
export class SimGpio implements Gpio {
  readonly #on = new Set<string>();
  #isDead = false;

  constructor(
    private readonly nowMs: () => number,
    private readonly onEdge: (edge: Edge) => void,
  ) {}

  output({ line: name }: LineRef, _safe: 'off'): OutputLine {
    checkLineName(name);
    const lines = this.#on;
    return {
      name,
      get isOn() {
        return lines.has(name);
      },
      set: (on) => this.#set(name, on),
    };
  }

  input({ line: name }: LineRef): InputLine {
    return { name, isOn: false };
  }

  close(): void {
    for (const name of [...this.#on]) this.#set(name, false);
  }

  /** The process is gone: the lines stay as they are until `close`, which the service manager or the cut sees to. */
  die(): void {
    this.#isDead = true;
  }

  /** What is on. */
  get lit(): readonly string[] {
    return [...this.#on];
  }

  allOff(): void {
    this.#isDead = false;
    this.close();
    this.#isDead = true;
  }

  #set(name: string, on: boolean): void {
    if (this.#isDead || this.#on.has(name) === on) return;
    if (on) this.#on.add(name);
    else this.#on.delete(name);
    this.onEdge({ atMs: this.nowMs(), line: name, on });
  }
}
