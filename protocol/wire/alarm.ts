import * as v from 'valibot';
import { type AlarmContent, alarmFields } from '../journal/seal.js';
import { count, hex, parseJson, toPaddedJson } from './json.js';

/**
 * `up/alarm`: what an alarm's record says, and which record it is. Whole in itself, since the key that opens the record
 * may lie in a backlog that has not come yet.
 */
const AlarmMessageSchema = v.strictObject({
  epoch: count(1),
  seq: count(1),
  /** SM3 of the record's bytes: two histories of one device have other records in the same places. */
  digest: hex(32),
  ...alarmFields,
});
export type AlarmMessage = v.InferOutput<typeof AlarmMessageSchema>;

/** As for a batch: few lengths. */
const PAD_BYTES = 512;

export const encodeAlarmMessage = ({
  content,
  ...record
}: { readonly content: AlarmContent } & Omit<AlarmMessage, keyof AlarmContent>): Buffer =>
  toPaddedJson({ ...record, ...content }, PAD_BYTES);
export const parseAlarmMessage = (plaintext: Uint8Array) => parseJson(plaintext, AlarmMessageSchema);
