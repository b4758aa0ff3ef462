import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import type { Size } from '../screen/line.js';

const run = promisify(execFile);
/** tmux tells nobody of a change; a gate stays open for a third of a second. */
const LOOK_EVERY_MS = 40;
const WITHIN_MS = 60_000;
const SESSION = 'picture';

/** A command in a terminal (tmux) that nobody sees. */
export class HiddenTerminal {
  private constructor(private readonly folder: string) {}

  /** @throws CardpadError where there is no tmux */
  static async open(command: string, { columns, rows }: Size): Promise<HiddenTerminal> {
    const terminal = new HiddenTerminal(await mkdtemp(join(tmpdir(), 'cardpad-picture-')));
    const size = ['-x', `${columns}`, '-y', `${rows}`];
    await terminal.#tmux(['-f', '/dev/null', 'new-session', '-d', '-s', SESSION, ...size, command]);
    return terminal;
  }

  async press(key: string): Promise<void> {
    await this.#tmux(['send-keys', key]);
  }

  /** Waits until the screen fits. Gives it with its escape sequences for colors. */
  async shows(pattern: RegExp): Promise<string> {
    const endMs = performance.now() + WITHIN_MS;
    for (;;) {
      // One look for both: between two the lamp could have gone out.
      const screen = await this.#tmux(['capture-pane', '-p', '-e']);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
      const plain = screen.replaceAll(/\u001b\[[\d;]*m/g, '');
      if (pattern.test(plain)) return screen;
      if (performance.now() > endMs)
        throw new CardpadError('picture.wait', 'fatal', `${pattern} did not come; the screen was\n${plain}`, {
          help: 'Try again when the machine is less busy.',
        });
      await pause(LOOK_EVERY_MS);
    }
  }

  /** Ends the command if it has not ended, and everything of this terminal. */
  async close(): Promise<void> {
    await this.#tmux(['kill-server']).catch(() => {
      // It ended with its command.
    });
    await rm(this.folder, { recursive: true, force: true });
  }

  async #tmux(argv: readonly string[]): Promise<string> {
    const { TMUX: _, NO_COLOR: __, ...env } = process.env;
    const own = { ...env, TMUX_TMPDIR: this.folder, LC_ALL: 'C.UTF-8', TERM: 'xterm' };
    const { stdout } = await run('tmux', ['-L', SESSION, '-u', ...argv], { env: own }).catch((cause) => {
      if (codeOf(cause) !== 'ENOENT') throw cause;
      throw new CardpadError('picture.tmux', 'retry', 'tmux is not installed', {
        help: 'apt install tmux',
        cause,
      });
    });
    return stdout;
  }
}
