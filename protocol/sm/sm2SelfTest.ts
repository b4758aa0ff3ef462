import { checkSelf } from './selfTest.js';
import { generateSm2KeyPair, sm2Decrypt, sm2Encrypt, sm2Sign, sm2Verify } from './sm2.js';
import type { Sm2KeyPair } from './sm2Key.js';
import { SM2_KNOWN } from './sm2Known.js';

/** What the SM2 self-test exercises; `sm2.ts` unless a test breaks one on purpose. */
export interface Sm2Functions {
  readonly generate: () => Sm2KeyPair;
  readonly sign: (message: Uint8Array, privateKey: string, publicKey: string) => string;
  readonly verify: (message: Uint8Array, signature: string, publicKey: string) => boolean;
  readonly encrypt: (plaintext: Uint8Array, publicKey: string) => Buffer;
  readonly decrypt: (ciphertext: Uint8Array, privateKey: string) => Buffer | undefined;
}

const SM2_IN_USE: Sm2Functions = {
  generate: () => generateSm2KeyPair(),
  sign: sm2Sign,
  verify: sm2Verify,
  encrypt: sm2Encrypt,
  decrypt: sm2Decrypt,
};

/**
 * The standard's own signature and ciphertext, then a fresh key there and back. Some 8 ms on a PC; by sm-crypto a fifth of a
 * second, and more than one on a board: not for the thread that drives the gate.
 *
 * @throws CardpadError `sm.self-test` (fatal), naming the test that failed
 */
export function selfTestSm2(sm2: Sm2Functions = SM2_IN_USE): void {
  const { privateKey, publicKey, signed, signature, encrypted, ciphertext } = SM2_KNOWN;
  checkSelf('SM2 verification', () => sm2.verify(signed, signature, publicKey));
  checkSelf('SM2 decryption', () => sm2.decrypt(ciphertext, privateKey)?.equals(encrypted) ?? false);
  checkSelf('SM2 signature', () => {
    const fresh = sm2.generate();
    return sm2.verify(signed, sm2.sign(signed, fresh.privateKey, fresh.publicKey), fresh.publicKey);
  });
  checkSelf('SM2 encryption', () => {
    const back = sm2.decrypt(sm2.encrypt(encrypted, publicKey), privateKey);
    return back?.equals(encrypted) ?? false;
  });
}
