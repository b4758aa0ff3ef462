/** The value that `part` of the values do not exceed, to the microsecond. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? 0;
  return Math.round(value * 1000) / 1000;
}

/**
 * The same for each of so many rounds in a row, and of these the one in the middle: a machine that was busy with
 * something else for a round does not decide.
 */
export function percentileOfRounds(values: readonly number[], part: number, rounds: number): number {
  const size = Math.ceil(values.length / rounds);
  const each = Array.from({ length: rounds }, (_, round) =>
    percentile(values.slice(round * size, (round + 1) * size), part),
  );
  return percentile(each, 0.5);
}
