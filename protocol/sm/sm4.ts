import { getCiphers } from 'node:crypto';
import { CardpadError } from '../errors.js';
import type { Sm4Engine } from './engine.js';
import { platformSm4 } from './platformEngine.js';

export const SM4_KEY_BYTES = 16;
export const SM4_BLOCK_BYTES = 16;

/** The engine in use. sm-crypto is loaded only where the platform has no SM4. */
export const sm4Engine: Sm4Engine = getCiphers().includes('sm4-ctr')
  ? platformSm4
  : (await import('./portableEngine.js')).portableSm4;

/**
 * SM4 (GB/T 32907-2016) in counter mode (GB/T 17964-2021); the same call encrypts and decrypts.
 *
 * @param key 16 bytes
 * @param iv 16 bytes, the first counter block, counted up as one big-endian number of 128 bits
 * @throws CardpadError `sm.length` (fatal) for a key or an iv of another length
 */
export function sm4Ctr(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  if (key.length !== SM4_KEY_BYTES || iv.length !== SM4_BLOCK_BYTES) {
    throw new CardpadError(
      'sm.length',
      'fatal',
      `SM4 takes a key and an iv of 16 bytes, not ${key.length} and ${iv.length}`,
      { help: 'Restore the key files from a backup: a key of theirs is too short or too long.' },
    );
  }
  return sm4Engine.ctr(key, iv, data);
}
