import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Cancel, Clock } from '../../platform/clock.js';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import { LINE_HELPER } from './lineHelperScript.js';

/** A command takes microseconds. What is not done after this, on whatever board, is not going to be. */
const ANSWER_WITHIN_MS = 2000;
/** Before its first answer the helper has to be loaded, from a slow card, beside a whole system that starts. */
const START_WITHIN_MS = 15_000;
const LAST_LOOK_MS = 100;
const MAX_LINE_LENGTH = 64 * 1024;

export type StartHelper = () => ChildProcessWithoutNullStreams;

export const startHelper: StartHelper = () =>
  spawn('perl', ['-e', LINE_HELPER, '/dev'], { stdio: 'pipe', env: { ...process.env, LC_ALL: 'C' } });

interface Pending {
  readonly sinceMs: number;
  readonly answered: (fields: readonly string[]) => void;
  readonly failed: (error: CardpadError) => void;
}

/** What the kernel said to a command; `code` as Node names it (errno(3)). */
export function refusal(errno: string | undefined, text = ''): Error & { code: string } {
  const CODES: Readonly<Record<string, string>> = { 1: 'EPERM', 13: 'EACCES', 16: 'EBUSY', 30: 'EROFS' };
  return Object.assign(new Error(text.toLowerCase()), { code: CODES[errno ?? ''] ?? 'EIO' });
}

/** The program that holds the lines, from the side of the gate. */
export class LineHelper {
  readonly #pending: Pending[] = [];
  readonly #child: ChildProcessWithoutNullStreams;
  #text = '';
  #complaint = '';
  #failure: CardpadError | undefined;
  #closed = false;
  #isStarted = false;
  #cancelWatch: Cancel | undefined;
  #onSaid: (fields: readonly string[]) => void = () => {};
  #onFailure: (error: CardpadError) => void = () => {};

  constructor(
    private readonly clock: Clock,
    start: StartHelper = startHelper,
  ) {
    this.#child = start();
    const { stdin, stdout, stderr } = this.#child;
    stdout.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#complaint = `${this.#complaint}${text}`.slice(-400);
    });
    stdin.on('error', (cause) => this.#fail('does not listen', { cause }));
    this.#child.on('error', (cause) => this.#fail('cannot be started', { cause }));
    this.#child.on('close', (code, signal) => {
      const said = this.#complaint.trim().split('\n').at(-1) ?? '';
      this.#fail(`ended (${signal ?? code})${said === '' ? '' : `: ${said}`}`);
    });
  }

  /** What the helper says by itself. */
  onSaid(listener: (fields: readonly string[]) => void): void {
    this.#onSaid = listener;
  }

  /** The helper died, or is stuck; at most once, and never after `close`. The kernel has let go of its lines, or is about to. */
  onFailure(listener: (error: CardpadError) => void): void {
    this.#onFailure = listener;
  }

  /** Resolves to the fields of its answer, the first being `ok` or `error`. @throws CardpadError `gpio.helper` (retry) */
  ask(...fields: readonly (string | number)[]): Promise<readonly string[]> {
    return new Promise((answered, failed) => {
      this.#send(fields, { answered, failed });
    });
  }

  /**
   * Hands a command over before it returns, so that it is carried out even if this process ends at once.
   * @throws CardpadError `gpio.helper` (retry) when the helper is gone or takes no more
   */
  order(...fields: readonly (string | number)[]): void {
    this.#send(fields, {
      answered: ([word, errno, text]) => {
        if (word === 'ok') return;
        // It is well otherwise, and can still drive the other outputs to their safe level.
        this.#child.stdin.end();
        this.#fail(`was refused ${fields.join(' ')}`, { cause: refusal(errno, text), kill: false });
      },
      failed: () => {},
    });
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** It drives outputs to their safe level, lets go of all lines and ends. */
  close(): void {
    this.#closed = true;
    this.#cancelWatch?.();
    this.#child.stdin.end();
    const cancel = this.clock.schedule(ANSWER_WITHIN_MS, () => this.#child.kill('SIGKILL'));
    this.#child.once('close', cancel);
  }

  #send(
    fields: readonly (string | number)[],
    { answered, failed }: Pick<Pending, 'answered' | 'failed'>,
  ): void {
    if (this.#failure !== undefined) return failed(this.#failure);
    const { stdin, pid } = this.#child;
    this.#pending.push({ sinceMs: this.clock.monotonicMs(), answered, failed });
    // One that could not be started says why in a moment.
    if (pid === undefined) return;
    stdin.write(`${fields.join('\t')}\n`);
    // Node writes to a pipe at once. What is left over then did not fit: the helper has not read for a long time.
    if (stdin.errored !== null || stdin.writableLength > 0) {
      this.#fail('does not listen', { cause: stdin.errored ?? undefined });
    }
    this.#watch();
  }

  /** Looks whether the oldest command has its answer in time. */
  #watch(isLastLook = false): void {
    const [oldest] = this.#pending;
    if (this.#cancelWatch !== undefined || oldest === undefined || this.#closed || this.#failure) return;
    const withinMs = this.#isStarted ? ANSWER_WITHIN_MS : START_WITHIN_MS;
    const leftMs = oldest.sinceMs + withinMs - this.clock.monotonicMs();
    if (leftMs <= 0 && isLastLook) return this.#fail('does not answer');
    // A program that was stuck itself runs its timers before it reads: the answer may lie there.
    this.#cancelWatch = this.clock.schedule(Math.max(leftMs, LAST_LOOK_MS), () => {
      this.#cancelWatch = undefined;
      this.#watch(leftMs <= 0);
    });
  }

  #read(text: string): void {
    const lines = `${this.#text}${text}`.split('\n');
    this.#text = lines.pop() ?? '';
    if (this.#text.length > MAX_LINE_LENGTH) return this.#fail('talks nonsense');
    this.#isStarted ||= lines.length > 0;
    for (const line of lines) {
      const fields = line.split('\t');
      if (fields[0] === 'ok' || fields[0] === 'error') this.#pending.shift()?.answered(fields);
      else this.#onSaid(fields);
    }
    this.#cancelWatch?.();
    this.#cancelWatch = undefined;
    this.#watch();
  }

  #fail(what: string, { cause, kill = true }: { cause?: unknown; kill?: boolean } = {}): void {
    if (this.#failure !== undefined) return;
    const isMissing = codeOf(cause) === 'ENOENT';
    const help = isMissing
      ? 'The character device is driven through perl: install the package perl-base, or set gpio.backend to sysfs:.'
      : 'The gate ends with it and is started anew. If it happens again, look at the kernel log (`dmesg`).';
    this.#failure = new CardpadError('gpio.helper', 'retry', `The GPIO helper ${what}.`, { help, cause });
    this.#cancelWatch?.();
    if (kill) this.#child.kill('SIGKILL');
    for (const { failed } of this.#pending.splice(0)) failed(this.#failure);
    if (!this.#closed) this.#onFailure(this.#failure);
  }
}
