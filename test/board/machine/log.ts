import { Stream } from './stream.js';

/** An entry of the machine's journal. */
export interface Entry {
  readonly unit: string;
  readonly message: string;
  /** By the kernel's monotonic clock. */
  readonly atMs: number;
}

/** The machine's journal, as it is written. */
export class Log {
  readonly entries = new Stream<Entry>('entries', ({ atMs, message }) => `${atMs.toFixed(0)} ${message}`);

  /** An entry as `journalctl --output=json` writes it. */
  readonly take = (line: string): void => {
    const fields = parse(line);
    // A message with other bytes than text comes as a list of numbers.
    const message = typeof fields?.MESSAGE === 'string' ? fields.MESSAGE : '';
    if (fields === undefined || message === '') return;
    // What systemd says of a unit stands in UNIT.
    const unit = String(fields.UNIT ?? fields._SYSTEMD_UNIT ?? fields.SYSLOG_IDENTIFIER ?? '');
    this.entries.add({ unit, message, atMs: Number(fields.__MONOTONIC_TIMESTAMP) / 1000 });
  };

  /** The first entry of a unit, from `from` on, that fits. */
  said(unit: string, pattern: RegExp, from: number, withinMs: number): Promise<Entry> {
    const fits = (entry: Entry) => entry.unit === unit && pattern.test(entry.message);
    return this.entries.first(fits, `"${pattern.source}" from ${unit}`, from, withinMs);
  }
}

function parse(line: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
