/** The same bytes with one bit turned; `at` may be any number. */
export function flipped(original: Uint8Array, at: number): Buffer {
  const copy = Buffer.from(original);
  const bit = at % (copy.length * 8);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}
