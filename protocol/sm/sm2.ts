import smCrypto, { type SigningPoint } from 'sm-crypto';
import { CardpadError } from '../errors.js';
import { isSm2PrivateKey, isSm2PublicKey, type Sm2KeyPair } from './sm2Key.js';
import { systemRandom } from './sm2Random.js';

const { sm2 } = smCrypto;

/** The distinguishing identifier where none was agreed on (GM/T 0009-2012). */
export const SM2_USER_ID = '1234567812345678';
export const SM2_MAX_BYTES = 64 * 1024;

const SIGNATURE_OPTIONS = { hash: true, der: false, userId: SM2_USER_ID } as const;
const C1C3C2 = 1;
const POINT_BYTES = 65;
const CHECK_BYTES = 32;
// 64 bits more than n has, so that reducing by n leaves no bias that counts (FIPS 186-5, A.2.1).
const KEY_DRAW_BITS = 320;

/** A nonce for one signature, with its point computed ahead. Secret; never stored, sent or used twice. */
export type Sm2SigningPoint = SigningPoint;

/** A fresh key pair from the operating system's generator. Tens of milliseconds on a PC. */
export function generateSm2KeyPair(): Sm2KeyPair {
  const { privateKey, publicKey } = sm2.generateKeyPairHex(KEY_DRAW_BITS, systemRandom);
  return { privateKey, publicKey };
}

/**
 * The public key that belongs to a private one. Tens of milliseconds on a PC.
 * @throws CardpadError `sm.private-key` (reject)
 */
export function sm2PublicKeyOf(privateKey: string): string {
  checkPrivateKey(privateKey);
  return sm2.getPublicKeyFromPrivateKey(privateKey);
}

/** The slow part of a signature, which needs neither key nor message: for idle time. */
export function prepareSm2SigningPoint(): Sm2SigningPoint {
  return sm2.getPoint();
}

/**
 * Signs by GB/T 32918.2-2016 over SM3(Z || message): r || s, each 32 bytes, as 128 digits of lower-case hex.
 *
 * @param points prepared ahead; the last one is taken away and used. None: it is computed now.
 * @throws CardpadError `sm.private-key` or `sm.public-key` (reject) for what is not a key
 */
export function sm2Sign(
  message: Uint8Array,
  privateKey: string,
  publicKey: string,
  points: Sm2SigningPoint[] = [],
): string {
  checkPrivateKey(privateKey);
  checkPublicKey(publicKey);
  return sm2.doSignature(message, privateKey, { ...SIGNATURE_OPTIONS, publicKey, pointPool: points });
}

/** Whether the signature (128 digits of lower-case hex, r || s) fits. False, never an error, for any garbage. */
export function sm2Verify(message: Uint8Array, signature: string, publicKey: string): boolean {
  if (!/^[0-9a-f]{128}$/.test(signature) || !isSm2PublicKey(publicKey)) return false;
  try {
    return sm2.doVerifySignature(message, signature, publicKey, SIGNATURE_OPTIONS);
  } catch {
    // A signature made for it brings sm-crypto to the point at infinity, of which it then asks the x.
    return false;
  }
}

/**
 * Encrypts by GB/T 32918.4-2016: C1 (65 bytes, `04` || x || y) || C3 (32) || C2 (as long as the plaintext).
 *
 * @param plaintext 1 to 65,536 bytes. Of nothing there is nothing to encrypt, and sm-crypto could not tell it, on the
 *   other side, from a failed check.
 * @throws CardpadError `sm.public-key`, `sm.empty` or `sm.too-long` (reject)
 */
export function sm2Encrypt(plaintext: Uint8Array, publicKey: string): Buffer {
  checkPublicKey(publicKey);
  if (plaintext.length === 0)
    throw new CardpadError('sm.empty', 'reject', 'SM2 cannot encrypt an empty message');
  if (plaintext.length > SM2_MAX_BYTES) {
    throw new CardpadError(
      'sm.too-long',
      'reject',
      `SM2 encrypts at most ${SM2_MAX_BYTES} bytes here, not ${plaintext.length}`,
    );
  }
  for (;;) {
    const ciphertext = Buffer.from(`04${sm2.doEncrypt(plaintext, publicKey, C1C3C2)}`, 'hex');
    if (!isInClear(plaintext, ciphertext)) return ciphertext;
  }
}

/**
 * The plaintext, never empty; `undefined` when the ciphertext is not one, was altered, or is for another key.
 *
 * @throws CardpadError `sm.private-key` (reject) for what is not a private key
 */
export function sm2Decrypt(ciphertext: Uint8Array, privateKey: string): Buffer | undefined {
  checkPrivateKey(privateKey);
  const messageBytes = ciphertext.length - POINT_BYTES - CHECK_BYTES;
  if (messageBytes <= 0 || messageBytes > SM2_MAX_BYTES) return undefined;
  const hex = Buffer.from(ciphertext).toString('hex');
  if (!isSm2PublicKey(hex.slice(0, POINT_BYTES * 2))) return undefined;
  const plaintext = Buffer.from(sm2.doDecrypt(hex.slice(2), privateKey, C1C3C2, { output: 'array' }));
  // sm-crypto gives an empty array for a failed check.
  if (plaintext.length !== messageBytes || isInClear(plaintext, ciphertext)) return undefined;
  return plaintext;
}

/**
 * A key stream of nothing but zeros, 1 in 256 for a message of one byte, leaves C2 as the plaintext. The standard has
 * the sender draw again and the receiver refuse (GB/T 32918.4-2016, 6.1 A5 and 7.1 B4); sm-crypto does neither.
 */
function isInClear(plaintext: Uint8Array, ciphertext: Uint8Array): boolean {
  return Buffer.compare(plaintext, ciphertext.subarray(POINT_BYTES + CHECK_BYTES)) === 0;
}

function checkPublicKey(publicKey: string): void {
  if (isSm2PublicKey(publicKey)) return;
  throw new CardpadError(
    'sm.public-key',
    'reject',
    'This is not an SM2 public key: 04, x and y of a point in hex',
  );
}

function checkPrivateKey(privateKey: string): void {
  if (isSm2PrivateKey(privateKey)) return;
  throw new CardpadError(
    'sm.private-key',
    'reject',
    'This is not an SM2 private key: 64 lower-case hex digits',
  );
}
