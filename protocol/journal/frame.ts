import { crc32 } from 'node:zlib';
import type { ChainLink } from './record.js';

/**
 * How a record lies in a file, on the device and at central alike:
 *
 *   magic `CPJ1` (4) | body length (4, big-endian) | CRC-32 (4) | head before it (32) | body
 *
 * The CRC covers the head and the body. It finds torn and rotten records; the chain finds altered ones. In place of a
 * record that was dropped for want of room lies what the chain needs of it:
 *
 *   magic `CPL1` (4) | CRC-32 of all that follows (4) | head before it (32) | epoch (8) | seq (8) | class (1) |
 *   SM3 of the record (32)
 */
const MAGIC = Buffer.from('CPJ1', 'latin1');
const LINK_MAGIC = Buffer.from('CPL1', 'latin1');
/** What both magics begin with: where a search for the next frame looks. */
const COMMON = Buffer.from('CP', 'latin1');
/** What stands before a frame's body, in bytes. */
export const FRAME_HEADER_BYTES = 4 + 4 + 4 + 32;

/** A link's frame, in bytes. */
export const LINK_FRAME_BYTES = 4 + 4 + 32 + 8 + 8 + 1 + 32;

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

/** Which record is gone, and what the chain proves of it. */
export interface RecordLink extends ChainLink {
  readonly epoch: number;
}

/** What is left of a record that was dropped. */
export interface LinkFrame {
  /** Where it begins and ends in the bytes scanned. */
  readonly from: number;
  readonly to: number;
  /** The chain's head before the record, 32 bytes. */
  readonly previous: Buffer;
  readonly link: RecordLink;
}

export interface Scan {
  readonly frames: readonly Frame[];
  readonly links: readonly LinkFrame[];
  /** Byte ranges that hold no whole frame: a torn tail, or damage in the middle. */
  readonly damaged: readonly { readonly from: number; readonly to: number }[];
}

/**
 * @param previous the chain's head before this record, 32 bytes
 * @param body a record's bytes, or its text
 * @returns bytes of their own: a small buffer is mostly a slice of an 8 KiB slab, which stays as long as the slice does
 *   (node:buffer, `Buffer.poolSize`), and frames are kept
 */
export function encodeFrame(previous: Uint8Array, body: Uint8Array | string): Buffer {
  const bodyBytes = typeof body === 'string' ? Buffer.byteLength(body) : body.length;
  const frame = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + bodyBytes);
  frame.set(MAGIC, 0);
  frame.writeUInt32BE(bodyBytes, 4);
  frame.set(previous, 12);
  if (typeof body === 'string') frame.write(body, FRAME_HEADER_BYTES);
  else frame.set(body, FRAME_HEADER_BYTES);
  frame.writeUInt32BE(crc32(frame.subarray(12)), 8);
  return frame;
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

/** @param previous the chain's head before the record, 32 bytes */
export function encodeLinkFrame(previous: Uint8Array, link: RecordLink): Buffer {
  const frame = Buffer.alloc(LINK_FRAME_BYTES);
  LINK_MAGIC.copy(frame, 0);
  frame.set(previous, 8);
  frame.writeBigUInt64BE(BigInt(link.epoch), 40);
  frame.writeBigUInt64BE(BigInt(link.seq), 48);
  frame.writeUInt8(link.class, 56);
  frame.set(link.digest, 57);
  frame.writeUInt32BE(crc32(frame.subarray(8)), 4);
  return frame;
}

function linkFrameAt(bytes: Buffer, from: number): LinkFrame | undefined {
  const to = from + LINK_FRAME_BYTES;
  if (to > bytes.length || LINK_MAGIC.compare(bytes, from, from + 4) !== 0) return undefined;
  if (crc32(bytes.subarray(from + 8, to)) !== bytes.readUInt32BE(from + 4)) return undefined;
  const link = {
    epoch: Number(bytes.readBigUInt64BE(from + 40)),
    seq: Number(bytes.readBigUInt64BE(from + 48)),
    class: bytes.readUInt8(from + 56),
    digest: bytes.subarray(from + 57, to),
  };
  if (!Number.isSafeInteger(link.epoch) || !Number.isSafeInteger(link.seq)) return undefined;
  return { from, to, previous: bytes.subarray(from + 8, from + 40), link };
}

/**
 * Whether bytes that hold no whole frame are the beginning of one whose rest is not there: an append that was cut
 * short, or is under way.
 * @param head the first bytes, as many as there are, up to a header
 * @param lengthBytes how many bytes there are in all
 */
export function isFrameBeginning(head: Buffer, lengthBytes: number): boolean {
  const magic = head.subarray(0, MAGIC.length);
  const begins = (whole: Buffer) => whole.subarray(0, magic.length).equals(magic);
  if (begins(LINK_MAGIC) && lengthBytes < LINK_FRAME_BYTES) return true;
  if (!begins(MAGIC)) return false;
  if (head.length < 8) return true;
  const bodyBytes = head.readUInt32BE(4);
  return bodyBytes <= MAX_RECORD_BYTES && FRAME_HEADER_BYTES + bodyBytes > lengthBytes;
}

/** Where the next whole frame begins, or where the bytes end. */
function nextWhole(bytes: Buffer, from: number): number {
  let at = bytes.indexOf(COMMON, from);
  while (at !== -1 && frameAt(bytes, at) === undefined && linkFrameAt(bytes, at) === undefined)
    at = bytes.indexOf(COMMON, at + 1);
  return at === -1 ? bytes.length : at;
}

/** Every whole frame in the bytes, of records and of links: damage costs those that it hits and no others. */
export function scanFrames(bytes: Buffer): Scan {
  const frames: Frame[] = [];
  const links: LinkFrame[] = [];
  const damaged: { from: number; to: number }[] = [];
  let at = 0;
  while (at < bytes.length) {
    const frame = frameAt(bytes, at);
    const link = frame === undefined ? linkFrameAt(bytes, at) : undefined;
    if (frame !== undefined) frames.push(frame);
    else if (link !== undefined) links.push(link);
    else damaged.push({ from: at, to: nextWhole(bytes, at + 1) });
    at = (frame ?? link ?? damaged.at(-1))?.to ?? bytes.length;
  }
  return { frames, links, damaged };
}

/** Records and links in the order in which they lie. */
export function framesInOrder({ frames, links }: Scan): readonly (Frame | LinkFrame)[] {
  if (links.length === 0) return frames;
  return [...frames, ...links].sort((a, b) => a.from - b.from);
}
