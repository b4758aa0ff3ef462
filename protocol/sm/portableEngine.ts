import smCrypto from 'sm-crypto';
import type { Sm3Engine, Sm4Engine } from './engine.js';

const BLOCK_BYTES = 16;

/** SM3 in JavaScript, for a Node whose OpenSSL was built without it. */
export const portableSm3: Sm3Engine = {
  digest: (parts) => Buffer.from(smCrypto.sm3(Buffer.concat(parts)), 'hex'),
  digestSecret: (bytes) => Buffer.from(smCrypto.sm3(bytes), 'hex'),
  hmac: (key, parts) => Buffer.from(smCrypto.sm3(Buffer.concat(parts), { mode: 'hmac', key }), 'hex'),
};

/** SM4 in JavaScript, for a Node whose OpenSSL was built without it. */
export const portableSm4: Sm4Engine = {
  ctr(key, counter, data) {
    // sm-crypto has no counter mode, and without padding it drops a last short block: it is given whole blocks.
    const blocks = counterBlocks(counter, Math.ceil(data.length / BLOCK_BYTES));
    const keyStream = smCrypto.sm4.encrypt(blocks, key, { mode: 'ecb', padding: 'none', output: 'array' });
    return Buffer.from(data.map((byte, at) => byte ^ (keyStream[at] ?? 0)));
  },
};

function counterBlocks(first: Uint8Array, count: number): Buffer {
  const blocks = Buffer.alloc(count * BLOCK_BYTES);
  const counter = Buffer.from(first);
  for (let block = 0; block < count; block++) {
    counter.copy(blocks, block * BLOCK_BYTES);
    increment(counter);
  }
  return blocks;
}

function increment(counter: Buffer): void {
  for (let at = counter.length - 1; at >= 0; at--) {
    const next = ((counter[at] ?? 0) + 1) & 0xff;
    counter[at] = next;
    if (next !== 0) return;
  }
}
