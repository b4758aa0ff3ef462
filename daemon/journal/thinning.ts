import {
  encodeLinkFrame,
  type Frame,
  framesInOrder,
  type LinkFrame,
  scanFrames,
} from '../../protocol/journal/frame.js';
import { outlineOf } from '../../protocol/journal/record.js';
import { sm3 } from '../../protocol/sm/sm3.js';
import type { SegmentFacts } from './room.js';
import type { Segment } from './segments.js';

/** What counts of a segment's file: what a failed flush left behind `endBefore` lies in the next file as well. */
export type SegmentRange = Pick<Segment, 'epoch' | 'first'> & { readonly endBefore: number };

/** A digest takes a while on a board: after so many, others have their turn. */
const DIGESTS_AT_ONCE = 32;

type Place = { readonly epoch: number; readonly seq: number; readonly class: number };

function countsIn({ epoch, seq }: Place, range: SegmentRange): boolean {
  return epoch === range.epoch && seq >= range.first && seq < range.endBefore;
}

/** What a segment's bytes hold. */
export function factsOf(bytes: Buffer, range: SegmentRange): Omit<SegmentFacts, 'acknowledged'> {
  const counts: number[] = [];
  for (const { body } of scanFrames(bytes).frames) {
    const outline = outlineOf(body);
    if (outline === undefined || !countsIn(outline, range)) continue;
    counts[outline.class] = (counts[outline.class] ?? 0) + 1;
  }
  return { bytes: bytes.length, counts: Array.from(counts, (count = 0) => count) };
}

export interface Thinned {
  readonly bytes: Buffer;
  /** The first and the last record that went, and how many; undefined where there was none of that class. */
  readonly dropped: { readonly first: number; readonly last: number; readonly count: number } | undefined;
}

/**
 * A segment's bytes with the records of one class replaced by their links; all else, damage too, stays as it is.
 * @param breathe called now and then: whoever waits for it lets others have their turn
 */
export async function thinned(
  bytes: Buffer,
  range: SegmentRange,
  value: number,
  breathe: () => Promise<void>,
): Promise<Thinned> {
  const parts: Buffer[] = [];
  const gone: number[] = [];
  let copiedTo = 0;
  for (const frame of framesInOrder(scanFrames(bytes))) {
    const link = linkFor(frame, range, value);
    if (link === undefined) continue;
    parts.push(bytes.subarray(copiedTo, frame.from), encodeLinkFrame(frame.previous, link));
    copiedTo = frame.to;
    gone.push(link.seq);
    if (gone.length % DIGESTS_AT_ONCE === 0) await breathe();
  }
  const [first] = gone;
  const last = gone.at(-1);
  const dropped = first === undefined || last === undefined ? undefined : { first, last, count: gone.length };
  return { bytes: Buffer.concat([...parts, bytes.subarray(copiedTo)]), dropped };
}

function linkFor(frame: Frame | LinkFrame, range: SegmentRange, value: number) {
  if ('link' in frame) return undefined;
  const outline = outlineOf(frame.body);
  if (outline === undefined || outline.class !== value || !countsIn(outline, range)) return undefined;
  const { epoch, seq } = outline;
  return { epoch, seq, class: value, digest: sm3(frame.body) };
}
