import { portableSm2Encryption, portableSm2Signatures } from '../../../protocol/sm/portableSm2.js';
import { type SealKeys, seal } from '../../../protocol/sm/sealed.js';
import { sm2Encrypt, sm2PublicKeyOf, sm2Sign } from '../../../protocol/sm/sm2.js';
import { keyId } from '../../../protocol/sm/sm2Key.js';
import { sm3 } from '../../../protocol/sm/sm3.js';
import { type SignedKind, signedBytes } from '../../../protocol/wire/signed.js';
import { withNonce } from './fixedDraws.js';

/** Bytes are lower-case hex, documents are text. */
export interface ExampleKey {
  readonly privateKey: string;
  readonly publicKey: string;
  readonly id: string;
}

export interface ExampleSignature {
  /** What was drawn for it; in earnest secret, and never the same twice. */
  readonly nonce: string;
  /** The bytes that it covers, as text. */
  readonly covers: string;
  readonly signature: string;
}

export interface ExampleBox {
  readonly cipherKey: string;
  readonly macKey: string;
  /** Each part in hex. */
  readonly context: readonly string[];
  readonly iv: string;
  /** Without its padding. */
  readonly plaintext: string;
  /** How many bytes the plaintext has with its padding. */
  readonly paddedBytes: number;
  readonly ciphertext: string;
  readonly macInput: string;
  readonly mac: string;
}

export const utf8 = (text: string): Buffer => Buffer.from(text, 'utf8');
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex');

/** 32 bytes of which everybody can see that nobody has chosen them: SM3 of a name. */
export const drawn = (name: string): Buffer => sm3(utf8(`cardpad example: ${name}`));

export function exampleKey(name: string): ExampleKey {
  const privateKey = hexOf(drawn(name));
  const publicKey = sm2PublicKeyOf(privateKey);
  return { privateKey, publicKey, id: keyId(publicKey) };
}

export function exampleSignature(
  kind: SignedKind,
  body: string,
  { privateKey, publicKey }: ExampleKey,
): ExampleSignature {
  const nonce = hexOf(drawn(`nonce of the ${kind}`));
  const covered = signedBytes(kind, utf8(body));
  const signature = withNonce(nonce, () => sm2Sign(covered, privateKey, publicKey, portableSm2Signatures));
  return { nonce, covers: covered.toString('utf8'), signature };
}

/** @returns what was drawn, and the ciphertext */
export function exampleEncryption(name: string, plaintext: Uint8Array, publicKey: string) {
  const nonce = hexOf(drawn(`nonce for ${name}`));
  return {
    nonce,
    ciphertext: hexOf(withNonce(nonce, () => sm2Encrypt(plaintext, publicKey, portableSm2Encryption))),
  };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** @param padTo the plaintext is padded with spaces to a multiple of so many bytes; 1 for no padding */
export function exampleBox(
  keys: SealKeys,
  context: readonly Uint8Array[],
  plaintext: string,
  padTo: number,
): ExampleBox {
  const text = utf8(plaintext);
  const paddedBytes = Math.ceil(text.length / padTo) * padTo;
  const padded = Buffer.alloc(paddedBytes, ' ');
  text.copy(padded);
  const iv = sm3(utf8('cardpad example: iv'), ...context).subarray(0, 12);
  const { ciphertext, mac } = seal({ ...keys, iv, context }, padded);
  const framed = context.flatMap((part) => [uint32(part.length), part]);
  return {
    cipherKey: hexOf(keys.cipherKey),
    macKey: hexOf(keys.macKey),
    context: context.map(hexOf),
    iv: hexOf(iv),
    plaintext,
    paddedBytes,
    ciphertext: hexOf(ciphertext),
    macInput: hexOf(Buffer.concat([uint32(context.length), ...framed, iv, ciphertext])),
    mac: hexOf(mac),
  };
}
