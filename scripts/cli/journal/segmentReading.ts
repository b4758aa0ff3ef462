import { open } from 'node:fs/promises';
import { type LedgerPart, readLedger } from '../../../central/ledger/ledgerFile.js';
import { endIn, type Segment } from '../../../daemon/journal/segments.js';
import { FRAME_HEADER_BYTES, isFrameBeginning } from '../../../protocol/journal/frame.js';
import { outlineOf } from '../../../protocol/journal/record.js';
import { bytesOf, type GateFolder, segmentError, segmentPath } from './gateFolder.js';

/** A stretch of one of the journal's files. */
export interface JournalPart {
  readonly segment: Segment;
  readonly part: LedgerPart;
}

/** Its number, where it has one. */
const seqOf = (part: LedgerPart): number | undefined =>
  part.kind === 'damage'
    ? undefined
    : part.kind === 'link'
      ? part.frame.link.seq
      : outlineOf(part.frame.body)?.seq;

/**
 * All records of a journal in order, in windows, so that its size is no matter; a daemon may be appending to it.
 * @param onSegment told before each file how many came before it
 * @param onGone told of a file that was removed since the list was made
 * @throws CardpadError `journal.unreadable` (retry)
 */
export async function* readJournal(
  folder: GateFolder,
  segments: readonly Segment[],
  onSegment: (before: number) => void,
  onGone: (segment: Segment) => void = () => {},
): AsyncGenerator<JournalPart> {
  for (const [at, segment] of segments.entries()) {
    onSegment(at);
    const path = segmentPath(folder, segment);
    const endBefore = endIn(segments, at) ?? Number.POSITIVE_INFINITY;
    let isEmpty = true;
    try {
      for await (const part of readLedger(path)) {
        isEmpty = false;
        if ((seqOf(part) ?? 0) < endBefore) yield { segment, part };
      }
    } catch (thrown) {
      throw segmentError(folder, segment, thrown);
    }
    if (isEmpty && (await bytesOf(path)) === undefined) onGone(segment);
  }
}

/**
 * Whether damage at the end of a file is what a power cut leaves, or an append that is under way: the beginning of a
 * frame, or a file that was made longer and never filled.
 */
export async function isTornTail(
  folder: GateFolder,
  segment: Segment,
  { from, to }: LedgerPart,
): Promise<boolean> {
  const handle = await open(segmentPath(folder, segment), 'r');
  try {
    const head = Buffer.alloc(Math.min(FRAME_HEADER_BYTES, to - from));
    await handle.read(head, 0, head.length, from);
    const last = Buffer.alloc(1, 1);
    await handle.read(last, 0, 1, to - 1);
    // A record ends with a bracket.
    return isFrameBeginning(head, to - from) || last[0] === 0;
  } finally {
    await handle.close();
  }
}
