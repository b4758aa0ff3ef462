import * as v from 'valibot';

/** The largest MQTT payload that any part of cardpad reads, in bytes; a larger one is dropped unread. */
export const MAX_PAYLOAD_BYTES = 128 * 1024;

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Reads one JSON document of a known shape. `reason` is a stable word for a counter and holds nothing of the input. */
export function parseJson<S extends v.GenericSchema>(
  bytes: Uint8Array,
  schema: S,
  maxBytes = MAX_PAYLOAD_BYTES,
): Parsed<v.InferOutput<S>> {
  if (bytes.length > maxBytes) return { ok: false, reason: 'too-long' };
  let document: unknown;
  try {
    document = JSON.parse(UTF8.decode(bytes));
  } catch {
    return { ok: false, reason: 'not-json' };
  }
  const result = v.safeParse(schema, document);
  return result.success ? { ok: true, value: result.output } : { ok: false, reason: 'wrong-shape' };
}

/** JSON as bytes. */
export function toJson(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

/**
 * JSON padded with trailing spaces (white space to any JSON reader) to a multiple of `blockBytes`, so that the
 * length of a ciphertext does not tell its content.
 */
export function toPaddedJson(value: unknown, blockBytes: number): Buffer {
  const text = JSON.stringify(value);
  const blocks = Math.ceil(Buffer.byteLength(text) / blockBytes);
  // Of its own: it may say who came, and whoever seals it overwrites it.
  const padded = Buffer.alloc(blocks * blockBytes, 0x20);
  padded.write(text);
  return padded;
}

/** Lower-case hexadecimal of exactly `bytes` bytes. */
export const hex = (bytes: number) => v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`)));

/**
 * Standard base64 with padding, decoded to bytes. Node's own decoder takes anything, so the bytes are encoded again: the
 * same bytes have one text only (RFC 4648 3.5), also in the bits that the last character has to spare.
 */
export const base64 = (maxBytes: number) =>
  v.pipe(
    v.string(),
    v.maxLength(Math.ceil(maxBytes / 3) * 4),
    v.check((text) => Buffer.from(text, 'base64').toString('base64') === text),
    v.transform((text): Buffer => Buffer.from(text, 'base64')),
  );

/** A whole number from `least` up to what a double holds exactly. */
export const count = (least = 0) => v.pipe(v.number(), v.safeInteger(), v.minValue(least));
