import { randomBytes } from 'node:crypto';
import type { RandomSource } from 'sm-crypto';
import smCryptoRandom from 'sm-crypto/src/sm2/rng.js';

/** The operating system's generator in the shape that sm-crypto takes. */
export const systemRandom: RandomSource = {
  nextBytes(bytes) {
    const drawn = randomBytes(bytes.length);
    for (const [at, byte] of drawn.entries()) bytes[at] = byte;
  },
};

/*
 * sm-crypto lets the caller choose the generator for key pairs alone. Signing nonces and ephemeral encryption keys
 * come from RC4, seeded once when it is loaded; RC4 runs backwards, so whoever reads its state from memory has every
 * earlier draw, and with them the record keys that were wrapped and forgotten. This is the only way in.
 */
smCryptoRandom.SecureRandom.prototype.nextBytes = systemRandom.nextBytes;
