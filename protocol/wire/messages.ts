import * as v from 'valibot';
import { ASSURANCES, MEDIA, VALIDITIES } from '../credential.js';
import { OutcomeSchema, ReasonsSchema, SchemeSchema } from '../verdict.js';
import { base64, count, hex, parseJson, toJson, toPaddedJson } from './json.js';
import { PlaceSchema } from './session.js';

export const DIRECTIONS = ['entry', 'exit'] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** Where a tap stands in its device's journal: its number everywhere. */
export const TapIdSchema = v.strictObject({ epoch: count(1), seq: count(1) });
export type TapId = v.InferOutput<typeof TapIdSchema>;

export const LaneNameSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}$/));
export const SiteSchema = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,62}$/));
/** An ID number, or the token of another medium. */
export const TokenSchema = v.pipe(v.string(), v.regex(/^[0-9A-Za-z]{4,40}$/));
export const SchemesSchema = v.pipe(v.array(SchemeSchema), v.minLength(1), v.maxLength(8));

/** What every question and every tap record says of the credential and of where it was shown. */
export const presentedFields = {
  medium: v.picklist(MEDIA),
  assurance: v.picklist(ASSURANCES),
  validity: v.picklist(VALIDITIES),
  token: TokenSchema,
  schemes: SchemesSchema,
  site: SiteSchema,
  lane: LaneNameSchema,
  direction: v.picklist(DIRECTIONS),
} as const;

/** `up/verify`. A question has no effect: asked twice, or about a frame that then fails, it changes nothing. */
const QuestionSchema = v.strictObject({ tap: TapIdSchema, ...presentedFields });
export type Question = v.InferOutput<typeof QuestionSchema>;

/** `down/verdict`. There is no field for a diagnosis, on purpose. */
const VerdictSchema = v.strictObject({
  /** The counter of the question's envelope. */
  re: count(),
  tap: TapIdSchema,
  outcome: OutcomeSchema,
  reasons: ReasonsSchema,
  asOfMs: count(),
  /** How long the answer may be used again; 0 is for this tap alone. */
  validForMs: count(),
  /** What the attendant's screen may show: first character of the name, last four of the number. */
  show: v.optional(
    v.strictObject({
      name: v.pipe(v.string(), v.maxLength(8)),
      tail: v.pipe(v.string(), v.regex(/^[0-9A-Z]{4}$/)),
    }),
  ),
});
export type Verdict = v.InferOutput<typeof VerdictSchema>;

/** In a record's place, where it was dropped for want of room: what the chain needs of it. */
const LinkSchema = v.strictObject({
  class: v.pipe(count(), v.maxValue(9)),
  /** SM3 of the record. */
  digest: v.pipe(
    hex(32),
    v.transform((text): Buffer => Buffer.from(text, 'hex')),
  ),
});
/** A record's bytes, or its link. */
export type BatchEntry = Buffer | v.InferOutput<typeof LinkSchema>;

/** `up/events`: records of one epoch, without a gap, in order. */
const BatchSchema = v.strictObject({
  epoch: count(1),
  /** `seq` of the first record. */
  first: count(1),
  /** The chain's head before the first record. */
  previous: hex(32),
  records: v.pipe(v.array(v.union([base64(16 * 1024), LinkSchema])), v.minLength(1), v.maxLength(512)),
  /** The device can read no records between central's place and these any more: they are lost, and what follows is not. */
  gap: v.optional(v.literal(true)),
});
export type Batch = v.InferOutput<typeof BatchSchema>;

/** `down/ack`: how far central has the journal on its own disk. */
const AckSchema = v.strictObject({
  /** The counter of the batch's envelope. */
  re: count(),
  /** Null when central has nothing of this device. */
  place: v.nullable(PlaceSchema),
});
export type Ack = v.InferOutput<typeof AckSchema>;

export const STATES = ['ready', 'degraded', 'alert', 'disconnected', 'lost'] as const;

/** `up/state` and `central/{worker}/state`: plain hints that never change what a gate decides. */
const StateSchema = v.strictObject({
  state: v.picklist(STATES),
  connection: count(),
  boot: hex(8),
});
export type State = v.InferOutput<typeof StateSchema>;

/** Questions and verdicts are padded, so that their length tells neither outcome nor medium. */
const PAD_BYTES = 512;
/**
 * mqtt-packet keeps, for each length of a message below 16 KiB that it ever wrote, a buffer that holds 8 KiB of memory:
 * in a year of batches of any length that would be 30 MB.
 */
const BATCH_PAD_BYTES = 512;

export const encodeQuestion = (question: Question): Buffer => toPaddedJson(question, PAD_BYTES);
export const encodeVerdict = (verdict: Verdict): Buffer => toPaddedJson(verdict, PAD_BYTES);
export const encodeAck = (ack: Ack): Buffer => toJson(ack);
export const encodeState = (state: State): Buffer => toJson(state);
export function encodeBatch(batch: Batch): Buffer {
  const records = batch.records.map((entry) =>
    Buffer.isBuffer(entry)
      ? entry.toString('base64')
      : { class: entry.class, digest: entry.digest.toString('hex') },
  );
  return toPaddedJson({ ...batch, records }, BATCH_PAD_BYTES);
}

export const parseQuestion = (plaintext: Uint8Array) => parseJson(plaintext, QuestionSchema);
export const parseVerdict = (plaintext: Uint8Array) => parseJson(plaintext, VerdictSchema);
export const parseBatch = (plaintext: Uint8Array) => parseJson(plaintext, BatchSchema);
export const parseAck = (plaintext: Uint8Array) => parseJson(plaintext, AckSchema);
export const parseState = (payload: Uint8Array) => parseJson(payload, StateSchema, 1024);
