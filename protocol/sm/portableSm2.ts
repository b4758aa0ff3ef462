import smCrypto from 'sm-crypto';
import type { Sm2EncryptionEngine, Sm2SignatureEngine } from './sm2Engine.js';
import { SM2_USER_ID } from './sm2Key.js';
import { systemRandom } from './sm2Random.js';

const { sm2 } = smCrypto;

const SIGNATURE_OPTIONS = { hash: true, der: false, userId: SM2_USER_ID } as const;
const C1C3C2 = 1;
// 64 bits more than n has, so that reducing by n leaves no bias that counts (FIPS 186-5, A.2.1).
const KEY_DRAW_BITS = 320;

/** SM2 in JavaScript: 10 to 20 ms an operation on a PC, hundreds on a board. */
export const portableSm2Signatures: Sm2SignatureEngine = {
  generate() {
    const { privateKey, publicKey } = sm2.generateKeyPairHex(KEY_DRAW_BITS, systemRandom);
    return { privateKey, publicKey };
  },
  publicKeyOf: (privateKey) => sm2.getPublicKeyFromPrivateKey(privateKey),
  sign: (message, privateKey, publicKey) =>
    sm2.doSignature(message, privateKey, { ...SIGNATURE_OPTIONS, publicKey, pointPool: [] }),
  verify: (message, signature, publicKey) =>
    sm2.doVerifySignature(message, signature, publicKey, SIGNATURE_OPTIONS),
};

/** As above. */
export const portableSm2Encryption: Sm2EncryptionEngine = {
  encrypt: (plaintext, publicKey) => Buffer.from(`04${sm2.doEncrypt(plaintext, publicKey, C1C3C2)}`, 'hex'),
  decrypt(ciphertext, privateKey) {
    const c1c3c2 = Buffer.from(ciphertext).toString('hex').slice(2);
    const plaintext = sm2.doDecrypt(c1c3c2, privateKey, C1C3C2, { output: 'array' });
    // An empty array is a failed check.
    return plaintext.length === 0 ? undefined : Buffer.from(plaintext);
  },
};
