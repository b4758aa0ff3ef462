import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Changes, DEADLINE_MS } from './changes.js';

/** The checkout, seen from `build/test/e2e/support`. */
export const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
/** The program, for `node`: of this build, or the file that `CARDPAD_TEST_PROGRAM` names, such as the one in a package. */
export const CLI =
  process.env.CARDPAD_TEST_PROGRAM ?? fileURLToPath(new URL('../../../scripts/cli/main.js', import.meta.url));
const LINES_SHOWN = 12;

/** What of a tap test is needed here. */
export interface TestScope {
  teardown(call: () => unknown): unknown;
}

/**
 * A test that is cut off takes its processes with it, and the test runner's instrumentation stays out of what people
 * run. Both programs put the command in their own place.
 */
const ALONE = ['--pdeathsig', 'KILL', 'env', '-u', 'NODE_OPTIONS'];

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process of the product, with everything that it says. It ends with the test. */
export class Child {
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #changes = new Changes();
  readonly #said = { stdout: '', stderr: '' };
  #exit: Exit | undefined;

  constructor(
    t: TestScope,
    private readonly name: string,
    command: string,
    argv: readonly string[],
  ) {
    const child = spawn('setpriv', [...ALONE, command, ...argv], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream]?.setEncoding('utf8').on('data', (text: string) => {
        this.#said[stream] += text;
        this.#changes.happened();
      });
    }
    // Nobody reads any more: the exit code says what there is to say.
    child.stdin?.on('error', () => {});
    this.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        this.#exit = { code, signal };
        this.#changes.happened();
        resolve(this.#exit);
      });
    });
    t.teardown(async () => {
      child.kill('SIGKILL');
      await this.exited;
    });
  }

  /** `setpriv` and `env` put the command in their own place: the process of the command itself. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  get stdout(): string {
    return this.#said.stdout;
  }

  get stderr(): string {
    return this.#said.stderr;
  }

  /** How many lines it has written to standard error: where a later wait begins. */
  get written(): number {
    return this.#lines('stderr').length;
  }

  /** The first whole line of standard error, or the first after `from` lines, that fits; or the `nth` of these. */
  line(pattern: RegExp, from = 0, nth = 1, withinMs = DEADLINE_MS): Promise<string> {
    return this.#changes.until(
      () => {
        const found = this.#lines('stderr')
          .slice(from)
          .filter((line) => pattern.test(line))[nth - 1];
        if (found === undefined && this.#exit !== undefined)
          throw new Error(`${this.name} ended: ${this.#last()}`);
        return found;
      },
      () => `${pattern} from ${this.name}, which said:\n${this.#last()}`,
      withinMs,
    );
  }

  /** Waits until standard output fits: `look` is given its whole lines. */
  output<T>(
    look: (lines: readonly string[]) => T | undefined | false,
    what: string,
    withinMs = DEADLINE_MS,
  ): Promise<T> {
    return this.#changes.until(
      () => look(this.#lines('stdout')),
      () => `${what} from ${this.name}, which wrote:\n${this.stdout}\n${this.#last()}`,
      withinMs,
    );
  }

  say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  /** Ends its standard input. */
  hush(input = ''): void {
    this.#child.stdin?.end(input);
  }

  /** Sends a signal that does not end it. */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Stops it in its tracks, until what this returns is called. */
  freeze(): () => void {
    this.#child.kill('SIGSTOP');
    return () => void this.#child.kill('SIGCONT');
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<Exit> {
    this.#child.kill(signal);
    return this.exited;
  }

  #lines(stream: 'stdout' | 'stderr'): string[] {
    return this.#said[stream].split('\n').slice(0, -1);
  }

  #last(): string {
    return this.#lines('stderr').slice(-LINES_SHOWN).join('\n');
  }
}

/**
 * A cardpad command that keeps running.
 * @param nodeOptions of Node itself, such as `--import` of what changes the world that the command sees
 */
export function startCardpad(
  t: TestScope,
  argv: readonly string[],
  nodeOptions: readonly string[] = [],
): Child {
  const name = `cardpad ${argv.slice(0, 2).join(' ')}`;
  return new Child(t, name, process.execPath, [...nodeOptions, CLI, ...argv]);
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a cardpad command to its end. */
export async function cardpad(t: TestScope, argv: readonly string[], input = ''): Promise<Finished> {
  const child = startCardpad(t, argv);
  child.hush(input);
  const { code } = await child.exited;
  return { code, stdout: child.stdout, stderr: child.stderr };
}

/** Waits for the end of one that must succeed. */
export async function mustEnd(child: Child): Promise<void> {
  child.hush();
  const { code } = await child.exited;
  if (code !== 0) throw new Error(`ended with ${code}: ${child.stderr}`);
}

/** Runs one that must succeed; gives standard output. */
export async function mustRun(t: TestScope, argv: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await cardpad(t, argv, input);
  if (code !== 0) throw new Error(`cardpad ${argv.join(' ')} ended with ${code}: ${stderr}`);
  return stdout;
}
