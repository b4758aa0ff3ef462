import type { Disk } from '../../platform/disk.js';
import { scanFrames } from '../../protocol/journal/frame.js';
import { epochBase, linkOf, nextHead, parseRecord, startFacts } from '../../protocol/journal/record.js';

/** One file of the journal. Its name says its epoch, its place among that epoch's files, and its first record. */
export interface Segment {
  readonly name: string;
  readonly epoch: number;
  readonly ordinal: number;
  readonly first: number;
}

/** A record as it lies in a segment, proved to follow the one before it. */
export interface StoredRecord {
  readonly seq: number;
  readonly body: Buffer;
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
 * The records of a segment, up to the first that is torn, altered or out of its place: what stands behind such a
 * record was never promised to anybody as durable.
 */
export async function readSegment(disk: Disk, segment: Segment): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const { previous, body } of scanFrames(await disk.read(segment.name)).frames) {
    const parsed = parseRecord(body);
    const before = records.at(-1);
    if (!parsed.ok || parsed.value.epoch !== segment.epoch) break;
    if (parsed.value.seq !== (before === undefined ? segment.first : before.seq + 1)) break;
    if (before !== undefined && !before.head.equals(previous)) break;
    const start = startFacts(parsed.value);
    if (start !== undefined && !epochBase(segment.epoch, start).equals(previous)) break;
    const head = nextHead(previous, linkOf(parsed.value, body));
    records.push({ seq: parsed.value.seq, body, previous, head });
  }
  return records;
}
