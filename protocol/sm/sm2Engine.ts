import type { Sm2KeyPair } from './sm2Key.js';

/**
 * SM2 key pairs and signatures (GB/T 32918.2-2016, with the identifier `SM2_USER_ID`), by whoever computes them. Keys
 * and signatures come in their one form, keys being keys: `sm2.ts` has seen to it.
 */
export interface Sm2SignatureEngine {
  /** From the operating system's generator. */
  generate(): Sm2KeyPair;
  publicKeyOf(privateKey: string): string;
  /** r || s, 128 digits of lower-case hex. */
  sign(message: Uint8Array, privateKey: string, publicKey: string): string;
  /** May throw for a signature that fits nothing. */
  verify(message: Uint8Array, signature: string, publicKey: string): boolean;
}

/** SM2 encryption (GB/T 32918.4-2016) as C1 || C3 || C2, by whoever computes it. Keys and points are what they should be. */
export interface Sm2EncryptionEngine {
  /** @param plaintext at least 1 byte */
  encrypt(plaintext: Uint8Array, publicKey: string): Buffer;
  /**
   * `undefined` where C3 does not fit.
   *
   * @param ciphertext of at least 1 byte; its C1 is a point of the curve
   */
  decrypt(ciphertext: Uint8Array, privateKey: string): Buffer | undefined;
}
