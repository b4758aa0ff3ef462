import {
  generateSm2KeyPair,
  prepareSm2SigningPoint,
  type Sm2SigningPoint,
  sm2Decrypt,
  sm2Encrypt,
  sm2Sign,
  sm2Verify,
} from '../../protocol/sm/sm2.js';
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

/** @param points signing points made ahead; signing takes from them */
export function sm2Operations(points: Sm2SigningPoint[] = []): Sm2Operations {
  return {
    generate: generateSm2KeyPair,
    sign: (message, privateKey, publicKey) => sm2Sign(message, privateKey, publicKey, points),
    verify: sm2Verify,
    encrypt: sm2Encrypt,
    decrypt: sm2Decrypt,
    selfTest: () => selfTestSm2(),
  };
}

/** Calls one operation by its name: the one place where parameters lose their types, as they do between threads. */
export function performSm2(
  operations: Sm2Operations,
  name: keyof Sm2Operations,
  parameters: readonly unknown[],
): unknown {
  return (operations[name] as (...given: readonly unknown[]) => unknown)(...parameters);
}

// Made ahead, a signature takes 0.4 ms instead of 14 (measured on a PC). A hello or a segment's head needs one.
const POINTS_AHEAD = 4;

/** Makes one more signing point where fewer than four are ready; true when it made one. */
export function prepareOnePoint(points: Sm2SigningPoint[]): boolean {
  if (points.length >= POINTS_AHEAD) return false;
  points.push(prepareSm2SigningPoint());
  return true;
}
