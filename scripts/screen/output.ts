import { constants, openSync, writeSync } from 'node:fs';
import { codeOf } from '../../protocol/errors.js';

/** A terminal's screen, to be written to. */
export interface ScreenOutput {
  /** As the terminal says; 0 or nothing where nobody told it its size. */
  readonly columns: number;
  readonly rows: number;
  /** Blocks nobody: `onTaken` is called when the terminal has taken it all, or is gone. */
  write(text: string, onTaken: () => void): void;
  /** Writes instead of what is still under way, and returns when the terminal has taken it. */
  writeNow(text: string): void;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** What is needed of `process.stdout`. */
export interface TerminalStream {
  readonly columns: number;
  readonly rows: number;
  readonly fd: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** A terminal over a slow line is asked this often whether it takes more. */
const RETRY_MS = 20;

/** Writes through a descriptor that does not block. */
export class PatientWriter {
  #left: Buffer = Buffer.alloc(0);
  #onTaken: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param file open with O_NONBLOCK */
  constructor(private readonly file: number) {}

  /** One text at a time. */
  write(text: string, onTaken: () => void): void {
    this.#left = Buffer.from(text);
    this.#onTaken = onTaken;
    this.#push();
  }

  /** What is under way is left where it is. */
  drop(): void {
    clearTimeout(this.#timer);
    this.#onTaken = undefined;
  }

  #push(): void {
    try {
      while (this.#left.length > 0) this.#left = this.#left.subarray(writeSync(this.file, this.#left));
    } catch (thrown) {
      if (codeOf(thrown) === 'EAGAIN') {
        this.#timer = setTimeout(() => this.#push(), RETRY_MS);
        return;
      }
      // The terminal is gone; a SIGHUP says so to the whole program.
    }
    const onTaken = this.#onTaken;
    this.#onTaken = undefined;
    // Not at once: who is told may write again, and a stack of pictures would grow.
    if (onTaken !== undefined) setImmediate(onTaken);
  }
}

/** The terminal behind a descriptor, opened once more; undefined where it may not be, as after a change of user. */
function openAgain(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NOCTTY | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

/**
 * A screen that holds up nobody. What Node writes to a terminal blocks its process until the terminal has taken it
 * (Node.js, "A note on process I/O"): over a slow line that would stop everything else in the process with it.
 */
export function screenOutput(stream: TerminalStream): ScreenOutput {
  const file = openAgain(stream.fd);
  const writer = file === undefined ? undefined : new PatientWriter(file);
  return {
    get columns() {
      return stream.columns;
    },
    get rows() {
      return stream.rows;
    },
    write(text, onTaken) {
      if (writer !== undefined) return writer.write(text, onTaken);
      stream.write(text);
      setImmediate(onTaken);
    },
    writeNow(text) {
      writer?.drop();
      stream.write(text);
    },
    on: (event, listener) => stream.on(event, listener),
    off: (event, listener) => stream.off(event, listener),
  };
}
