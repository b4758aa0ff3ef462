/** Where the time of one tap went. All in milliseconds. */
export interface TapTime {
  /** From the last byte of the card to the lamp. */
  readonly totalMs: number;
  /** From the card's text, which the gate takes while the photo still arrives, to the decision. */
  readonly tookMs: number;
  /** From question to verdict: broker, central, and the way there and back; undefined where no verdict came. */
  readonly networkMs: number | undefined;
}

const tenths = (ms: number) => ms.toFixed(1);

/**
 * `2.1 ms, 1.3 of it the network`, and how much of the network's time had passed before, behind the photo.
 *
 * The question goes out as soon as the text is in. What the decision took beyond the total lies before the last byte.
 */
export function timeLine({ totalMs, tookMs, networkMs }: TapTime): string {
  const total = `${tenths(totalMs)} ms`;
  if (networkMs === undefined) return `${total}, without the network`;
  const beforeMs = Math.min(networkMs, Math.max(0, tookMs - totalMs));
  const insideMs = Math.min(totalMs, networkMs - beforeMs);
  const before = beforeMs >= 0.05 ? ` (${tenths(beforeMs)} before)` : '';
  return `${total}, ${tenths(insideMs)} of it the network${before}`;
}
