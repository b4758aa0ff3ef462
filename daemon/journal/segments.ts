import type { Disk } from '../../platform/disk.js';
import { type Frame, framesInOrder, type LinkFrame, scanFrames } from '../../protocol/journal/frame.js';
import {
  epochBase,
  linkOf,
  nextHead,
  type Outline,
  outlineOf,
  parseRecord,
  startFacts,
} from '../../protocol/journal/record.js';
import type { BatchEntry, TapId } from '../../protocol/wire/messages.js';

/** A segment closes at this many records. */
export const RECORDS_A_SEGMENT = 256;

/** One file of the journal. Its name says its epoch, its place among that epoch's files, and its first record. */
export interface Segment {
  readonly name: string;
  readonly epoch: number;
  readonly ordinal: number;
  readonly first: number;
}

/** A record, or what is left of a dropped one, as it lies in a segment. */
export interface StoredRecord {
  readonly seq: number;
  /** Its bytes, or its link. */
  readonly entry: BatchEntry;
  /** The chain's head before and after it. */
  readonly previous: Buffer;
  readonly head: Buffer;
}

const NAME = /^(\d{8})-(\d{6})-(\d{10})\.cpj$/;

export function segmentName(epoch: number, ordinal: number, first: number): string {
  const digits = (value: number, width: number) => String(value).padStart(width, '0');
  return `${digits(epoch, 8)}-${digits(ordinal, 6)}-${digits(first, 10)}.cpj`;
}

/** The segments in a folder, oldest first; other files are left alone. */
export function segmentsIn(names: readonly string[]): Segment[] {
  const segments: Segment[] = [];
  for (const name of [...names].sort()) {
    const match = NAME.exec(name);
    if (match === null) continue;
    segments.push({ name, epoch: Number(match[1]), ordinal: Number(match[2]), first: Number(match[3]) });
  }
  return segments;
}

/**
 * The records of a segment that are whole and in their place, with links where they were dropped. Damage costs the
 * records that it hits and no others: a reader sees it as numbers that are missing, and an altered record as one whose
 * head is not the next one's `previous`.
 */
export async function readSegment(disk: Disk, segment: Segment): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const frame of framesInOrder(scanFrames(await disk.read(segment.name)))) {
    const stored = 'link' in frame ? storedLink(frame, segment) : storedRecord(frame, segment);
    if (stored !== undefined && stored.seq > (records.at(-1)?.seq ?? 0)) records.push(stored);
  }
  return records;
}

function storedRecord({ previous, body }: Frame, { epoch, first }: Segment): StoredRecord | undefined {
  const parsed = parseRecord(body);
  if (!parsed.ok || parsed.value.epoch !== epoch || parsed.value.seq < first) return undefined;
  const start = startFacts(parsed.value);
  if (start !== undefined && !epochBase(epoch, start).equals(previous)) return undefined;
  const head = nextHead(previous, linkOf(parsed.value, body));
  return { seq: parsed.value.seq, entry: body, previous, head };
}

function storedLink({ previous, link }: LinkFrame, { epoch, first }: Segment): StoredRecord | undefined {
  if (link.epoch !== epoch || link.seq < first) return undefined;
  const entry = { class: link.class, digest: Buffer.from(link.digest) };
  return { seq: link.seq, entry, previous, head: nextHead(previous, link) };
}

/** The beginnings of a segment's records, in order. Unlike `readSegment` it proves nothing. */
export async function outlinesIn(disk: Disk, { name, epoch, first }: Segment): Promise<Outline[]> {
  return scanFrames(await disk.read(name)).frames.flatMap(({ body }) => {
    const outline = outlineOf(body);
    return outline?.epoch === epoch && outline.seq >= first ? [outline] : [];
  });
}

/**
 * The record with the highest number before another: what `readSegment` would give last, without reading all.
 * @param endBefore numbers from here on lie in the next file
 */
export async function lastRecord(
  disk: Disk,
  segment: Segment,
  endBefore: number,
): Promise<StoredRecord | undefined> {
  let last: Frame | LinkFrame | undefined;
  let highest = 0;
  for (const frame of framesInOrder(scanFrames(await disk.read(segment.name)))) {
    const place = 'link' in frame ? frame.link : outlineOf(frame.body);
    if (place === undefined || place.epoch !== segment.epoch || place.seq < segment.first) continue;
    if (place.seq <= highest || place.seq >= endBefore) continue;
    highest = place.seq;
    last = frame;
  }
  if (last === undefined) return undefined;
  const stored = 'link' in last ? storedLink(last, segment) : storedRecord(last, segment);
  // What begins like a record and is none was written by somebody else: then each one is looked at.
  return stored ?? (await readSegment(disk, segment)).findLast(({ seq }) => seq < endBefore);
}

/** As many records from the first one on as follow one another without a gap and with an unbroken chain. */
export function unbroken(records: readonly StoredRecord[]): readonly StoredRecord[] {
  const end = records.findIndex((record, index) => {
    const before = records[index - 1];
    return before !== undefined && (record.seq !== before.seq + 1 || !before.head.equals(record.previous));
  });
  return end === -1 ? records : records.slice(0, end);
}

/** Where the next file of the same epoch takes over: what a failed flush left behind that point is not counted. */
export function endIn(segments: readonly Segment[], index: number): number | undefined {
  const next = segments[index + 1];
  return next !== undefined && next.epoch === segments[index]?.epoch ? next.first : undefined;
}

/** How many segments, from the oldest on, lie wholly before a place or end with it. */
export function acknowledgedSegments(segments: readonly Segment[], place: TapId): number {
  const open = segments.findIndex((_, index) => {
    const next = segments[index + 1];
    if (next === undefined) return true;
    return next.epoch > place.epoch || (next.epoch === place.epoch && next.first > place.seq + 1);
  });
  return Math.max(0, open);
}
