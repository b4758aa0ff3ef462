import { UsageError } from '../command.js';

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
