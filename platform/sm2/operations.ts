import { generateSm2KeyPair, sm2Decrypt, sm2Encrypt, sm2Sign, sm2Verify } from '../../protocol/sm/sm2.js';
import type { Sm2KeyPair } from '../../protocol/sm/sm2Key.js';
import { selfTestSm2 } from '../../protocol/sm/sm2SelfTest.js';

/** What one thread can do. Parameters and results are plain data, fit to be posted to another thread. */
export interface Sm2Operations {
  generate(): Sm2KeyPair;
  sign(message: Uint8Array, privateKey: string, publicKey: string): string;
  verify(message: Uint8Array, signature: string, publicKey: string): boolean;
  encrypt(plaintext: Uint8Array, publicKey: string): Uint8Array;
  decrypt(ciphertext: Uint8Array, privateKey: string): Uint8Array | undefined;
  selfTest(): void;
}

export const sm2Operations: Sm2Operations = {
  generate: () => generateSm2KeyPair(),
  sign: (message, privateKey, publicKey) => sm2Sign(message, privateKey, publicKey),
  verify: (message, signature, publicKey) => sm2Verify(message, signature, publicKey),
  encrypt: (plaintext, publicKey) => sm2Encrypt(plaintext, publicKey),
  decrypt: (ciphertext, privateKey) => sm2Decrypt(ciphertext, privateKey),
  selfTest: () => selfTestSm2(),
};

/** Calls one operation by its name: the one place where parameters lose their types, as they do between threads. */
export function performSm2(name: keyof Sm2Operations, parameters: readonly unknown[]): unknown {
  return (sm2Operations[name] as (...given: readonly unknown[]) => unknown)(...parameters);
}
