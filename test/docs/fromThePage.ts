import { createCipheriv, createHash, getCiphers, getHashes } from 'node:crypto';
import smCrypto from 'sm-crypto';

/*
 * What docs/wire-protocol.md says of bytes, written from that page alone: nothing of cardpad's own code is used here. Where
 * OpenSSL has no SM3 or SM4, sm-crypto's is taken.
 */

const { sm2, sm3: sm3Hex, sm4 } = smCrypto;
const USER_ID = '1234567812345678';
const SIGNATURE = { hash: true, der: false, userId: USER_ID } as const;

export const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');
export const hex = (text: string): Buffer => Buffer.from(text, 'hex');
export const base64 = (text: string): Buffer => Buffer.from(text, 'base64');
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
export const uint64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

// Section 1: algorithms.

export function sm3(...parts: readonly Uint8Array[]): Buffer {
  const all = Buffer.concat(parts);
  return getHashes().includes('sm3') ? createHash('sm3').update(all).digest() : hex(sm3Hex(all));
}

export function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Buffer {
  const block = Buffer.alloc(64);
  block.set(key.length > 64 ? sm3(key) : key);
  const inner = block.map((byte) => byte ^ 0x36);
  const outer = block.map((byte) => byte ^ 0x5c);
  return sm3(outer, sm3(inner, ...parts));
}

export function kdf(length: number, ...parts: readonly Uint8Array[]): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, at) => sm3(...parts, uint32(at + 1)));
  return Buffer.concat(blocks).subarray(0, length);
}

/** @param iv 12 bytes, before a block counter that begins at zero */
export function ctr(key: Uint8Array, iv: Uint8Array, data: Uint8Array): Buffer {
  if (getCiphers().includes('sm4-ctr')) {
    return createCipheriv('sm4-ctr', key, Buffer.concat([iv, uint32(0)])).update(data);
  }
  const blocks = Array.from({ length: Math.ceil(data.length / 16) }, (_, at) => [...iv, ...uint32(at)]);
  const stream = sm4.encrypt(Uint8Array.from(blocks.flat()), key, {
    mode: 'ecb',
    padding: 'none',
    output: 'array',
  });
  return Buffer.from(data.map((byte, at) => byte ^ (stream[at] ?? 0)));
}

/** CRC-32 as zlib has it. */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0xedb88320;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

export const sm2Sign = (message: Uint8Array, privateKey: string): string =>
  sm2.doSignature(message, privateKey, { ...SIGNATURE, publicKey: sm2PublicKey(privateKey), pointPool: [] });
export const sm2Verify = (message: Uint8Array, signature: string, publicKey: string): boolean =>
  sm2.doVerifySignature(message, signature, publicKey, SIGNATURE);
export const sm2Encrypt = (message: Uint8Array, publicKey: string): string =>
  `04${sm2.doEncrypt(message, publicKey, 1)}`;
export const sm2Decrypt = (ciphertext: string, privateKey: string): Buffer =>
  Buffer.from(sm2.doDecrypt(ciphertext.slice(2), privateKey, 1, { output: 'array' }));
export const sm2PublicKey = (privateKey: string): string => sm2.getPublicKeyFromPrivateKey(privateKey);
export const keyId = (publicKey: string): string => toHex(sm3(hex(publicKey)).subarray(0, 8));

// Section 4: signed messages.

export const signedBytes = (kind: string, body: Uint8Array): Buffer =>
  Buffer.concat([utf8(`cardpad/v1/${kind}\n`), body]);
export const digest = (kind: string, body: Uint8Array): Buffer => sm3(signedBytes(kind, body));

// Section 5: keys of a session.

export interface BoxKeys {
  readonly cipherKey: Buffer;
  readonly macKey: Buffer;
}
export interface SessionKeys {
  readonly up: BoxKeys;
  readonly down: BoxKeys;
}

export function splitKeys(bytes: Buffer): SessionKeys {
  return {
    up: { cipherKey: bytes.subarray(0, 16), macKey: bytes.subarray(16, 48) },
    down: { cipherKey: bytes.subarray(48, 64), macKey: bytes.subarray(64, 96) },
  };
}

export const sessionKeys = (secret: Uint8Array, helloBody: Uint8Array, core: Uint8Array): SessionKeys =>
  splitKeys(kdf(96, secret, digest('hello', helloBody), digest('welcome', core)));
export const sessionId = (ticket: Uint8Array): string => toHex(sm3(ticket).subarray(0, 8));

// Section 6: sealed boxes. A box here is iv (12) | mac (32) | ciphertext.

export function macInput(context: readonly Uint8Array[], iv: Uint8Array, ciphertext: Uint8Array): Buffer {
  const framed = context.flatMap((part) => [uint32(part.length), part]);
  return Buffer.concat([uint32(context.length), ...framed, iv, ciphertext]);
}

export function openBox(keys: BoxKeys, context: readonly Uint8Array[], box: Buffer): Buffer | undefined {
  const [iv, mac, ciphertext] = [box.subarray(0, 12), box.subarray(12, 44), box.subarray(44)];
  if (!hmac(keys.macKey, macInput(context, iv, ciphertext)).equals(mac)) return undefined;
  return ctr(keys.cipherKey, iv, ciphertext);
}

export function sealBox(keys: BoxKeys, context: readonly Uint8Array[], iv: Buffer, plain: Buffer): Buffer {
  const ciphertext = ctr(keys.cipherKey, iv, plain);
  return Buffer.concat([iv, hmac(keys.macKey, macInput(context, iv, ciphertext)), ciphertext]);
}

export function padded(text: string, block: number): Buffer {
  const bytes = utf8(text);
  return Buffer.concat([bytes, Buffer.alloc((block - (bytes.length % block)) % block, ' ')]);
}

// Section 7: envelopes. `sealed` is version 01 | counter | box.

const envelopeContext = (kind: string, direction: 'up' | 'down', device: string, head: Uint8Array) => [
  utf8(`cardpad/v1/${kind}`),
  utf8(direction),
  utf8(device),
  head,
];

export function openEnvelope(
  keys: BoxKeys,
  [direction, kind, device]: readonly ['up' | 'down', string, string],
  sealed: Buffer,
): { readonly counter: number; readonly plaintext: Buffer } | undefined {
  if (sealed[0] !== 1 || sealed.length < 53) return undefined;
  const head = sealed.subarray(0, 9);
  const plaintext = openBox(keys, envelopeContext(kind, direction, device, head), sealed.subarray(9));
  return plaintext === undefined ? undefined : { counter: Number(head.readBigUInt64BE(1)), plaintext };
}

export function sealEnvelope(
  keys: BoxKeys,
  [direction, kind, device]: readonly ['up' | 'down', string, string],
  counter: number,
  iv: Buffer,
  plain: Buffer,
): Buffer {
  const head = Buffer.concat([Buffer.of(1), uint64(counter)]);
  return Buffer.concat([head, sealBox(keys, envelopeContext(kind, direction, device, head), iv, plain)]);
}

// Section 8: journal records.

export interface Place {
  readonly epoch: number;
  readonly seq: number;
  readonly head: string;
}

export function epochBase(device: string, epoch: number, nonce: string, previous: Place | null): Buffer {
  const before = previous === null ? 'none' : `${previous.epoch}/${previous.seq}/${previous.head}`;
  return sm3(utf8(`cardpad/v1/epoch\n${device}\n${epoch}\n${nonce}\n${before}`));
}

export const nextHead = (head: Uint8Array, seq: number, recordClass: number, record: Uint8Array): Buffer =>
  sm3(head, uint64(seq), Buffer.of(recordClass), sm3(record));

export const frame = (head: Uint8Array, body: Uint8Array): Buffer =>
  Buffer.concat([utf8('CPJ1'), uint32(body.length), uint32(crc32(Buffer.concat([head, body]))), head, body]);

/** Opens the sealed part of a record. @param recordKey k0, 32 bytes */
export function openRecord(
  recordKey: Uint8Array,
  step: number,
  [device, epoch, seq, kind]: readonly [string, number, number, string],
  box: Buffer,
): Buffer | undefined {
  let key: Buffer = Buffer.from(recordKey);
  for (let at = 0; at < step; at += 1) key = kdf(32, utf8('cardpad/v1/journal/next'), key);
  const bytes = kdf(48, utf8('cardpad/v1/journal/seal'), key);
  const keys = { cipherKey: bytes.subarray(0, 16), macKey: bytes.subarray(16) };
  const context = [utf8('cardpad/v1/journal/record'), utf8(`${device}\n${epoch}\n${seq}\n${kind}`)];
  return openBox(keys, context, box);
}
