/** SM4 written down once more from GB/T 32907-2016, S-box and all, so that no engine is its own judge. */

const rotl32 = (word: number, by: number): number => ((word << by) | (word >>> (32 - by))) >>> 0;

/** In GF(2^8) modulo x^8+x^7+x^6+x^5+x^4+x^2+1. */
function multiply(a: number, b: number): number {
  let product = 0;
  for (let left = a, right = b; right > 0; right >>= 1) {
    if (right & 1) product ^= left;
    left = left & 0x80 ? (left << 1) ^ 0x1f5 : left << 1;
  }
  return product;
}

function invert(a: number): number {
  let result = 1;
  for (let times = 0; times < 254; times++) result = multiply(result, a);
  return result;
}

/** The circulant matrix of 0xa7 over GF(2). */
function matrix(byte: number): number {
  let result = 0;
  for (let row = 0; row < 8; row++) {
    let picked = byte & (((0xa7 << row) | (0xa7 >> (8 - row))) & 0xff);
    for (; picked > 0; picked &= picked - 1) result ^= 1 << row;
  }
  return result;
}

const S_BOX = Uint8Array.from({ length: 256 }, (_, x) => matrix(invert(matrix(x) ^ 0xd3)) ^ 0xd3);

function substitute(word: number): number {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(word >>> 0);
  return Buffer.from(bytes.map((byte) => S_BOX[byte] ?? 0)).readUInt32BE();
}

function words(bytes: Uint8Array): number[] {
  const view = Buffer.from(bytes);
  return [0, 4, 8, 12].map((at) => view.readUInt32BE(at));
}

/** 32 steps of X[i+4] = X[i] ^ T(X[i+1] ^ X[i+2] ^ X[i+3] ^ K[i]); all that came out. */
function steps(
  start: readonly number[],
  keys: readonly number[],
  linear: (word: number) => number,
): number[] {
  const x = [...start];
  for (const [i, key] of keys.entries()) {
    const [x0 = 0, x1 = 0, x2 = 0, x3 = 0] = x.slice(i, i + 4);
    x.push((x0 ^ linear(substitute(x1 ^ x2 ^ x3 ^ key))) >>> 0);
  }
  return x.slice(4);
}

const SYSTEM = [0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc];
const CONSTANTS = Array.from({ length: 32 }, (_, i) =>
  [0, 1, 2, 3].reduce((word, j) => ((word << 8) | (((4 * i + j) * 7) & 0xff)) >>> 0, 0),
);

export function sm4RoundKeys(key: Uint8Array): number[] {
  const start = words(key).map((word, i) => (word ^ (SYSTEM[i] ?? 0)) >>> 0);
  return steps(start, CONSTANTS, (word) => word ^ rotl32(word, 13) ^ rotl32(word, 23));
}

export function sm4Encrypt(key: Uint8Array, block: Uint8Array): Buffer {
  const linear = (word: number) =>
    word ^ rotl32(word, 2) ^ rotl32(word, 10) ^ rotl32(word, 18) ^ rotl32(word, 24);
  const last = steps(words(block), sm4RoundKeys(key), linear).slice(-4).reverse();
  const out = Buffer.alloc(16);
  for (const [i, word] of last.entries()) out.writeUInt32BE(word, i * 4);
  return out;
}
