import { createCipheriv, createHash, hash as hashOnce } from 'node:crypto';
import type { Sm3Engine, Sm4Engine } from './engine.js';
import { secretBytes } from './secretBytes.js';

const DIGEST_BYTES = 32;
/** HMAC's block, and what it is filled up with (RFC 2104, 2). */
const BLOCK_BYTES = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/** Messages up to this are digested where others were before them: a record, a question, a verdict. */
const SHORT_BYTES = 4096;
/** A call ends before the next one begins, and leaves nothing of its key or message behind. */
const shortInner = secretBytes(BLOCK_BYTES + SHORT_BYTES);
const outer = secretBytes(BLOCK_BYTES + DIGEST_BYTES);

/** By way of a string: a buffer of OpenSSL's own takes twice as long to make and to collect. */
const digestOf = (bytes: Uint8Array): Buffer => Buffer.from(hashOnce('sm3', bytes, 'binary'), 'latin1');

/** SM3 by the OpenSSL that Node was built with; only where `getHashes()` lists `sm3`. */
export const platformSm3: Sm3Engine = {
  digest(parts) {
    const [only, ...others] = parts;
    if (only !== undefined && others.length === 0) return digestOf(only);
    const hash = createHash('sm3');
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  // Keeps no copy; a hash object has one until it is collected, and so would a string.
  digestSecret: (bytes) => hashOnce('sm3', bytes, 'buffer'),

  /**
   * SM3(key ^ outer pad || SM3(key ^ inner pad || parts)) by two calls. A `createHmac` takes half as long again, and its
   * object holds a collector up.
   */
  hmac(key, parts) {
    const blockKey = key.length > BLOCK_BYTES ? hashOnce('sm3', key, 'buffer') : key;
    const bytes = parts.reduce((sum, { length }) => sum + length, BLOCK_BYTES);
    const inner = bytes > shortInner.length ? secretBytes(bytes) : shortInner.subarray(0, bytes);
    padInto(inner, blockKey, INNER_PAD);
    let at = BLOCK_BYTES;
    for (const part of parts) {
      inner.set(part, at);
      at += part.length;
    }
    const innerDigest = hashOnce('sm3', inner, 'buffer');
    padInto(outer, blockKey, OUTER_PAD);
    outer.set(innerDigest, BLOCK_BYTES);
    const mac = digestOf(outer);
    for (const secret of [inner, outer, innerDigest]) secret.fill(0);
    if (blockKey !== key) blockKey.fill(0);
    return mac;
  },
};

function padInto(block: Buffer, key: Uint8Array, pad: number): void {
  block.fill(pad, 0, BLOCK_BYTES);
  for (let at = 0; at < key.length; at++) block[at] = pad ^ (key[at] ?? 0);
}

/** SM4 by the OpenSSL that Node was built with; only where `getCiphers()` lists `sm4-ctr`. */
export const platformSm4: Sm4Engine = {
  ctr(key, counter, data) {
    const cipher = createCipheriv('sm4-ctr', key, counter);
    const result = cipher.update(data);
    // In this mode nothing more comes of it, but its key is gone.
    cipher.final();
    return result;
  },
};
