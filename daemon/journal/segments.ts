import type { Disk } from '../../platform/disk.js';
import { scanFrames } from '../../protocol/journal/frame.js';
import { epochBase, linkOf, nextHead, parseRecord, startFacts } from '../../protocol/journal/record.js';

/** A segment closes at this many records. */
export const RECORDS_A_SEGMENT = 256;

/** One file of the journal. Its name says its epoch, its place among that epoch's files, and its first record. */
export interface Segment {
  readonly name: string;
  readonly epoch: number;
  readonly ordinal: number;
  readonly first: number;
}

/** A record as it lies in a segment. */
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
 * The records of a segment that are whole and in their place. Damage costs the records that it hits and no others: a
 * reader sees it as numbers that are missing, and an altered record as one whose head is not the next one's `previous`.
 */
export async function readSegment(disk: Disk, segment: Segment): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for (const { previous, body } of scanFrames(await disk.read(segment.name)).frames) {
    const parsed = parseRecord(body);
    if (!parsed.ok || parsed.value.epoch !== segment.epoch) continue;
    const { seq } = parsed.value;
    if (seq < segment.first || seq <= (records.at(-1)?.seq ?? 0)) continue;
    const start = startFacts(parsed.value);
    if (start !== undefined && !epochBase(segment.epoch, start).equals(previous)) continue;
    records.push({ seq, body, previous, head: nextHead(previous, linkOf(parsed.value, body)) });
  }
  return records;
}

/** As many records from the first one on as follow one another without a gap and with an unbroken chain. */
export function unbroken(records: readonly StoredRecord[]): readonly StoredRecord[] {
  const end = records.findIndex((record, index) => {
    const before = records[index - 1];
    return before !== undefined && (record.seq !== before.seq + 1 || !before.head.equals(record.previous));
  });
  return end === -1 ? records : records.slice(0, end);
}
