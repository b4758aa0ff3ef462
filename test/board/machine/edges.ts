import { setTimeout as pause } from 'node:timers/promises';
import type { Agent } from './agent.js';
import type { Chip } from './chip.js';
import { Stream } from './stream.js';

/** A change of a line, as the kernel's own trace has it. */
export interface Edge {
  /** By the kernel's monotonic clock. */
  readonly atMs: number;
  /** When the host saw it, by performance.now(). */
  readonly seenMs: number;
  readonly line: number;
  /** `set` is a level that a program gave, `out` the moment in which a line became an output. */
  readonly what: 'set' | 'out' | 'in';
  readonly level: number;
  /** The process that did it. */
  readonly by: string;
}

/** The kernel's gpio_value: `NUMBER get|set LEVEL`, gpio_direction: `NUMBER in|out (ERROR)`; include/trace/events/gpio.h */
const TRACED =
  /^\s*(?<by>.+)-(?<pid>\d+)\s+(?:\(.*\)\s+)?\[\d+\]\s+\S+\s+(?<at>\d+\.\d+): gpio_(?:value|direction):\s+(?<number>\d+)\s+(?<what>set|in|out)\s+\(?(?<level>-?\d+)\)?/;

const LOOK_EVERY_MS = 50;

/** The lines of the machine's GPIO chip, from below: what the kernel drives, and buttons that are pressed from outside. */
export class Lines {
  readonly edges = new Stream<Edge>('edges', ({ atMs, line, what, level, by }) =>
    [atMs.toFixed(3), `line ${line}`, what, level, `by ${by}`].join(' '),
  );
  #base = 0;

  constructor(
    private readonly agent: Agent,
    private readonly chip: Chip,
  ) {}

  /** The trace counts all lines of a machine; these are those of the one chip. */
  async findBase(): Promise<void> {
    const base = await this.agent.run(
      `for c in /sys/class/gpio/gpiochip*; do [ "$(cat $c/label)" != ${this.chip.label} ] || cat $c/base; done`,
    );
    this.#base = Number(base);
  }

  /** A line of the trace; anything else in it is not of a line of this chip. */
  readonly take = (text: string): void => {
    const { by, at, number, what, level } = TRACED.exec(text)?.groups ?? {};
    if (by === undefined) return;
    this.edges.add({
      atMs: Number(at) * 1000,
      seenMs: performance.now(),
      line: Number(number) - this.#base,
      what: what === 'in' ? 'in' : what === 'out' ? 'out' : 'set',
      level: Number(level),
      by,
    });
  };

  /** The level now, as it is at the chip's pin. */
  level(line: number): Promise<number> {
    return this.chip.level(line);
  }

  /** Waits until the pin has that level, whoever brings it there: the kernel traces what programs do, and no more. */
  async untilLevel(line: number, level: 0 | 1, withinMs: number): Promise<void> {
    const endMs = performance.now() + withinMs;
    while ((await this.level(line)) !== level) {
      if (performance.now() > endMs) throw new Error(`line ${line} is not ${level} within ${withinMs} ms`);
      await pause(LOOK_EVERY_MS);
    }
  }

  /** Presses or lets go what is outside at an input. */
  drive(line: number, level: 0 | 1): Promise<void> {
    return this.chip.drive(line, level);
  }

  /** The first time from `from` on that a program gave that line that level. */
  set(line: number, level: 0 | 1, from: number, withinMs: number): Promise<Edge> {
    const fits = (edge: Edge) => edge.what === 'set' && edge.line === line && edge.level === level;
    return this.edges.first(fits, `edge of line ${line} to ${level}`, from, withinMs);
  }
}
