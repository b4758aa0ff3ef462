import { Personal } from '../protocol/personal.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What a log line may hold beside its words. Personal data has no place here, by type and at run time. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** One line an event: `subject verb`, then `key=value` fields. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** The same log for one part of the program, named at the start of each line. */
  named(part: string): Log;
}

// Control characters from a broker or a cable must not forge lines or drive a terminal; nor may line separators, or
// the marks that turn the direction of writing.
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

const printable = (text: string) => text.replace(UNPRINTABLE, '?');

function render(value: string | number | boolean): string {
  const text = String(value);
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}

/**
 * @param write takes one whole line without its line end
 * @param level the least important level that is written
 * @param wallMs the wall clock for the time stamp
 */
export function createLog(
  write: (line: string) => void,
  level: LogLevel = 'info',
  wallMs: () => number = Date.now,
  part = '',
): Log {
  const least = LOG_LEVELS.indexOf(level);
  const line = (at: LogLevel, event: string, fields: LogFields = {}) => {
    if (LOG_LEVELS.indexOf(at) < least) return;
    let text = `${new Date(wallMs()).toISOString()} ${at.padEnd(5)} ${part === '' ? '' : `${part}: `}${event}`;
    for (const [key, value] of Object.entries(fields)) {
      if (value === undefined) continue;
      // The type forbids it; a cast could still bring one here, and a mask in a log is a bug that shows itself.
      text += ` ${key}=${(value as unknown) instanceof Personal ? '[personal]' : render(value)}`;
    }
    write(printable(text));
  };
  return {
    debug: (event, fields) => line('debug', event, fields),
    info: (event, fields) => line('info', event, fields),
    warn: (event, fields) => line('warn', event, fields),
    error: (event, fields) => line('error', event, fields),
    named: (name) => createLog(write, level, wallMs, part === '' ? name : `${part}.${name}`),
  };
}

/** For tests and for parts that were given no log. */
export const silentLog: Log = createLog(() => {}, 'error');

/** The log of a program: standard error. */
export function standardErrorLog(level: LogLevel = 'info'): Log {
  return createLog((line) => process.stderr.write(`${line}\n`), level);
}
