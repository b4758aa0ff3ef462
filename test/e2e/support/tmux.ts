import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { columnsOf } from '../../../scripts/screen/columns.js';
import { ROOT, type TestScope } from './child.js';

const run = promisify(execFile);
/** Longer than anything takes on a busy machine; only a failing test waits so long. */
const WITHIN_MS = 90_000;
/** tmux tells nobody of a change. */
const LOOK_EVERY_MS = 100;
const SOCKET = 'test';

export interface TmuxOptions {
  readonly columns?: number;
  readonly rows?: number;
  readonly env?: Readonly<Record<string, string>>;
}

const quoted = (words: readonly string[]): string =>
  words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');

/** A real terminal (tmux) in which a command runs. It ends with the test. */
export class Tmux {
  /** The command's TMPDIR: what is in it at the end was left behind. */
  readonly temporary: string;
  #seen = '';

  private constructor(
    private readonly folder: string,
    private columns: number,
  ) {
    this.temporary = join(folder, 'tmp');
  }

  static async open(
    t: TestScope,
    command: readonly string[],
    { columns = 80, rows = 24, env = {} }: TmuxOptions = {},
  ): Promise<Tmux> {
    const folder = await mkdtemp(join(tmpdir(), 'cardpad-tmux-'));
    const tmux = new Tmux(folder, columns);
    await mkdir(tmux.temporary);
    const end = () => {
      try {
        execFileSync('tmux', ['-L', SOCKET, 'kill-server'], { env: tmux.#env(), stdio: 'ignore' });
      } catch {
        // It has ended before.
      }
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    };
    process.once('exit', end);
    t.teardown(async () => {
      process.off('exit', end);
      end();
      await rm(folder, { recursive: true, force: true });
    });
    // The shell stays behind the command, and says how it ended and how it left the terminal.
    const variables = Object.entries({ TMPDIR: tmux.temporary, ...env }).map(
      ([name, value]) => `${name}=${value}`,
    );
    const inner = `echo $$ >${tmux.#pidFile}; exec env ${quoted([...variables, ...command])}`;
    const outer = `sh -c ${quoted([inner])}; echo "ended with $?"; stty -a; exec sleep 1000`;
    await tmux.#tmux([
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-x',
      `${columns}`,
      '-y',
      `${rows}`,
      '-c',
      ROOT,
      outer,
    ]);
    return tmux;
  }

  /** The process of the command. */
  get pid(): number {
    return Number(readFileSync(this.#pidFile, 'latin1'));
  }

  /** What was found when it was last looked. */
  get seen(): string {
    return this.#seen;
  }

  /** Waits until the screen, its lines joined by line ends, fits. */
  async shows(pattern: RegExp): Promise<string> {
    return this.#until(async () => {
      const screen = await this.screen();
      return pattern.test(screen) && screen;
    }, `${pattern}`);
  }

  /** The lines that can be seen now. */
  async screen(): Promise<string> {
    const text = await this.#tmux(['capture-pane', '-p']);
    const wide = text.split('\n').find((line) => columnsOf(line) > this.columns);
    if (wide !== undefined) throw new Error(`wider than ${this.columns} columns: ${wide}`);
    this.#seen = text;
    return text;
  }

  /** The same with its escape sequences for colors. */
  inColor(): Promise<string> {
    return this.#tmux(['capture-pane', '-p', '-e']);
  }

  /** Waits for the command's end. Gives all that stands on the shell's page, broken lines joined again. */
  async ended(): Promise<string> {
    return this.#until(async () => {
      const all = await this.#tmux(['capture-pane', '-p', '-J', '-S', '-']);
      this.#seen = all;
      return /ended with \d+[\s\S]*icanon/.test(all) && all;
    }, 'the end of the command');
  }

  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux(['send-keys', ...keys]);
  }

  async resize(columns: number, rows: number): Promise<void> {
    this.columns = columns;
    await this.#tmux(['resize-window', '-x', `${columns}`, '-y', `${rows}`]);
  }

  /** Whether the shell's own page is shown, and its cursor. */
  async isGivenBack(): Promise<boolean> {
    return (await this.#tmux(['display-message', '-p', '#{alternate_on} #{cursor_flag}'])).trim() === '0 1';
  }

  /** Files in the command's TMPDIR, and processes that know of it. */
  left(): string[] {
    const files = existsSync(this.temporary) ? readdirSync(this.temporary) : [];
    const processes = readdirSync('/proc').flatMap((pid) => {
      try {
        const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ');
        return argv.includes(join(this.temporary, 'cardpad-')) ? [argv] : [];
      } catch {
        return [];
      }
    });
    return [...files, ...processes];
  }

  /** Waits until nothing is left: a process that was killed takes a moment to be gone. */
  async leavesNothing(): Promise<void> {
    await this.#until(
      async () => this.left().length === 0,
      `nothing to be left; there is ${this.left().join(', ')}`,
    );
  }

  get #pidFile(): string {
    return join(this.folder, 'pid');
  }

  /** The test runner's instrumentation stays out of what people run. */
  #env(): NodeJS.ProcessEnv {
    const { NODE_OPTIONS: _, TMUX: __, NO_COLOR: ___, ...env } = process.env;
    return { ...env, TMUX_TMPDIR: this.folder, LC_ALL: 'C.UTF-8', TERM: 'xterm' };
  }

  async #tmux(argv: readonly string[]): Promise<string> {
    const { stdout } = await run('tmux', ['-L', SOCKET, '-u', ...argv], { env: this.#env() });
    return stdout;
  }

  async #until<T>(look: () => Promise<T | false>, what: string): Promise<T> {
    const endMs = performance.now() + WITHIN_MS;
    for (;;) {
      const found = await look();
      if (found !== false) return found;
      if (performance.now() > endMs)
        throw new Error(`waited ${WITHIN_MS} ms in vain for ${what}; seen was\n${this.#seen}`);
      await pause(LOOK_EVERY_MS);
    }
  }
}
