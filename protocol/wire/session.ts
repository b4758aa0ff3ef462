import * as v from 'valibot';
import { joinBox, open, SEAL_BOX_BYTES, type SealKeys, seal, splitBox } from '../sm/sealed.js';
import { kdfSm3, sm3 } from '../sm/sm3.js';
import { base64, count, hex, type Parsed, parseJson, toJson } from './json.js';
import { signedDigest } from './signed.js';
import { DEVICE_ID } from './topics.js';

/** Versions of the session protocol that this code speaks, newest first. */
export const SESSION_VERSIONS = [1] as const;

/** A point in a device's journal: everything up to and with `seq` of `epoch`; `head` is the chain's digest there. */
export const PlaceSchema = v.strictObject({ epoch: count(1), seq: count(1), head: hex(32) });
export type Place = v.InferOutput<typeof PlaceSchema>;

const HelloSchema = v.strictObject({
  device: v.pipe(v.string(), v.regex(DEVICE_ID)),
  /** A fresh SM2 public key, made for this hello alone. */
  sessionKey: hex(65),
  nonce: hex(16),
  wallMs: count(),
  /** The newest place in the device's journal. */
  place: v.nullable(PlaceSchema),
  versions: v.pipe(v.array(count(1)), v.minLength(1), v.maxLength(16)),
});
export type Hello = v.InferOutput<typeof HelloSchema>;

const CoreSchema = v.strictObject({
  device: v.pipe(v.string(), v.regex(DEVICE_ID)),
  /** SM3 of the hello that this answers. */
  hello: hex(32),
  versions: v.pipe(v.array(count(1)), v.minLength(1), v.maxLength(16)),
  version: count(1),
  /** 32 bytes, SM2-encrypted (C1C3C2, 04 prefix) to the hello's session key. */
  secret: v.pipe(v.string(), v.regex(/^04[0-9a-f]{256}$/)),
  lifetimeMs: v.pipe(count(1000), v.maxValue(7 * 24 * 3600 * 1000)),
  wallMs: count(),
  /** How far central has this device's journal. */
  place: v.nullable(PlaceSchema),
});
/** What a welcome says, apart from the ticket. */
export type WelcomeCore = v.InferOutput<typeof CoreSchema>;

const WelcomeSchema = v.strictObject({ core: base64(32 * 1024), ticket: base64(4096) });

export const encodeHello = (hello: Hello): Buffer => toJson(hello);
export const parseHello = (body: Uint8Array): Parsed<Hello> => parseJson(body, HelloSchema);
export const encodeWelcomeCore = (core: WelcomeCore): Buffer => toJson(core);

/** The signed body of a welcome: its core, and the ticket that was sealed over the keys which the core makes. */
export function encodeWelcome(core: Uint8Array, ticket: Uint8Array): Buffer {
  return toJson({
    core: Buffer.from(core).toString('base64'),
    ticket: Buffer.from(ticket).toString('base64'),
  });
}

export interface Welcome {
  readonly core: WelcomeCore;
  /** The core's exact bytes, for the key derivation. */
  readonly coreBytes: Buffer;
  readonly ticket: Buffer;
}

export function parseWelcome(body: Uint8Array): Parsed<Welcome> {
  const outer = parseJson(body, WelcomeSchema);
  if (!outer.ok) return outer;
  const core = parseJson(outer.value.core, CoreSchema);
  if (!core.ok) return core;
  return { ok: true, value: { core: core.value, coreBytes: outer.value.core, ticket: outer.value.ticket } };
}

/** The keys of one session: cipher and MAC, one pair a direction, so that nothing sealed up ever opens as down. */
export interface SessionKeys {
  readonly up: SealKeys;
  readonly down: SealKeys;
}

const KEY_BYTES = 2 * (16 + 32);

function splitKeys(bytes: Uint8Array): SessionKeys {
  const part = (from: number, length: number) => Buffer.from(bytes.subarray(from, from + length));
  return {
    up: { cipherKey: part(0, 16), macKey: part(16, 32) },
    down: { cipherKey: part(48, 16), macKey: part(64, 32) },
  };
}

/**
 * Keys = KDF-SM3(secret, SM3(hello), SM3(welcome core)): GB/T 32918.4-2016 5.4.3. The core stands for the welcome,
 * since the ticket in it carries these very keys.
 */
export function deriveSessionKeys(
  secret: Uint8Array,
  helloBody: Uint8Array,
  coreBytes: Uint8Array,
): SessionKeys {
  return splitKeys(
    kdfSm3(KEY_BYTES, secret, signedDigest('hello', helloBody), signedDigest('welcome', coreBytes)),
  );
}

/** A short name for a session, the same on both sides; tells nothing of its keys. 16 hex characters. */
export function sessionId(ticket: Uint8Array): string {
  return sm3(ticket).subarray(0, 8).toString('hex');
}

/** What a ticket holds: the whole session, so that any worker of central can serve any device without memory. */
export interface TicketContent {
  readonly device: string;
  /** Id of the device key that the hello was signed with: a revoked key ends its sessions. */
  readonly deviceKey: string;
  readonly issuedMs: number;
  readonly expiresMs: number;
  readonly keys: SessionKeys;
}

/** Central's own key for tickets. */
export interface TicketKey {
  /** 16 hex characters. */
  readonly id: string;
  readonly keys: SealKeys;
}

const TicketSchema = v.strictObject({
  device: v.pipe(v.string(), v.regex(DEVICE_ID)),
  deviceKey: hex(8),
  issuedMs: count(),
  expiresMs: count(),
  keys: base64(KEY_BYTES),
});

const TICKET_CONTEXT = Buffer.from('cardpad/v1/ticket', 'utf8');
const TICKET_ID_BYTES = 8;

/**
 * Layout: key id (8), then a box.
 * @param iv 12 fresh random bytes
 */
export function sealTicket(content: TicketContent, key: TicketKey, iv: Uint8Array): Buffer {
  const { up, down } = content.keys;
  const keys = Buffer.concat([up.cipherKey, up.macKey, down.cipherKey, down.macKey]).toString('base64');
  const box = seal({ ...key.keys, iv, context: [TICKET_CONTEXT] }, toJson({ ...content, keys }));
  return Buffer.concat([Buffer.from(key.id, 'hex'), joinBox(box)]);
}

/** The id of the key that sealed a ticket, or undefined for bytes too short to be one. */
export function ticketKeyId(ticket: Uint8Array): string | undefined {
  if (ticket.length < TICKET_ID_BYTES + SEAL_BOX_BYTES) return undefined;
  return Buffer.from(ticket.subarray(0, TICKET_ID_BYTES)).toString('hex');
}

/** Opens a ticket; undefined for a forged or damaged one. Whether it has expired is the caller's question. */
export function openTicket(ticket: Uint8Array, key: TicketKey): TicketContent | undefined {
  if (ticketKeyId(ticket) !== key.id) return undefined;
  const box = splitBox(ticket.subarray(TICKET_ID_BYTES));
  const plain = open({ ...key.keys, context: [TICKET_CONTEXT] }, box);
  if (plain === undefined) return undefined;
  const content = parseJson(plain, TicketSchema);
  if (!content.ok || content.value.keys.length !== KEY_BYTES) return undefined;
  return { ...content.value, keys: splitKeys(content.value.keys) };
}
