/** A stream of numbers 0..4294967295, the same for the same seed (mulberry32). For simulation, never for secrets. */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** A seed made of bytes (FNV-1a). */
export function seedOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

export function randomBytes(random: Random, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => random() & 0xff));
}

/** One of `choices`, which is not empty. */
export function pick(random: Random, choices: readonly [string, ...string[]]): string {
  return choices[random() % choices.length] ?? choices[0];
}
