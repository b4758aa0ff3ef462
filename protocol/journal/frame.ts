import { crc32 } from 'node:zlib';

/**
 * How a record lies in a file, on the device and at central alike:
 *
 *   magic `CPJ1` (4) | body length (4, big-endian) | CRC-32 (4) | head before it (32) | body
 *
 * The CRC covers the head and the body. It finds torn and rotten records; the chain finds altered ones.
 */
const MAGIC = Buffer.from('CPJ1', 'latin1');
/** What stands before a frame's body, in bytes. */
export const FRAME_HEADER_BYTES = 4 + 4 + 4 + 32;

/** The longest body of a record, in bytes; a longer length in a file is damage. */
export const MAX_RECORD_BYTES = 32 * 1024;

export interface Frame {
  /** Where the frame begins and ends in the bytes scanned. */
  readonly from: number;
  readonly to: number;
  /** The chain's head before this record, 32 bytes. */
  readonly previous: Buffer;
  readonly body: Buffer;
}

export interface Scan {
  readonly frames: readonly Frame[];
  /** Byte ranges that hold no whole frame: a torn tail, or damage in the middle. */
  readonly damaged: readonly { readonly from: number; readonly to: number }[];
}

/** @param previous the chain's head before this record, 32 bytes */
export function encodeFrame(previous: Uint8Array, body: Uint8Array): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  MAGIC.copy(header, 0);
  header.writeUInt32BE(body.length, 4);
  header.writeUInt32BE(crc32(body, crc32(previous)), 8);
  header.set(previous, 12);
  return Buffer.concat([header, body]);
}

function frameAt(bytes: Buffer, from: number): Frame | undefined {
  if (bytes.length - from < FRAME_HEADER_BYTES || MAGIC.compare(bytes, from, from + 4) !== 0)
    return undefined;
  const length = bytes.readUInt32BE(from + 4);
  const bodyFrom = from + FRAME_HEADER_BYTES;
  if (length > MAX_RECORD_BYTES || bodyFrom + length > bytes.length) return undefined;
  const previous = bytes.subarray(from + 12, bodyFrom);
  const body = bytes.subarray(bodyFrom, bodyFrom + length);
  if (crc32(body, crc32(previous)) !== bytes.readUInt32BE(from + 8)) return undefined;
  return { from, to: bodyFrom + length, previous, body };
}

/**
 * Whether bytes that hold no whole frame are the beginning of one whose rest is not there: an append that was cut
 * short, or is under way.
 * @param head the first bytes, as many as there are, up to a header
 * @param lengthBytes how many bytes there are in all
 */
export function isFrameBeginning(head: Buffer, lengthBytes: number): boolean {
  const magic = head.subarray(0, MAGIC.length);
  if (!MAGIC.subarray(0, magic.length).equals(magic)) return false;
  if (head.length < 8) return true;
  const bodyBytes = head.readUInt32BE(4);
  return bodyBytes <= MAX_RECORD_BYTES && FRAME_HEADER_BYTES + bodyBytes > lengthBytes;
}

/** Every whole frame in the bytes: damage costs the frames that it hits and no others. */
export function scanFrames(bytes: Buffer): Scan {
  const frames: Frame[] = [];
  const damaged: { from: number; to: number }[] = [];
  let at = 0;
  while (at < bytes.length) {
    const frame = frameAt(bytes, at);
    if (frame !== undefined) {
      frames.push(frame);
      at = frame.to;
      continue;
    }
    let next = bytes.indexOf(MAGIC, at + 1);
    while (next !== -1 && frameAt(bytes, next) === undefined) next = bytes.indexOf(MAGIC, next + 1);
    const to = next === -1 ? bytes.length : next;
    damaged.push({ from: at, to });
    at = to;
  }
  return { frames, damaged };
}
