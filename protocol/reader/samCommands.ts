import { encodeSamFrame } from './samFrame.js';
import { describeStatus, type SamStatus } from './samStatus.js';

/** Bytes of the text block in every reply that carries one. */
export const TEXT_BYTES = 256;
/** Bytes of the compressed photo (WLT), which no open decoder reads; it passes through opaque. */
export const PHOTO_BYTES = 1024;

const STATUS_BYTES = 3;
/** textLen 0100, photoLen 0400: the only values that any module sends. */
const TEXT_PHOTO_LENGTHS: Uint8Array = Uint8Array.of(0x01, 0x00, 0x04, 0x00);
const FINGERPRINT_LENGTHS: readonly number[] = [0, 512, 1024];

/**
 * Some modules answer find and select, and any failure, with a few bytes of data and some with none; no two
 * sources agree on their meaning. Fifteen is below every reply whose data matters (the SAM number has 16).
 */
const MAX_MEANINGLESS_BYTES = 15;
const MEANINGLESS: readonly number[] = Array.from({ length: MAX_MEANINGLESS_BYTES + 1 }, (_, bytes) => bytes);

export interface SamCommand {
  readonly cmd: number;
  readonly para: number;
  /** Bytes behind CMD PARA. */
  readonly extra?: readonly number[];
  /** How long the module may take to answer at 115,200 baud. */
  readonly timeoutMs: number;
  /** The SW3 that means success: 90, except for find. */
  readonly success: 0x90 | 0x9f;
  /** Lengths of the data behind SW3 that a successful reply may have. */
  readonly dataBytes: readonly number[];
}

const NO_DATA: readonly number[] = [0];

/**
 * Every command of the module that public protocol sheets name (GA 450 readers; values agree in at least two
 * independent sources). A read is find, select, read: none can be left out.
 *
 * The baud rate is stored in the module for good, and the reply still comes at the old rate.
 */
export const SAM_COMMANDS = {
  reset: { cmd: 0x10, para: 0xff, timeoutMs: 2000, success: 0x90, dataBytes: NO_DATA },
  status: { cmd: 0x11, para: 0xff, timeoutMs: 1000, success: 0x90, dataBytes: NO_DATA },
  'sam-number': { cmd: 0x12, para: 0xff, timeoutMs: 1000, success: 0x90, dataBytes: [16] },
  find: { cmd: 0x20, para: 0x01, timeoutMs: 1000, success: 0x9f, dataBytes: MEANINGLESS },
  select: { cmd: 0x20, para: 0x02, timeoutMs: 1000, success: 0x90, dataBytes: MEANINGLESS },
  read: {
    cmd: 0x30,
    para: 0x01,
    timeoutMs: 3000,
    success: 0x90,
    dataBytes: [TEXT_PHOTO_LENGTHS.length + TEXT_BYTES + PHOTO_BYTES],
  },
  'read-with-fingerprint': {
    cmd: 0x30,
    para: 0x10,
    timeoutMs: 5000,
    success: 0x90,
    dataBytes: FINGERPRINT_LENGTHS.map(
      (bytes) => TEXT_PHOTO_LENGTHS.length + 2 + TEXT_BYTES + PHOTO_BYTES + bytes,
    ),
  },
  /** Addresses added to the card later, 70 bytes of UTF-16LE each, four at most. */
  'read-address': { cmd: 0x30, para: 0x03, timeoutMs: 3000, success: 0x90, dataBytes: [70, 140, 210, 280] },
  'read-management': { cmd: 0x30, para: 0x05, timeoutMs: 3000, success: 0x90, dataBytes: [28] },
  'baud-115200': { cmd: 0x60, para: 0x00, timeoutMs: 1000, success: 0x90, dataBytes: NO_DATA },
  'baud-57600': { cmd: 0x60, para: 0x01, timeoutMs: 1000, success: 0x90, dataBytes: NO_DATA },
  'baud-38400': { cmd: 0x60, para: 0x02, timeoutMs: 1000, success: 0x90, dataBytes: NO_DATA },
  'baud-19200': { cmd: 0x60, para: 0x03, timeoutMs: 1000, success: 0x90, dataBytes: NO_DATA },
  'baud-9600': { cmd: 0x60, para: 0x04, timeoutMs: 1000, success: 0x90, dataBytes: NO_DATA },
  /** Bytes in one radio exchange; vendors differ on the value and it is never needed. */
  'rf-80': { cmd: 0x61, para: 0xff, extra: [0x50], timeoutMs: 1000, success: 0x90, dataBytes: NO_DATA },
  'rf-88': { cmd: 0x61, para: 0xff, extra: [0x58], timeoutMs: 1000, success: 0x90, dataBytes: NO_DATA },
} as const satisfies Readonly<Record<string, SamCommand>>;

export type SamCommandName = keyof typeof SAM_COMMANDS;

/** Statuses that belong to some commands only; to any other command they are a reply to an earlier question. */
const ANSWERS_ONLY: Readonly<Record<number, readonly SamCommandName[]>> = {
  128: ['find'],
  129: ['select'],
  144: [],
  145: ['read', 'read-with-fingerprint', 'read-address', 'read-management'],
  159: [],
};

/**
 * - `ok: true`: `data` are the bytes behind SW3, a view into the payload.
 * - `ok: false`: the module's status says what went wrong and what to do.
 * - `mismatched`: the reply cannot answer this command, so it answers an earlier one: drop it, keep waiting.
 */
export type SamReply =
  | { readonly ok: true; readonly data: Uint8Array; readonly mismatched?: undefined }
  | { readonly ok: false; readonly status: SamStatus; readonly mismatched?: undefined }
  | { readonly ok?: undefined; readonly mismatched: true };

/** The whole frame to write for a command. */
export function samRequest(name: SamCommandName): Buffer {
  const command: SamCommand = SAM_COMMANDS[name];
  return encodeSamFrame(Uint8Array.of(command.cmd, command.para, ...(command.extra ?? [])));
}

/**
 * Reads a reply as the answer to `name`. SW1 and SW2 are what the card itself answered, and are not looked at:
 * modules disagree on when they pass them on, and SW3 says all that a host can act on.
 *
 * @param payload `SW1 SW2 SW3 [DATA]` of a frame with a good checksum
 */
export function decodeSamReply(name: SamCommandName, payload: Uint8Array): SamReply {
  const command: SamCommand = SAM_COMMANDS[name];
  const code = payload[STATUS_BYTES - 1];
  if (code === undefined) return { mismatched: true };
  const data = payload.subarray(STATUS_BYTES);
  if (code === command.success) {
    const fits = command.dataBytes.includes(data.length) && hasExpectedLengths(name, payload);
    return fits ? { ok: true, data } : { mismatched: true };
  }
  const canAnswer = ANSWERS_ONLY[code]?.includes(name) ?? true;
  if (!canAnswer || data.length > MAX_MEANINGLESS_BYTES) return { mismatched: true };
  return { ok: false, status: describeStatus(code) };
}

/**
 * The text block as soon as the beginning of a reply to 30 01 or 30 10 holds it, so that work on it hides behind
 * the photo that is still arriving. Nothing vouches for it before the frame's checksum. A copy.
 *
 * @param payload the first bytes of a payload, from `SamParser.pending()`, or a whole one
 */
export function readTextFromPartial(payload: Uint8Array): Uint8Array | undefined {
  if (payload[STATUS_BYTES - 1] !== SAM_COMMANDS.read.success || !hasTextAndPhoto(payload)) return undefined;
  const offset = STATUS_BYTES + TEXT_PHOTO_LENGTHS.length + (hasFingerprintLength(payload) ? 2 : 0);
  if (payload.length < offset + TEXT_BYTES) return undefined;
  return Uint8Array.from(payload.subarray(offset, offset + TEXT_BYTES));
}

/**
 * The SAM module number as printed on its label, `05.01-20100720-0001036050-0288634305`: five little-endian
 * fields of 2, 2, 4, 4 and 4 bytes (seen in two independent drivers).
 *
 * @returns undefined unless there are 16 bytes
 */
export function formatSamNumber(bytes: Uint8Array): string | undefined {
  if (bytes.length !== 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const u16 = (offset: number) => String(view.getUint16(offset, true)).padStart(2, '0');
  const u32 = (offset: number, digits: number) => String(view.getUint32(offset, true)).padStart(digits, '0');
  return `${u16(0)}.${u16(2)}-${u32(4, 8)}-${u32(8, 10)}-${u32(12, 10)}`;
}

function hasExpectedLengths(name: SamCommandName, payload: Uint8Array): boolean {
  if (name === 'read') return hasTextAndPhoto(payload) && !hasFingerprintLength(payload);
  if (name === 'read-with-fingerprint') return hasTextAndPhoto(payload) && hasFingerprintLength(payload);
  return true;
}

function hasTextAndPhoto(payload: Uint8Array): boolean {
  return TEXT_PHOTO_LENGTHS.every((byte, index) => payload[STATUS_BYTES + index] === byte);
}

/**
 * A reply to 30 10 has a third length before the text. Read as the first character of a name it would be
 * U+0000, U+0002 or U+0004, which no name begins with, so a prefix is enough to tell the two replies apart.
 */
function hasFingerprintLength(payload: Uint8Array): boolean {
  const high = payload[STATUS_BYTES + TEXT_PHOTO_LENGTHS.length];
  const low = payload[STATUS_BYTES + TEXT_PHOTO_LENGTHS.length + 1];
  if (high === undefined || low === undefined) return false;
  return FINGERPRINT_LENGTHS.includes(high * 256 + low);
}
