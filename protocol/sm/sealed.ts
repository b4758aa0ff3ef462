import { CardpadError } from '../errors.js';
import { equalBytes, hmacSm3, SM3_BYTES } from './sm3.js';
import { SM4_BLOCK_BYTES, SM4_KEY_BYTES, sm4Ctr } from './sm4.js';

export const SEAL_IV_BYTES = 12;
export const SEAL_MAC_BYTES = SM3_BYTES;
export const SEAL_MAC_KEY_BYTES = 32;
/** The longest plaintext: the block counter starts from zero and has 32 bits, so it cannot wrap. */
export const SEAL_MAX_BYTES = 64 * 1024;

export interface SealKeys {
  /** 16 bytes, for SM4. */
  readonly cipherKey: Uint8Array;
  /** 32 bytes, for HMAC-SM3; independent of the cipher key. */
  readonly macKey: Uint8Array;
}

export interface OpenWith extends SealKeys {
  /** What the MAC also covers; both sides must say the same parts. The first one names the kind of message. */
  readonly context: readonly Uint8Array[];
}

export interface SealWith extends OpenWith {
  /** 12 bytes, never twice under one key: with the same iv the same key stream comes again. */
  readonly iv: Uint8Array;
}

export interface Sealed {
  /** 12 bytes. */
  readonly iv: Uint8Array;
  /** As long as the plaintext. */
  readonly ciphertext: Uint8Array;
  /** 32 bytes. */
  readonly mac: Uint8Array;
}

/**
 * Encrypts by SM4-CTR, the counter block being iv || uint32 from zero, then authenticates by HMAC-SM3 over context,
 * iv and ciphertext.
 *
 * @throws CardpadError `sm.too-long` (reject) for more than 64 KiB; `sm.length` (fatal) for a key or iv of a wrong length
 */
export function seal(withKeys: SealWith, plaintext: Uint8Array): Sealed {
  checkKeys(withKeys);
  if (withKeys.iv.length !== SEAL_IV_BYTES) throw wrongLength('iv', SEAL_IV_BYTES, withKeys.iv.length);
  if (plaintext.length > SEAL_MAX_BYTES) {
    throw new CardpadError(
      'sm.too-long',
      'reject',
      `A sealed message holds at most ${SEAL_MAX_BYTES} bytes, not ${plaintext.length}`,
    );
  }
  const iv = Buffer.from(withKeys.iv);
  const ciphertext = crypt(withKeys, iv, plaintext);
  return { iv, ciphertext, mac: macOver(withKeys, iv, ciphertext) };
}

/**
 * The plaintext (which may be empty: compare with `undefined`), or `undefined` when the MAC does not fit or a part
 * has a wrong length. Nothing is decrypted before the MAC is checked.
 *
 * @throws CardpadError `sm.length` (fatal) for a key of a wrong length
 */
export function open(withKeys: OpenWith, sealed: Sealed): Buffer | undefined {
  checkKeys(withKeys);
  const { iv, ciphertext, mac } = sealed;
  if (iv.length !== SEAL_IV_BYTES || ciphertext.length > SEAL_MAX_BYTES) return undefined;
  if (!equalBytes(mac, macOver(withKeys, iv, ciphertext))) return undefined;
  return crypt(withKeys, iv, ciphertext);
}

/** Bytes of a box beside its ciphertext. */
export const SEAL_BOX_BYTES = SEAL_IV_BYTES + SEAL_MAC_BYTES;

/** A sealed message as bytes, the same everywhere: iv (12) | mac (32) | ciphertext. */
export function joinBox({ iv, mac, ciphertext }: Sealed): Buffer {
  return Buffer.concat([iv, mac, ciphertext]);
}

/** The parts of a box. Bytes that are too short for one give parts that `open` refuses. */
export function splitBox(box: Uint8Array): Sealed {
  return {
    iv: box.subarray(0, SEAL_IV_BYTES),
    mac: box.subarray(SEAL_IV_BYTES, SEAL_BOX_BYTES),
    ciphertext: box.subarray(SEAL_BOX_BYTES),
  };
}

function crypt({ cipherKey }: SealKeys, iv: Uint8Array, bytes: Uint8Array): Buffer {
  const counter = Buffer.alloc(SM4_BLOCK_BYTES);
  counter.set(iv);
  return sm4Ctr(cipherKey, counter, bytes);
}

/** Count and lengths go in front, so that no two different contexts give the same bytes. */
function macOver({ macKey, context }: OpenWith, iv: Uint8Array, ciphertext: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(context.reduce((sum, { length }) => sum + 4 + length, 4));
  let at = framed.writeUInt32BE(context.length);
  for (const part of context) {
    framed.set(part, framed.writeUInt32BE(part.length, at));
    at += 4 + part.length;
  }
  return hmacSm3(macKey, framed, iv, ciphertext);
}

function checkKeys({ cipherKey, macKey }: SealKeys): void {
  if (cipherKey.length !== SM4_KEY_BYTES) throw wrongLength('cipher key', SM4_KEY_BYTES, cipherKey.length);
  if (macKey.length !== SEAL_MAC_KEY_BYTES) throw wrongLength('MAC key', SEAL_MAC_KEY_BYTES, macKey.length);
}

function wrongLength(what: string, wanted: number, got: number): CardpadError {
  return new CardpadError('sm.length', 'fatal', `The ${what} has ${got} bytes instead of ${wanted}`, {
    help: 'Restore the key files from a backup: a key of theirs is too short or too long.',
  });
}
