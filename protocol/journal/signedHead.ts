import * as v from 'valibot';
import { count, hex } from '../wire/json.js';
import type { Place } from '../wire/session.js';
import { signedBytes } from '../wire/signed.js';
import type { JournalRecord } from './record.js';

const HeadSchema = v.strictObject({
  /** The record of this epoch up to which the chain is signed; an earlier one than this. */
  seq: count(1),
  /** The chain's head after it. */
  head: hex(32),
  /** Id of the device's key. */
  key: hex(8),
  /** SM2, r || s, over `headBytes`. */
  signature: hex(64),
});
/** What a `head` record says in the clear: the device's word for its own chain. */
export type HeadFacts = v.InferOutput<typeof HeadSchema>;

/** Undefined for another kind, and for one that says nothing that can be checked. */
export function headFacts(record: JournalRecord): HeadFacts | undefined {
  const result = v.safeParse(HeadSchema, record.clear);
  if (record.kind !== 'head' || !result.success) return undefined;
  return result.output.seq < record.seq ? result.output : undefined;
}

/**
 * What the signature of a `head` record covers:
 *
 *   cardpad/v1/head \n device \n epoch \n seq \n head
 *
 * in UTF-8, numbers in decimal, the head as 64 digits of lower-case hex.
 */
export function headBytes(device: string, { epoch, seq, head }: Place): Buffer {
  return signedBytes('head', Buffer.from(`${device}\n${epoch}\n${seq}\n${head}`, 'utf8'));
}
