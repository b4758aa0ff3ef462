import { fstatSync } from 'node:fs';
import { createLog, formFor, type Log, type LogLevel, type LogThreshold } from '../../platform/log.js';

const STANDARD_ERROR = 2;

function streamOf(descriptor: number): string | undefined {
  try {
    const { dev, ino } = fstatSync(descriptor);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}

/** The log of a program that runs on: standard error, in the form that fits. SIGUSR2 turns debug lines on and off. */
export function programLog(level: LogLevel): Log {
  const threshold: LogThreshold = { level };
  const form = formFor({
    isTerminal: process.stderr.isTTY === true,
    journalStream: process.env.JOURNAL_STREAM,
    stream: streamOf(STANDARD_ERROR),
    colorAllowed: (process.env.NO_COLOR ?? '') === '',
  });
  const log = createLog((line) => process.stderr.write(`${line}\n`), threshold, Date.now, form);
  process.on('SIGUSR2', () => {
    threshold.level = threshold.level === 'debug' ? level : 'debug';
    log.info('log level', { level: threshold.level });
  });
  return log;
}
