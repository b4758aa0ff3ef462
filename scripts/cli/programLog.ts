import { fstatSync } from 'node:fs';
import { systemClock } from '../../platform/clock.js';
import {
  createEventLog,
  formFor,
  journalForm,
  type Log,
  type LogLevel,
  type LogSink,
  type LogThreshold,
} from '../../platform/log.js';
import { datagramSender } from '../../platform/systemd/datagram.js';
import { JOURNAL_SOCKET, JournalSink } from '../../platform/systemd/journal.js';

const STANDARD_ERROR = 2;

function streamOf(descriptor: number): string | undefined {
  try {
    const { dev, ino } = fstatSync(descriptor);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** By its own protocol, which keeps fields apart and never waits; undefined where that cannot be had. */
async function journalSink(): Promise<LogSink | undefined> {
  try {
    const journal = new JournalSink(await datagramSender(JOURNAL_SOCKET), systemClock);
    process.once('exit', () => journal.flush());
    return journal.write;
  } catch {
    return undefined;
  }
}

/**
 * The log of a program that runs on: the systemd journal where standard error leads to it, else standard error in the
 * form that fits. SIGUSR2 turns debug lines on and off.
 */
export async function programLog(level: LogLevel): Promise<Log> {
  const threshold: LogThreshold = { level };
  const form = formFor({
    isTerminal: process.stderr.isTTY === true,
    journalStream: process.env.JOURNAL_STREAM,
    stream: streamOf(STANDARD_ERROR),
    colorAllowed: (process.env.NO_COLOR ?? '') === '',
  });
  const lines: LogSink = (event) => process.stderr.write(`${form(event)}\n`);
  const log = createEventLog((form === journalForm ? await journalSink() : undefined) ?? lines, threshold);
  process.on('SIGUSR2', () => {
    threshold.level = threshold.level === 'debug' ? level : 'debug';
    log.info('log level', { level: threshold.level });
  });
  return log;
}
