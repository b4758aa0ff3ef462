import {
  appendFileSync,
  type FSWatcher,
  mkdirSync,
  readFileSync,
  renameSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Cancel, Clock } from '../../platform/clock.js';
import { CardpadError } from '../../protocol/errors.js';
import {
  checkLineName,
  type Gpio,
  type InputLine,
  type Level,
  type LineRef,
  levelOf,
  lineClosed,
  lineInUse,
  type OutputLine,
} from './gpio.js';

/**
 * The safety net under `fs.watch`, which may miss a change. EN 60839-11-1 wants inputs that last 400 ms to be
 * processed, so twice within that.
 */
const POLL_MS = 200;

interface Input {
  readonly ref: LineRef;
  readonly onEdge: (on: boolean) => void;
  level: Level;
}

/** A board made of files: one a line, holding its electrical level. */
export class SimulatedGpio implements Gpio {
  readonly #inputs = new Map<string, Input>();
  readonly #outputs = new Map<string, OutputLine>();
  #watcher: FSWatcher | undefined;
  #cancelPoll: Cancel = () => {};
  #closed = false;

  /** @param dir made if missing */
  constructor(
    private readonly dir: string,
    private readonly clock: Clock,
  ) {
    mkdirSync(dir, { recursive: true });
  }

  output(ref: LineRef, _safe: 'off'): OutputLine {
    this.#claim(ref.line);
    const safeLevel = levelOf(false, ref);
    const found = this.#read(ref.line);
    if (found !== safeLevel) this.#write(ref.line, safeLevel, { edge: found !== undefined });
    let isOn = false;
    const line: OutputLine = {
      name: ref.line,
      get isOn() {
        return isOn;
      },
      set: (on) => {
        if (on === isOn) return;
        if (this.#closed && on) throw lineClosed(ref.line);
        this.#write(ref.line, levelOf(on, ref), { edge: true });
        isOn = on;
      },
    };
    this.#outputs.set(ref.line, line);
    return line;
  }

  input(ref: LineRef, onEdge: (on: boolean) => void): InputLine {
    this.#claim(ref.line);
    const idle = levelOf(false, ref);
    let level = this.#read(ref.line);
    if (level === undefined) {
      this.#write(ref.line, idle, { edge: false });
      level = idle;
    }
    const input: Input = { ref, onEdge, level };
    this.#inputs.set(ref.line, input);
    this.#listen();
    return {
      name: ref.line,
      get isOn() {
        return input.level === levelOf(true, ref);
      },
    };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watcher?.close();
    this.#cancelPoll();
    const failures: unknown[] = [];
    for (const line of this.#outputs.values()) {
      try {
        line.set(false);
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    if (failures.length > 0) throw failures[0];
  }

  #claim(name: string): void {
    checkLineName(name);
    if (this.#outputs.has(name) || this.#inputs.has(name)) throw lineInUse(name);
  }

  #listen(): void {
    if (this.#watcher !== undefined) return;
    this.#watcher = watch(this.dir, { persistent: false }, (_event, file) => {
      if (file === null || this.#inputs.has(file)) this.#poll();
    });
    // A folder removed under us ends the watch; the poll goes on.
    this.#watcher.on('error', () => this.#watcher?.close());
    this.#schedulePoll();
  }

  #schedulePoll(): void {
    this.#cancelPoll = this.clock.schedule(POLL_MS, () => {
      this.#schedulePoll();
      this.#poll();
    });
  }

  #poll(): void {
    for (const [name, input] of this.#inputs) {
      if (this.#closed) return;
      const level = this.#read(name);
      if (level === undefined || level === input.level) continue;
      input.level = level;
      this.#trace(name, level, process.hrtime.bigint());
      input.onEdge(level === levelOf(true, input.ref));
    }
  }

  /** The level in a file, or undefined while it is missing, empty (just being written) or no level. */
  #read(name: string): Level | undefined {
    let text: string;
    try {
      text = readFileSync(join(this.dir, name), 'latin1');
    } catch {
      return undefined;
    }
    // A person writes an input by `echo 1 > help`, which ends the line.
    const level = text.trim();
    if (level === '1') return 1;
    return level === '0' ? 0 : undefined;
  }

  #write(name: string, level: Level, { edge }: { readonly edge: boolean }): void {
    const temporary = join(this.dir, `.${name}.new`);
    let ns: bigint;
    try {
      writeFileSync(temporary, String(level));
      ns = process.hrtime.bigint();
      renameSync(temporary, join(this.dir, name));
    } catch (cause) {
      throw new CardpadError('gpio.write-failed', 'retry', `Line ${name} cannot be set.`, {
        help: 'Is the folder of the simulated lines still there, with room in it?',
        cause,
      });
    }
    if (edge) this.#trace(name, level, ns);
  }

  #trace(name: string, level: Level, ns: bigint): void {
    const line = `${JSON.stringify({ ns: String(ns), line: name, value: level })}\n`;
    try {
      appendFileSync(join(this.dir, 'trace.ndjson'), line);
    } catch {
      // The level is set and that is what counts: a full disk must not keep a gate from closing.
    }
  }
}
