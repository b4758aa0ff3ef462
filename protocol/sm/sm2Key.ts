import { isOnSm2Curve, SM2_CURVE } from './sm2Curve.js';
import { sm3 } from './sm3.js';

/** The distinguishing identifier where none was agreed on (GM/T 0009-2012). */
export const SM2_USER_ID = '1234567812345678';

/** Lower-case hex: the private key 64 digits, the public key 130 (`04` || x || y). */
export interface Sm2KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

const N_MINUS_1_HEX = (BigInt(`0x${SM2_CURVE.n}`) - 1n).toString(16);
const ZERO_HEX = '0'.repeat(64);

/**
 * Whether this is a point of the curve in the one form that cardpad takes: `04` || x || y in lower-case hex, each
 * coordinate below p, y^2 = x^3 + ax + b (GB/T 32918.1-2016, 6.2; the cofactor is 1). A second form of the same
 * point would have a second key id.
 */
export function isSm2PublicKey(publicKey: string): boolean {
  if (!/^04[0-9a-f]{128}$/.test(publicKey)) return false;
  const xHex = publicKey.slice(2, 66);
  const yHex = publicKey.slice(66);
  // Digits of equal count and case sort as the numbers do.
  if (xHex >= SM2_CURVE.p || yHex >= SM2_CURVE.p) return false;
  return isOnSm2Curve(BigInt(`0x${xHex}`), BigInt(`0x${yHex}`));
}

/** Whether this is 64 digits of lower-case hex for a number in [1, n-2] (GB/T 32918.1-2016, 6.1). */
export function isSm2PrivateKey(privateKey: string): boolean {
  return /^[0-9a-f]{64}$/.test(privateKey) && privateKey > ZERO_HEX && privateKey < N_MINUS_1_HEX;
}

/** The name of a key: the first 16 hex digits of SM3 over the 65 bytes of its point. */
export function keyId(publicKey: string): string {
  return sm3(Buffer.from(publicKey, 'hex')).toString('hex', 0, 8);
}
