import * as v from 'valibot';
import { sm3 } from '../sm/sm3.js';
import { base64, hex, type Parsed, parseJson, toJson } from './json.js';

/** What carries an SM2 signature: messages, which else travel in a session envelope, and heads of a journal. */
export type SignedKind = 'hello' | 'welcome' | 'enrolment' | 'config' | 'command' | 'head';

const SignedSchema = v.strictObject({
  v: v.literal(1),
  key: hex(8),
  body: base64(64 * 1024),
  signature: hex(64),
});

/** A message as it came, its signature not yet checked. */
export type Signed = v.InferOutput<typeof SignedSchema>;

/**
 * The bytes that are signed and hashed: the exact received body behind the name of its kind, so that a signature
 * made for one kind of message can never serve for another.
 */
export function signedBytes(kind: SignedKind, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`cardpad/v1/${kind}\n`, 'utf8'), body]);
}

/** SM3 over what is signed: how later messages refer to this one. */
export function signedDigest(kind: SignedKind, body: Uint8Array): Buffer {
  return sm3(signedBytes(kind, body));
}

/**
 * @param key id of the signing key, 16 hex characters
 * @param signature raw r||s, 128 hex characters
 */
export function encodeSigned(key: string, body: Uint8Array, signature: string): Buffer {
  return toJson({ v: 1, key, body: Buffer.from(body).toString('base64'), signature });
}

/** Takes the outer shape apart. The body stays bytes: nothing in it is read before its signature is checked. */
export function parseSigned(payload: Uint8Array): Parsed<Signed> {
  return parseJson(payload, SignedSchema);
}
