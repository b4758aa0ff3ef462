import { type ParseArgsConfig, parseArgs } from 'node:util';
import { LOG_LEVELS, type LogLevel } from '../../platform/log.js';
import { nearest } from '../../platform/suggest.js';
import { CardpadError, messageOf } from '../../protocol/errors.js';

/** The command line was wrong; the message says how. */
export class UsageError extends CardpadError {
  constructor(message: string) {
    super('cli.usage', 'reject', message);
  }
}

type Options = NonNullable<ParseArgsConfig['options']>;

/** `parseArgs`, with an error that names the option which was probably meant. */
export function parseCommandLine<const O extends Options>(argv: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (thrown) {
    const unknown = /Unknown option '(--?[^']*)'/.exec(messageOf(thrown))?.[1];
    if (unknown === undefined) throw new UsageError(messageOf(thrown).replace(/\. To specify.*$/s, ''));
    const meant = nearest(unknown.replace(/^-+/, ''), ['help', ...Object.keys(options)]);
    throw new UsageError(
      `there is no option ${unknown}${meant === undefined ? '' : `; did you mean --${meant}?`}`,
    );
  }
}

/** The value of an option that cannot be left out. */
export function required(value: string | undefined, option: string): string {
  if (value === undefined || value === '') throw new UsageError(`${option} is missing`);
  return value;
}

/** @throws UsageError for an argument too many */
export function noMorePositionals(positionals: readonly string[], most = 0): void {
  const extra = positionals[most];
  if (extra !== undefined) throw new UsageError(`unexpected argument: ${extra}`);
}

/** A whole number. @throws UsageError */
export function wholeNumber(text: string, option: string, least: number, most: number): number {
  const value = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`${option} takes a whole number from ${least} to ${most}`);
}

/** One of a few words. @throws UsageError */
export function oneOf<T extends string>(words: readonly T[], given: string, option: string): T {
  const word = words.find((known) => known === given);
  if (word !== undefined) return word;
  const meant = nearest(given, words);
  const suggestion = meant === undefined ? '' : `; did you mean ${meant}?`;
  throw new UsageError(`${option} is one of ${words.join(', ')}${suggestion}`);
}

/** The value of `--log-level`. @throws UsageError */
export const logLevel = (given = 'info'): LogLevel => oneOf(LOG_LEVELS, given, '--log-level');

/** Waits for SIGTERM, SIGINT or SIGHUP, and keeps the process alive until then or until `release`. */
export function untilSignal(): { readonly signal: Promise<NodeJS.Signals>; release(): void } {
  const alive = setInterval(() => {}, 3_600_000);
  const release = () => clearInterval(alive);
  const signal = new Promise<NodeJS.Signals>((resolve) => {
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.once(name, () => {
        release();
        resolve(name);
      });
    }
  });
  return { signal, release };
}
