import type { Level } from './gpio.js';

/** An output as the system has it, and the electrical level that switches it off. */
export type SafeLine =
  | { readonly by: 'sysfs'; readonly number: number; readonly level: Level }
  | { readonly by: 'gpiochip'; readonly chip: string; readonly offset: number; readonly level: Level }
  | { readonly by: 'sim'; readonly folder: string; readonly line: string; readonly level: Level };

/** Told what is about to be driven, before the first line is touched. */
export type WillDrive = (lines: readonly SafeLine[]) => void;

/** In the folder that systemd gives a service for its run. */
export const SAFE_PLAN = 'outputs';

function fieldsOf(line: SafeLine): readonly (string | number)[] {
  switch (line.by) {
    case 'sysfs':
      return [line.by, line.number, line.level];
    case 'gpiochip':
      return [line.by, line.chip, line.offset, line.level];
    case 'sim':
      return [line.by, line.folder, line.line, line.level];
  }
}

/**
 * What `SAFE_SCRIPT` reads: a head with the one run of the service that this is about, a line each with its fields
 * parted by tabs, and their number, so that a part of it is never taken for all.
 */
export function safePlanText(run: string, lines: readonly SafeLine[]): string {
  const rows = lines.map((line) => fieldsOf(line).join('\t'));
  return [`cardpad outputs 1 ${run}`, ...rows, `end ${rows.length}`, ''].join('\n');
}
