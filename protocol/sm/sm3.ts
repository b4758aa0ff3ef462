import { getHashes, timingSafeEqual } from 'node:crypto';
import type { Sm3Engine } from './engine.js';
import { platformSm3 } from './platformEngine.js';
import { secretBytes } from './secretBytes.js';

export const SM3_BYTES = 32;

/** The engine in use. sm-crypto is loaded only where the platform has no SM3: it costs 20 ms and 8 MiB. */
export const sm3Engine: Sm3Engine = getHashes().includes('sm3')
  ? platformSm3
  : (await import('./portableEngine.js')).portableSm3;

/** SM3 (GB/T 32905-2016) over the parts, one after the other: 32 bytes. */
export function sm3(...parts: readonly Uint8Array[]): Buffer {
  return sm3Engine.digest(parts);
}

/** HMAC-SM3 (RFC 2104, block of 64 bytes) over the parts, one after the other: 32 bytes. */
export function hmacSm3(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  return sm3Engine.hmac(key, parts);
}

/**
 * The key derivation function of GB/T 32918.4-2016, 5.4.3: SM3(parts || counter), with a counter of 32 bits from 1.
 *
 * The parts are joined as they are: give them fixed lengths where one could be taken for the start of the next.
 *
 * What it derives from is mostly a key, and so is what it derives: no copy of either is left behind.
 *
 * @param lengthBytes how many bytes to derive
 */
export function kdfSm3(lengthBytes: number, ...parts: readonly Uint8Array[]): Buffer {
  const partsBytes = parts.reduce((sum, { length }) => sum + length, 0);
  const input = secretBytes(partsBytes + COUNTER_BYTES);
  const derived = secretBytes(lengthBytes);
  let at = 0;
  for (const part of parts) {
    input.set(part, at);
    at += part.length;
  }
  derive(input, derived);
  input.fill(0);
  return derived;
}

const COUNTER_BYTES = 4;

/** @param input the parts, and room for the counter behind them */
function derive(input: Buffer, derived: Buffer): void {
  for (let count = 1; (count - 1) * SM3_BYTES < derived.length; count++) {
    input.writeUInt32BE(count, input.length - COUNTER_BYTES);
    const digest = sm3Engine.digestSecret(input);
    digest.copy(derived, (count - 1) * SM3_BYTES);
    digest.fill(0);
  }
}

/** The same function, time and again, of a secret that changes in its place. Nothing of it lies anywhere else. */
export class KdfSm3 {
  readonly #input: Buffer;
  /** What it derives from. */
  readonly secret: Buffer;
  /** What was derived last. */
  readonly derived: Buffer;

  /** @param prefix the part before the secret */
  constructor(prefix: Uint8Array, secretLengthBytes: number, derivedLengthBytes: number) {
    this.#input = secretBytes(prefix.length + secretLengthBytes + COUNTER_BYTES);
    this.#input.set(prefix);
    this.secret = this.#input.subarray(prefix.length, prefix.length + secretLengthBytes);
    this.derived = secretBytes(derivedLengthBytes);
  }

  /** @returns `derived`, overwritten */
  derive(): Buffer {
    derive(this.#input, this.derived);
    return this.derived;
  }

  erase(): void {
    this.secret.fill(0);
    this.derived.fill(0);
  }
}

/** Whether two byte strings are the same, in a time that tells only whether their lengths are. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
