import smCryptoRandom from 'sm-crypto/src/sm2/rng.js';
import { systemRandom } from '../../../protocol/sm/sm2Random.js';

/**
 * Runs `body` with a generator that makes sm-crypto arrive at these numbers, one after the other, for its nonces,
 * ephemeral keys and private keys: it reduces what it draws by n-1 and adds 1. A draw too many throws.
 */
export function withDraws<T>(numbers: readonly bigint[], body: () => T): T {
  const left = [...numbers];
  const nextBytes = (bytes: number[]): void => {
    const number = left.shift();
    if (number === undefined) throw new Error('one draw too many');
    const drawn = Buffer.from((number - 1n).toString(16).padStart(bytes.length * 2, '0'), 'hex');
    for (const [at, byte] of drawn.entries()) bytes[at] = byte;
  };
  const generators = [systemRandom, smCryptoRandom.SecureRandom.prototype];
  const kept = generators.map((generator) => generator.nextBytes);
  for (const generator of generators) generator.nextBytes = nextBytes;
  try {
    const result = body();
    if (left.length > 0) throw new Error(`${left.length} numbers were not drawn`);
    return result;
  } finally {
    for (const [at, generator] of generators.entries()) generator.nextBytes = kept[at] ?? generator.nextBytes;
  }
}
