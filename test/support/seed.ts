/** Seeds are 32 bits; `seededRandom` takes no more of them. */
const SEEDS = 2 ** 32;

/**
 * What chance begins with in a test that names no seed of its own: `CARDPAD_SEED`, or another number each time. A test
 * says it as a comment, so that a run that failed can be played again.
 * @throws RangeError where `CARDPAD_SEED` is no whole number below 2^32
 */
export function testSeed(): number {
  const told = process.env.CARDPAD_SEED;
  if (told === undefined) return Math.floor(Math.random() * SEEDS);
  const seed = Number(told);
  if (/^\d+$/.test(told) && seed < SEEDS) return seed;
  throw new RangeError('CARDPAD_SEED is a whole number from 0 to 4294967295');
}
