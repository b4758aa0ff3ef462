import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from '../../platform/files.js';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import {
  FRAME_HEADER_BYTES,
  type Frame,
  framesInOrder,
  type LinkFrame,
  MAX_RECORD_BYTES,
  type Scan,
  scanFrames,
} from '../../protocol/journal/frame.js';

const WINDOW_BYTES = 1024 * 1024;
const MAX_FRAME_BYTES = FRAME_HEADER_BYTES + MAX_RECORD_BYTES;

/**
 * A stretch of a ledger file: a whole frame of a record or of what is left of a dropped one, or bytes that hold none.
 * Offsets count from the file's start.
 */
export type LedgerPart =
  | { readonly kind: 'frame'; readonly from: number; readonly to: number; readonly frame: Frame }
  | { readonly kind: 'link'; readonly from: number; readonly to: number; readonly frame: LinkFrame }
  | { readonly kind: 'damage'; readonly from: number; readonly to: number };

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (thrown) {
    if (codeOf(thrown) === 'ENOENT') return undefined;
    throw thrown;
  }
}

/**
 * Reads a file of frames in windows, so that its size is no matter; another process may be appending to it. A torn tail
 * comes last, as damage that reaches the end. A missing file holds nothing.
 * @param fromByte where to begin: 0, or where a frame ended
 */
export async function* readLedger(path: string, fromByte = 0): AsyncGenerator<LedgerPart> {
  const handle = await openIfThere(path);
  if (handle === undefined) return;
  try {
    yield* readWindows(handle, fromByte);
  } finally {
    await handle.close();
  }
}

async function* readWindows(handle: FileHandle, fromByte: number): AsyncGenerator<LedgerPart> {
  let base = fromByte;
  let rest: Buffer = Buffer.alloc(0);
  for (;;) {
    const window = Buffer.allocUnsafe(WINDOW_BYTES);
    const { bytesRead } = await handle.read(window, 0, WINDOW_BYTES, base + rest.length);
    const bytes = Buffer.concat([rest, window.subarray(0, bytesRead)]);
    const scan = scanFrames(bytes);
    const tail = scan.damaged.at(-1);
    const isOpen = bytesRead > 0 && tail?.to === bytes.length;
    // A frame that the next window completes looks torn in this one.
    const kept = isOpen ? Math.max(tail.from, bytes.length - MAX_FRAME_BYTES) : bytes.length;
    yield* inOrder(base, kept, scan);
    if (bytesRead === 0) return;
    rest = bytes.subarray(kept);
    base += kept;
  }
}

function inOrder(base: number, kept: number, scan: Scan): LedgerPart[] {
  const { damaged } = scan;
  const parts = framesInOrder(scan).map((frame): LedgerPart => {
    const at = { from: base + frame.from, to: base + frame.to };
    return 'link' in frame ? { kind: 'link', ...at, frame } : { kind: 'frame', ...at, frame };
  });
  for (const { from, to } of damaged) {
    if (from < kept) parts.push({ kind: 'damage', from: base + from, to: base + Math.min(to, kept) });
  }
  return damaged.length === 0 ? parts : parts.sort((a, b) => a.from - b.from);
}

/** Appends at a known length and flushes once; what tests replace to make a disk fail. */
export type Append = (path: string, atByte: number, bytes: Uint8Array) => Promise<void>;

/**
 * @throws CardpadError `ledger.moved` (retry) when the file is not as long as this process left it: another one writes
 *   here too. Any error of the disk. In either case nothing was stored that counts.
 */
export const appendDurable: Append = async (path, atByte, bytes) => {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const { size } = await handle.stat();
    if (size !== atByte)
      throw new CardpadError('ledger.moved', 'retry', `${path} has ${size} bytes, not ${atByte}`);
    for (let written = 0; written < bytes.length; ) {
      const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, atByte + written);
      written += bytesWritten;
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
  if (atByte === 0) await syncFolder(dirname(path));
};

/** Cuts a file to a length, durably. */
export async function cutTo(path: string, bytes: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.truncate(bytes);
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

const FILE_NAME = /^([a-z0-9][a-z0-9-]{0,62})(?:\.fork-([1-9]\d{0,3}))?\.cpj$/;

/** `gz-bus-a1.cpj`, or `gz-bus-a1.fork-2.cpj` for its second other history. */
export const ledgerFileName = (device: string, fork: number): string =>
  fork === 0 ? `${device}.cpj` : `${device}.fork-${fork}.cpj`;

export interface LedgerFileName {
  readonly name: string;
  readonly device: string;
  /** 0 for the main line. */
  readonly fork: number;
}

/** The ledger files among the names of a folder, by device, main line first. */
export function ledgerFiles(names: readonly string[]): LedgerFileName[] {
  const found = names.flatMap((name): LedgerFileName[] => {
    const [, device, fork = '0'] = FILE_NAME.exec(name) ?? [];
    return device === undefined ? [] : [{ name, device, fork: Number(fork) }];
  });
  return found.sort((a, b) => (a.device < b.device ? -1 : a.device > b.device ? 1 : a.fork - b.fork));
}
