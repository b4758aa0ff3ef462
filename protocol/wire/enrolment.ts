import * as v from 'valibot';
import { hex, type Parsed, parseJson } from './json.js';
import { signedBytes } from './signed.js';
import { DEVICE_ID } from './topics.js';

const PublicKeySchema = v.strictObject({ id: hex(8), publicKey: hex(65) });
/** An SM2 public key, 04||x||y in hex, and its id: the first 16 hex characters of SM3 over its 65 bytes. */
export type PublicKey = v.InferOutput<typeof PublicKeySchema>;

const KeyListSchema = v.pipe(v.array(PublicKeySchema), v.minLength(1), v.maxLength(16));

const CentralPublicSchema = v.strictObject({
  v: v.literal(1),
  keys: v.strictObject({
    /** Signs welcomes; its private half is online. */
    session: KeyListSchema,
    /** Signs configuration and commands; its private half is with the fleet manager. */
    authority: KeyListSchema,
    /** Journal keys are wrapped to it; its private half is for the role that takes events. */
    ledger: KeyListSchema,
  }),
});
/** `central.public.json`: the keys by which a device knows central. Newest first; a device wraps to the first ledger key. */
export type CentralPublic = v.InferOutput<typeof CentralPublicSchema>;
export const parseCentralPublic = (bytes: Uint8Array): Parsed<CentralPublic> =>
  parseJson(bytes, CentralPublicSchema);

const EnrolmentSchema = v.strictObject({
  v: v.literal(1),
  device: v.pipe(v.string(), v.regex(DEVICE_ID)),
  key: PublicKeySchema,
  /** By the device's own key over `enrolmentBytes`: whoever hands this in holds the private half. */
  signature: hex(64),
});
/** What `provision` prints and `central enroll` takes. It holds nothing secret. */
export type Enrolment = v.InferOutput<typeof EnrolmentSchema>;
export const parseEnrolment = (bytes: Uint8Array): Parsed<Enrolment> => parseJson(bytes, EnrolmentSchema);

/** What the signature of an enrolment covers. */
export function enrolmentBytes(device: string, publicKey: string): Buffer {
  return signedBytes('enrolment', Buffer.from(`${device}\n${publicKey}`, 'utf8'));
}
