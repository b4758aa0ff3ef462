import { sm3 } from './sm3.js';

/** Lower-case hex: the private key 64 digits, the public key 130 (`04` || x || y). */
export interface Sm2KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

// The curve sm2p256v1: GB/T 32918.5-2017, clause 2.
const P_HEX = 'fffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffff';
const N_MINUS_1_HEX = 'fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54122';
const P = BigInt(`0x${P_HEX}`);
const B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n;
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
  if (xHex >= P_HEX || yHex >= P_HEX) return false;
  const x = BigInt(`0x${xHex}`);
  const y = BigInt(`0x${yHex}`);
  // a is p - 3.
  return (y * y - x * x * x + 3n * x - B) % P === 0n;
}

/** Whether this is 64 digits of lower-case hex for a number in [1, n-2] (GB/T 32918.1-2016, 6.1). */
export function isSm2PrivateKey(privateKey: string): boolean {
  return /^[0-9a-f]{64}$/.test(privateKey) && privateKey > ZERO_HEX && privateKey < N_MINUS_1_HEX;
}

/** The name of a key: the first 16 hex digits of SM3 over the 65 bytes of its point. */
export function keyId(publicKey: string): string {
  return sm3(Buffer.from(publicKey, 'hex')).toString('hex', 0, 8);
}
