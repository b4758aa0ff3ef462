import smCryptoRandom from 'sm-crypto/src/sm2/rng.js';

/**
 * Runs `body` with this number for the one nonce that SM2 draws in it, so that an example comes out the same each time.
 * sm-crypto reduces what it draws by n-1 and adds 1. A nonce that is known gives the private key away: for test keys.
 * @param nonce 32 bytes in hex, between 1 and n-1
 */
export function withNonce<T>(nonce: string, body: () => T): T {
  const generator = smCryptoRandom.SecureRandom.prototype;
  const { nextBytes } = generator;
  let drawn = 0;
  generator.nextBytes = (bytes) => {
    drawn += 1;
    if (drawn > 1) throw new Error('SM2 draws more than one number');
    const number = (BigInt(`0x${nonce}`) - 1n).toString(16).padStart(bytes.length * 2, '0');
    for (const [at, byte] of Buffer.from(number, 'hex').entries()) bytes[at] = byte;
  };
  try {
    return body();
  } finally {
    generator.nextBytes = nextBytes;
  }
}
