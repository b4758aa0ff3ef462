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

function render(text: string): string {
  return /^[\w.:/@+-]+$/.test(text) ? text : JSON.stringify(text);
}

/** One event, before it has a form. */
export interface LogEvent {
  readonly at: LogLevel;
  readonly wallMs: number;
  /** `link.session`; empty for the program itself. */
  readonly part: string;
  /** `opened`. */
  readonly event: string;
  /** What has a value, as text; personal data is masked. */
  readonly fields: readonly (readonly [key: string, value: string])[];
  /** All of it in a line, `link.session: opened id=a1`. Here as above unprintable characters are gone. */
  readonly words: string;
}

/** Takes log events, and must not wait. */
export type LogSink = (event: LogEvent) => void;

/** How a line looks. */
export type LogForm = (event: LogEvent) => string;

/** For files and pipes: `2026-01-02T03:04:05.006Z info  link: opened id=a1`. */
export const plainForm: LogForm = ({ at, wallMs, words }) =>
  `${new Date(wallMs).toISOString()} ${at.padEnd(5)} ${words}`;

/** Priorities of syslog (RFC 5424 clause 6.2.1). */
export const PRIORITY: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** For the systemd journal, which keeps the time itself: `<6>link: opened id=a1` (sd-daemon(3)). */
export const journalForm: LogForm = ({ at, words }) => `<${PRIORITY[at]}>${words}`;

const COLOR: Readonly<Record<LogLevel, string>> = { debug: '2', info: '0', warn: '33', error: '31' };

/** For a person at a terminal: the time of day where the person is, and what is not well in color. */
export const terminalForm =
  (inColor: boolean): LogForm =>
  ({ at, wallMs, words }) => {
    const time = new Date(wallMs).toLocaleTimeString('en-GB');
    const text = `${time} ${at.padEnd(5)} ${words}`;
    return inColor && at !== 'info' ? `\u001b[${COLOR[at]}m${text}\u001b[0m` : text;
  };

/** The least important level that is written; may change while a program runs. */
export interface LogThreshold {
  level: LogLevel;
}

/** What a line says of a value; undefined where there is none. */
function textOf(value: LogFields[string]): string | undefined {
  // The type forbids it; a cast could still bring one here, and a mask in a log is a bug that shows itself.
  if ((value as unknown) instanceof Personal) return '[personal]';
  return value === undefined ? undefined : String(value);
}

function eventOf(at: LogLevel, wallMs: number, part: string, event: string, given: LogFields): LogEvent {
  const fields: (readonly [string, string])[] = [];
  let words = part === '' ? event : `${part}: ${event}`;
  for (const [key, value] of Object.entries(given)) {
    const text = textOf(value);
    if (text === undefined) continue;
    fields.push([key, printable(text)]);
    words += ` ${key}=${text === '[personal]' ? text : render(text)}`;
  }
  return { at, wallMs, part, event: printable(event), fields, words: printable(words) };
}

/**
 * @param sink takes what is important enough
 * @param threshold the least important level that is written
 * @param wallMs the wall clock for the time stamp
 */
export function createEventLog(
  sink: LogSink,
  threshold: LogLevel | LogThreshold = 'info',
  wallMs: () => number = Date.now,
): Log {
  const least = typeof threshold === 'string' ? { level: threshold } : threshold;
  const logFor = (part: string): Log => {
    const tell = (at: LogLevel, event: string, fields: LogFields = {}) => {
      if (LOG_LEVELS.indexOf(at) < LOG_LEVELS.indexOf(least.level)) return;
      sink(eventOf(at, wallMs(), part, event, fields));
    };
    return {
      debug: (event, fields) => tell('debug', event, fields),
      info: (event, fields) => tell('info', event, fields),
      warn: (event, fields) => tell('warn', event, fields),
      error: (event, fields) => tell('error', event, fields),
      named: (name) => logFor(part === '' ? name : `${part}.${name}`),
    };
  };
  return logFor('');
}

/**
 * A log of lines.
 * @param write takes one whole line without its line end
 */
export function createLog(
  write: (line: string) => void,
  threshold: LogLevel | LogThreshold = 'info',
  wallMs: () => number = Date.now,
  form: LogForm = plainForm,
): Log {
  return createEventLog((event) => write(form(event)), threshold, wallMs);
}

/** For tests and for parts that were given no log. */
export const silentLog: Log = createLog(() => {}, 'error');

/** What a program's standard error leads to. */
export interface LogOutlet {
  readonly isTerminal: boolean;
  /** systemd's JOURNAL_STREAM, `DEVICE:INODE` of the journal's socket (systemd.exec(5)). */
  readonly journalStream: string | undefined;
  /** `DEVICE:INODE` of standard error; a redirection leaves the variable and changes this. */
  readonly stream: string | undefined;
  /** NO_COLOR (no-color.org) was not set. */
  readonly colorAllowed: boolean;
}

/** The form that fits where standard error leads to. */
export function formFor({ isTerminal, journalStream, stream, colorAllowed }: LogOutlet): LogForm {
  if (journalStream !== undefined && journalStream === stream) return journalForm;
  return isTerminal ? terminalForm(colorAllowed) : plainForm;
}
