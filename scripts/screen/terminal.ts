import type { Line, Size } from './line.js';
import type { ScreenOutput } from './output.js';
import { Renderer } from './renderer.js';

/** What is needed of `process.stdin`. */
export interface KeyInput {
  setRawMode(raw: boolean): unknown;
  resume(): unknown;
  pause(): unknown;
  on(event: 'data', listener: (bytes: Buffer) => void): unknown;
  off(event: 'data', listener: (bytes: Buffer) => void): unknown;
}

export interface TerminalOptions {
  readonly input: KeyInput;
  readonly output: ScreenOutput;
  readonly inColor: boolean;
  /** One key, as one character; Ctrl-C and Ctrl-D come as `q`. */
  readonly onKey: (key: string) => void;
  /** The picture is to be drawn anew: the size has changed, or the program was stopped and goes on. */
  readonly onRedraw: () => void;
}

/** Another page than the shell's, so that what was there comes back (xterm, private mode 1049), without a cursor. */
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[0m\u001b[?25h\u001b[?1049l';
const END_KEYS: ReadonlySet<string> = new Set(['\u0003', '\u0004']);
const ESCAPE = 0x1b;

/** A terminal taken over as a screen. It is given back on `close`, and at the latest when the process ends. */
export class Terminal {
  readonly #renderer: Renderer;
  #open = true;
  #isWriting = false;
  /** What is to be shown once the terminal has taken what was written; pictures in between are left out. */
  #next: readonly Line[] | undefined;

  constructor(private readonly options: TerminalOptions) {
    const { input, output, inColor } = options;
    this.#renderer = new Renderer(inColor);
    input.setRawMode(true);
    input.on('data', this.#onBytes);
    input.resume();
    output.on('resize', this.#onResize);
    output.writeNow(ENTER);
    // The last moment of a process, however it came about: only a SIGKILL leaves a terminal as it was.
    process.once('exit', this.close);
    // Before Node prints what was thrown, so that it is read on the page that stays.
    process.once('uncaughtExceptionMonitor', this.close);
    process.on('SIGCONT', this.#onContinue);
  }

  get size(): Size {
    const { columns, rows } = this.options.output;
    // A terminal that was told no size, as behind some serial lines and in some containers, has none: VT100 then.
    return columns > 0 && rows > 0 ? { columns, rows } : { columns: 80, rows: 24 };
  }

  /** Shows these lines, as soon as the terminal has taken those before. */
  draw(lines: readonly Line[]): void {
    if (!this.#open) return;
    if (this.#isWriting) {
      this.#next = lines;
      return;
    }
    const bytes = this.#renderer.update(lines, this.size);
    if (bytes === '') return;
    this.#isWriting = true;
    this.options.output.write(bytes, this.#onTaken);
  }

  readonly #onTaken = (): void => {
    this.#isWriting = false;
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.draw(next);
  };

  /** Idempotent. */
  readonly close = (): void => {
    if (!this.#open) return;
    this.#open = false;
    const { input, output } = this.options;
    process.off('exit', this.close);
    process.off('uncaughtExceptionMonitor', this.close);
    process.off('SIGCONT', this.#onContinue);
    output.off('resize', this.#onResize);
    input.off('data', this.#onBytes);
    try {
      output.writeNow(LEAVE);
      input.setRawMode(false);
    } catch {
      // The terminal is gone, and with it what was to be given back.
    }
    input.pause();
  };

  readonly #onBytes = (bytes: Buffer): void => {
    // Arrows and the like come as sequences: no key of ours is in them.
    if (bytes[0] === ESCAPE) return;
    for (const character of bytes.toString('utf8'))
      this.options.onKey(END_KEYS.has(character) ? 'q' : character);
  };

  readonly #onResize = (): void => {
    this.#renderer.forget();
    this.options.onRedraw();
  };

  readonly #onContinue = (): void => {
    if (!this.#open) return;
    const { input, output } = this.options;
    input.setRawMode(true);
    output.writeNow(ENTER);
    this.#isWriting = false;
    this.#onResize();
  };
}

/** What a terminal can show. */
export interface Abilities {
  readonly screen: boolean;
  readonly color: boolean;
  /** Chinese and other characters beyond ASCII. */
  readonly unicode: boolean;
}

/** @param env TERM, NO_COLOR (no-color.org), LC_ALL, LC_CTYPE, LANG (POSIX.1-2017, XBD 8.2) */
export function abilities(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): Abilities {
  const { TERM = '', NO_COLOR = '' } = env;
  const named =
    [env.LC_ALL, env.LC_CTYPE, env.LANG].find((value) => value !== undefined && value !== '') ?? '';
  const charset = /\.([^@]+)/.exec(named)?.[1];
  // Where no charset is named, as in a container, the terminal in front of it is UTF-8 all but always.
  const isUtf8 = charset === undefined || /^utf-?8$/i.test(charset);
  const screen = isTerminal && TERM !== 'dumb' && TERM !== '';
  return {
    screen,
    color: screen && NO_COLOR === '',
    // The kernel's own console has no glyphs for Chinese.
    unicode: isUtf8 && TERM !== 'linux',
  };
}
