import * as v from 'valibot';
import { joinBox, open, SEAL_BOX_BYTES, type SealKeys, seal, splitBox } from '../sm/sealed.js';
import { base64, hex, type Parsed, parseJson, toJson } from './json.js';
import type { DownKind, UpKind } from './topics.js';

/** The largest plaintext in an envelope, in bytes. */
export const MAX_ENVELOPE_BYTES = 64 * 1024;

const VERSION = 1;
/** version (1) | counter (8, big-endian), then a box. */
const HEAD_BYTES = 1 + 8;

const sealedField = base64(HEAD_BYTES + SEAL_BOX_BYTES + MAX_ENVELOPE_BYTES);
const UpSchema = v.strictObject({ ticket: base64(4096), sealed: sealedField });
const DownSchema = v.strictObject({ session: hex(8), sealed: sealedField });

/** Who a sealed message is for: covered by its MAC together with version, counter, IV and ciphertext. */
export type EnvelopeAddress =
  | { readonly direction: 'up'; readonly device: string; readonly kind: UpKind }
  | { readonly direction: 'down'; readonly device: string; readonly kind: DownKind };

export interface Opened {
  /** Counts the sender's messages in this session; for pairing and order, never for secrecy. */
  readonly counter: number;
  readonly plaintext: Buffer;
}

function context(address: EnvelopeAddress, head: Uint8Array): Buffer[] {
  const text = (part: string) => Buffer.from(part, 'utf8');
  return [
    text(`cardpad/v1/${address.kind}`),
    text(address.direction),
    text(address.device),
    Buffer.from(head),
  ];
}

function header(counter: number): Buffer {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt8(VERSION, 0);
  head.writeBigUInt64BE(BigInt(counter), 1);
  return head;
}

function sealBytes(
  keys: SealKeys,
  address: EnvelopeAddress,
  counter: number,
  iv: Uint8Array,
  plaintext: Uint8Array,
): string {
  const head = header(counter);
  const box = seal({ ...keys, iv, context: context(address, head) }, plaintext);
  return Buffer.concat([head, joinBox(box)]).toString('base64');
}

/**
 * A message from a device: it carries its whole ticket, so central needs no memory of the session.
 * @param iv 12 fresh random bytes: two answers to one question share no key stream
 */
export function sealUp(
  session: { readonly keys: SealKeys; readonly ticket: Uint8Array },
  address: EnvelopeAddress & { readonly direction: 'up' },
  counter: number,
  iv: Uint8Array,
  plaintext: Uint8Array,
): Buffer {
  return toJson({
    ticket: Buffer.from(session.ticket).toString('base64'),
    sealed: sealBytes(session.keys, address, counter, iv, plaintext),
  });
}

/** A message to a device, which finds its keys by the session's id. */
export function sealDown(
  session: { readonly keys: SealKeys; readonly id: string },
  address: EnvelopeAddress & { readonly direction: 'down' },
  counter: number,
  iv: Uint8Array,
  plaintext: Uint8Array,
): Buffer {
  return toJson({ session: session.id, sealed: sealBytes(session.keys, address, counter, iv, plaintext) });
}

export const parseUp = (payload: Uint8Array): Parsed<v.InferOutput<typeof UpSchema>> =>
  parseJson(payload, UpSchema);
export const parseDown = (payload: Uint8Array): Parsed<v.InferOutput<typeof DownSchema>> =>
  parseJson(payload, DownSchema);

/** Checks the MAC over the exact received bytes, then decrypts; undefined for anything that is not whole and ours. */
export function openSealed(keys: SealKeys, address: EnvelopeAddress, sealed: Uint8Array): Opened | undefined {
  if (sealed.length < HEAD_BYTES + SEAL_BOX_BYTES || sealed[0] !== VERSION) return undefined;
  const head = sealed.subarray(0, HEAD_BYTES);
  const counter = Number(Buffer.from(head).readBigUInt64BE(1));
  if (!Number.isSafeInteger(counter)) return undefined;
  const box = splitBox(sealed.subarray(HEAD_BYTES));
  const plaintext = open({ ...keys, context: context(address, head) }, box);
  return plaintext === undefined ? undefined : { counter, plaintext };
}
