import { join } from 'node:path';
import type { Low } from 'lowdb';
import * as v from 'valibot';
import { openDocument } from '../platform/document.js';
import { withLock } from '../platform/lock.js';
import { CardpadError } from '../protocol/errors.js';
import { isSm2PublicKey, keyId } from '../protocol/sm/sm2Key.js';
import { type Enrolment, enrolmentBytes, type PublicKey } from '../protocol/wire/enrolment.js';
import { count, hex } from '../protocol/wire/json.js';

/** More replacements than that in the life of a gate are a script that went wrong. */
const FORMER_KEPT = 256;

const DeviceSchema = v.strictObject({
  key: v.strictObject({ id: hex(8), publicKey: hex(65) }),
  enrolledMs: count(),
  /** The device's sessions end, and it gets no new one. */
  revoked: v.optional(v.boolean()),
  /** Keys that `replace` put an end to, newest first: what was signed with them stays proved. */
  former: v.optional(v.array(v.strictObject({ id: hex(8), publicKey: hex(65), replacedMs: count() }))),
});
type Device = v.InferOutput<typeof DeviceSchema>;
const EnrolmentsSchema = v.strictObject({
  // valibot's own record leaves out `constructor` and `prototype`, which are valid names for a gate.
  devices: v.custom<Readonly<Record<string, Device>>>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      Object.values(value).every((device) => v.is(DeviceSchema, device)),
  ),
});
/** `enrolments.json`: which devices central knows, by which key. */
export type Enrolments = v.InferOutput<typeof EnrolmentsSchema>;

export const enrolmentsPath = (folder: string) => join(folder, 'enrolments.json');

/**
 * @param onBackup told the path when the list is damaged and its copy is had instead, which may lack the last change
 * @throws CardpadError `document.damaged` (fatal)
 */
export function openEnrolments(folder: string, onBackup?: (path: string) => void): Promise<Low<Enrolments>> {
  return openDocument<Enrolments>(enrolmentsPath(folder), EnrolmentsSchema, { devices: {} }, 0o600, onBackup);
}

function entryOf({ devices }: Enrolments, device: string): Device | undefined {
  // `constructor` is a valid name for a gate, and every object has one.
  return Object.hasOwn(devices, device) ? devices[device] : undefined;
}

/** The key by which a device is known now; undefined for one never enrolled, or revoked. */
export function enrolledKey(enrolments: Enrolments, device: string): PublicKey | undefined {
  const entry = entryOf(enrolments, device);
  return entry === undefined || entry.revoked === true ? undefined : entry.key;
}

/** Every key by which a device was ever known here, the one of now first: also of one that is revoked. */
export function everEnrolledKeys(enrolments: Enrolments, device: string): readonly PublicKey[] {
  const entry = entryOf(enrolments, device);
  return entry === undefined ? [] : [entry.key, ...(entry.former ?? [])];
}

export interface EnrolOptions {
  readonly replace: boolean;
  readonly nowMs: number;
  /** See `openEnrolments`. */
  readonly onBackup?: (path: string) => void;
}

export type EnrolStatus = 'enrolled' | 'unchanged' | 'replaced';

/**
 * Whether an enrolment was made by the holder of its own key.
 * @param verify SM2: (message, signature, public key)
 */
export function isOwnEnrolment(
  { device, key, signature }: Enrolment,
  verify: (message: Uint8Array, signature: string, publicKey: string) => boolean,
): boolean {
  if (!isSm2PublicKey(key.publicKey) || keyId(key.publicKey) !== key.id) return false;
  return verify(enrolmentBytes(device, key.publicKey), signature, key.publicKey);
}

/**
 * Takes a device in. The same key again changes nothing.
 * @throws CardpadError `enrolment.other-key` | `enrolment.revoked` (reject) unless `replace`
 */
export function enroll(folder: string, enrolment: Enrolment, how: EnrolOptions): Promise<EnrolStatus> {
  // Two installers at once: without the lock the second write would forget the first device.
  return withLock(enrolmentsPath(folder), () => enrollAlone(folder, enrolment, how));
}

async function enrollAlone(
  folder: string,
  { device, key }: Enrolment,
  { replace, nowMs, onBackup }: EnrolOptions,
): Promise<EnrolStatus> {
  const document = await openEnrolments(folder, onBackup);
  const known = entryOf(document.data, device);
  if (known !== undefined && known.key.publicKey === key.publicKey && known.revoked !== true)
    return 'unchanged';
  if (known !== undefined && !replace) throw notAgain(device, known.revoked === true);
  const former = known === undefined ? [] : formerKeys(known, key.id, nowMs);
  await put(document, device, { key, enrolledMs: nowMs, ...(former.length === 0 ? {} : { former }) });
  return known === undefined ? 'enrolled' : 'replaced';
}

/** The keys of before, without the new one, which may be an old one that comes back. */
function formerKeys(
  { key, former = [] }: Device,
  newId: string,
  nowMs: number,
): NonNullable<Device['former']> {
  return [{ ...key, replacedMs: nowMs }, ...former].filter(({ id }) => id !== newId).slice(0, FORMER_KEPT);
}

async function put(document: Low<Enrolments>, device: string, entry: Device): Promise<void> {
  document.data = { devices: { ...document.data.devices, [device]: entry } };
  await document.write();
  // The copy as well: were the list damaged, it would bring a key back that is not to serve any more.
  await document.write();
}

export type RevokeStatus = 'revoked' | 'unchanged';

/**
 * Ends a device's sessions, and keeps it from getting new ones until it is enrolled again with `replace`.
 * @throws CardpadError `enrolment.unknown` (reject) for a device that was never enrolled
 */
export function revoke(
  folder: string,
  device: string,
  onBackup?: (path: string) => void,
): Promise<RevokeStatus> {
  return withLock(enrolmentsPath(folder), async () => {
    const document = await openEnrolments(folder, onBackup);
    const known = entryOf(document.data, device);
    if (known === undefined) {
      throw new CardpadError('enrolment.unknown', 'reject', `${device} is not enrolled`, {
        help: `${enrolmentsPath(folder)} lists the devices; names are exact.`,
      });
    }
    if (known.revoked === true) return 'unchanged';
    await put(document, device, { ...known, revoked: true });
    return 'revoked';
  });
}

function notAgain(device: string, revoked: boolean): CardpadError {
  const help = `If this is what you want, run it again with --replace: the sessions of the old key end at once.`;
  return revoked
    ? new CardpadError('enrolment.revoked', 'reject', `${device} was revoked`, { help })
    : new CardpadError('enrolment.other-key', 'reject', `${device} is enrolled with another key`, { help });
}
