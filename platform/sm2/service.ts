import { secretBytes } from '../../protocol/sm/secretBytes.js';
import type { Sm2KeyPair } from '../../protocol/sm/sm2Key.js';
import type { Sm2Operations } from './operations.js';

/**
 * SM2 without its price: an operation takes up to 2 ms on a PC, tens on a board, and by sm-crypto ten times as long, so
 * it runs where it holds nobody up. One contract test runs against every implementation.
 *
 * Every call may also reject with CardpadError `sm2.busy` (retry: too many are waiting), `sm2.worker` (retry: the
 * thread died under it) or `sm2.closed` (reject).
 */
export interface Sm2Service {
  generate(): Promise<Sm2KeyPair>;
  /** r || s as 128 digits of lower-case hex. @throws CardpadError `sm.private-key` | `sm.public-key` (reject) */
  sign(message: Uint8Array, keyPair: Sm2KeyPair): Promise<string>;
  /** False for any garbage. */
  verify(message: Uint8Array, signature: string, publicKey: string): Promise<boolean>;
  /** C1C3C2. @throws CardpadError `sm.public-key` | `sm.empty` | `sm.too-long` (reject) */
  encrypt(plaintext: Uint8Array, publicKey: string): Promise<Buffer>;
  /** `undefined` when altered or for another key. @throws CardpadError `sm.private-key` (reject) */
  decrypt(ciphertext: Uint8Array, privateKey: string): Promise<Buffer | undefined>;
  /** @throws CardpadError `sm.self-test` (fatal) */
  selfTest(): Promise<void>;
  /** Rejects what is pending with `sm2.closed`; resolves when nothing of it runs any more. Idempotent. */
  close(): Promise<void>;
}

/** Carries out one operation, here or elsewhere. */
export type Sm2Call = <Name extends keyof Sm2Operations>(
  name: Name,
  ...parameters: Parameters<Sm2Operations[Name]>
) => Promise<ReturnType<Sm2Operations[Name]>>;

/** The service over whatever carries the calls out. */
export function sm2ServiceOver(call: Sm2Call, close: () => Promise<void>): Sm2Service {
  return {
    generate: () => call('generate'),
    sign: (message, { privateKey, publicKey }) => call('sign', exactly(message), privateKey, publicKey),
    verify: (message, signature, publicKey) => call('verify', exactly(message), signature, publicKey),
    encrypt: async (plaintext, publicKey) => {
      const copy = exactly(plaintext);
      try {
        return Buffer.from(await call('encrypt', copy, publicKey));
      } finally {
        // It is a key, mostly. What was given to another thread is empty here.
        if (copy.length > 0) copy.fill(0);
      }
    },
    decrypt: async (ciphertext, privateKey) => {
      const plaintext = await call('decrypt', exactly(ciphertext), privateKey);
      return plaintext === undefined ? undefined : Buffer.from(plaintext);
    },
    selfTest: () => call('selfTest'),
    close,
  };
}

/**
 * A copy with a memory of its own. A small Buffer is a window on a shared 8 KiB, all of which would be cloned to the
 * other thread; and the caller may reuse his while the call waits.
 */
export function exactly(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(secretBytes(bytes.length).buffer);
  copy.set(bytes);
  return copy;
}
