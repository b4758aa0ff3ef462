import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url));
/** A machine that is busy with ten other things starts a process in half a minute. */
const WAIT_MS = 60_000;
/** A run of hours says more than anybody reads. */
const LINES_KEPT = 1_000;

export interface ServiceOptions {
  /** For node itself, before the program. */
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Opens a channel to the process, and takes what comes through it. */
  readonly onMessage?: (message: unknown) => void;
  /** Takes each line of standard error. */
  readonly onLine?: (line: string) => void;
  /** Takes each line of standard output. */
  readonly onOutput?: (line: string) => void;
}

const running = new Set<ChildProcess>();
// Whatever ends this process, nothing of it goes on behind its back.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Told of each process that is started from here. */
export const childWatchers = new Set<(child: ChildProcess) => void>();

function kept(child: ChildProcess): void {
  running.add(child);
  for (const tell of childWatchers) tell(child);
  child.once('exit', () => running.delete(child));
}

/** How a command ended, and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a cardpad command to its end, whatever that is. */
export function tryCardpad(argv: readonly string[], input = ''): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...argv], { stdio: ['pipe', 'pipe', 'pipe'] });
    kept(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    child.stdin.end(input);
  });
}

/** Runs a cardpad command that must succeed; gives standard output. */
export async function runCardpad(argv: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await tryCardpad(argv, input);
  if (code === 0) return stdout;
  throw new Error(`cardpad ${argv.slice(0, 2).join(' ')} ended with ${code}: ${stderr.trim()}`);
}

/** A cardpad command that keeps running; its standard error is watched line by line. */
export class Service {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting = new Set<() => void>();
  /** How many lines were forgotten. */
  #forgotten = 0;
  #ended = false;

  constructor(
    private readonly name: string,
    argv: readonly string[],
    { nodeFlags = [], env = {}, onMessage, onLine, onOutput }: ServiceOptions = {},
  ) {
    const output = onOutput === undefined ? 'ignore' : 'pipe';
    this.#child = spawn(process.execPath, [...nodeFlags, CLI, ...argv], {
      stdio: ['ignore', output, 'pipe', ...(onMessage === undefined ? [] : ['ipc' as const])],
      env: { ...process.env, ...env },
    });
    kept(this.#child);
    if (onMessage !== undefined) this.#child.on('message', onMessage);
    if (this.#child.stdout !== null) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => onOutput?.(line));
    }
    if (this.#child.stderr !== null) {
      createInterface({ input: this.#child.stderr }).on('line', (line) => {
        this.#lines.push(line);
        if (this.#lines.length > LINES_KEPT) this.#forgotten += this.#lines.splice(0, LINES_KEPT / 2).length;
        onLine?.(line);
        this.#wake();
      });
    }
    // Not at its exit: its last words may still be under way then.
    this.#child.on('close', () => {
      this.#ended = true;
      this.#wake();
    });
  }

  /** How many lines it has written: where a later wait begins. */
  get written(): number {
    return this.#forgotten + this.#lines.length;
  }

  /** The process; 0 when it could not be started. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Whether the process has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Says something through the channel. */
  send(message: Readonly<Record<string, unknown>>): void {
    this.#child.send(message);
  }

  /** Resolves when a line, the first or one after `from`, holds these words. */
  async line(words: string, from = 0): Promise<void> {
    const giveUp = AbortSignal.timeout(WAIT_MS);
    while (!this.#lines.slice(Math.max(0, from - this.#forgotten)).some((line) => line.includes(words))) {
      if (this.#ended || giveUp.aborted) {
        const last = this.#lines.slice(-8).join('\n');
        throw new Error(`${this.name} did not say "${words}"; it said:\n${last}`);
      }
      await this.#nextLine();
    }
  }

  /** The newest line that holds these words, of those that are kept. */
  lastLine(words: string): string | undefined {
    return this.#lines.findLast((line) => line.includes(words));
  }

  /** Asks it to stop; resolves when it has. */
  stop(): Promise<void> {
    return this.#end('SIGTERM');
  }

  /** Ends it on the spot, as a power cut would; resolves when it is gone. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#ended) return Promise.resolve();
    return new Promise((resolve) => {
      this.#child.once('close', () => resolve());
      this.#child.kill(signal);
    });
  }

  /** Resolves at the next line or end, and now and then in any case, so that a wait can be given up. */
  #nextLine(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, 250);
      this.#waiting.add(done);
    });
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
