import { CardpadError } from '../errors.js';
import { platformHasSm2, platformSm2Encryption, platformSm2Signatures } from './platformSm2.js';
import { SM2_POINT_BYTES } from './sm2Curve.js';
import type { Sm2EncryptionEngine, Sm2SignatureEngine } from './sm2Engine.js';
import { isSm2PrivateKey, isSm2PublicKey, type Sm2KeyPair } from './sm2Key.js';
import { SM2_KNOWN } from './sm2Known.js';
import { SM3_BYTES } from './sm3.js';

export const SM2_MAX_BYTES = 64 * 1024;

/** Whether it finds the standard's own key, and verifies the standard's own signature and one that it makes. */
export function fitsSm2Signatures({ publicKeyOf, sign, verify }: Sm2SignatureEngine): boolean {
  const { signed, signature, privateKey, publicKey } = SM2_KNOWN;
  try {
    return (
      publicKeyOf(privateKey) === publicKey &&
      verify(signed, signature, publicKey) &&
      verify(signed, sign(signed, privateKey, publicKey), publicKey)
    );
  } catch {
    return false;
  }
}

/** Whether it decrypts the standard's own ciphertext. Node.js 24.21 refuses every SM2 key pair as invalid. */
export function fitsSm2Encryption({ decrypt }: Sm2EncryptionEngine): boolean {
  const { ciphertext, encrypted, privateKey } = SM2_KNOWN;
  try {
    return decrypt(ciphertext, privateKey)?.equals(encrypted) ?? false;
  } catch {
    return false;
  }
}

/** The engine in use. sm-crypto is loaded only where the platform has no SM2, or not this part of it. */
export const sm2SignatureEngine: Sm2SignatureEngine =
  platformHasSm2 && fitsSm2Signatures(platformSm2Signatures)
    ? platformSm2Signatures
    : (await import('./portableSm2.js')).portableSm2Signatures;

/** The engine in use, as above. */
export const sm2EncryptionEngine: Sm2EncryptionEngine =
  platformHasSm2 && fitsSm2Encryption(platformSm2Encryption)
    ? platformSm2Encryption
    : (await import('./portableSm2.js')).portableSm2Encryption;

/** A fresh key pair from the operating system's generator. */
export function generateSm2KeyPair(engine: Sm2SignatureEngine = sm2SignatureEngine): Sm2KeyPair {
  return engine.generate();
}

/**
 * The public key that belongs to a private one.
 * @throws CardpadError `sm.private-key` (reject)
 */
export function sm2PublicKeyOf(privateKey: string, engine: Sm2SignatureEngine = sm2SignatureEngine): string {
  checkPrivateKey(privateKey);
  return engine.publicKeyOf(privateKey);
}

/**
 * Signs by GB/T 32918.2-2016 over SM3(Z || message): r || s, each 32 bytes, as 128 digits of lower-case hex.
 *
 * @throws CardpadError `sm.private-key` or `sm.public-key` (reject) for what is not a key
 */
export function sm2Sign(
  message: Uint8Array,
  privateKey: string,
  publicKey: string,
  engine: Sm2SignatureEngine = sm2SignatureEngine,
): string {
  checkPrivateKey(privateKey);
  checkPublicKey(publicKey);
  return engine.sign(message, privateKey, publicKey);
}

/** Whether the signature (128 digits of lower-case hex, r || s) fits. False, never an error, for any garbage. */
export function sm2Verify(
  message: Uint8Array,
  signature: string,
  publicKey: string,
  engine: Sm2SignatureEngine = sm2SignatureEngine,
): boolean {
  if (!/^[0-9a-f]{128}$/.test(signature) || !isSm2PublicKey(publicKey)) return false;
  try {
    return engine.verify(message, signature, publicKey);
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
export function sm2Encrypt(
  plaintext: Uint8Array,
  publicKey: string,
  engine: Sm2EncryptionEngine = sm2EncryptionEngine,
): Buffer {
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
    const ciphertext = engine.encrypt(plaintext, publicKey);
    if (!isInClear(plaintext, ciphertext)) return ciphertext;
  }
}

/**
 * The plaintext, never empty; `undefined` when the ciphertext is not one, was altered, or is for another key.
 *
 * @throws CardpadError `sm.private-key` (reject) for what is not a private key
 */
export function sm2Decrypt(
  ciphertext: Uint8Array,
  privateKey: string,
  engine: Sm2EncryptionEngine = sm2EncryptionEngine,
): Buffer | undefined {
  checkPrivateKey(privateKey);
  const messageBytes = ciphertext.length - SM2_POINT_BYTES - SM3_BYTES;
  if (messageBytes <= 0 || messageBytes > SM2_MAX_BYTES) return undefined;
  if (!isSm2PublicKey(Buffer.from(ciphertext.subarray(0, SM2_POINT_BYTES)).toString('hex'))) return undefined;
  const plaintext = engine.decrypt(ciphertext, privateKey);
  return plaintext === undefined || isInClear(plaintext, ciphertext) ? undefined : plaintext;
}

/**
 * A key stream of nothing but zeros, 1 in 256 for a message of one byte, leaves C2 as the plaintext. The standard has
 * the sender draw again and the receiver refuse (GB/T 32918.4-2016, 6.1 A5 and 7.1 B4); neither engine does.
 */
function isInClear(plaintext: Uint8Array, ciphertext: Uint8Array): boolean {
  return Buffer.compare(plaintext, ciphertext.subarray(SM2_POINT_BYTES + SM3_BYTES)) === 0;
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
