import { scanFrames } from '../../../protocol/journal/frame.js';
import { type JournalRecord, parseRecord } from '../../../protocol/journal/record.js';
import type { MemoryDisk } from '../../support/memoryDisk.js';

/** A record as bytes and as what it says. */
export interface StoredBody {
  readonly body: Buffer;
  readonly record: JournalRecord;
}

export function recordsIn(bytes: Buffer): StoredBody[] {
  return scanFrames(bytes).frames.flatMap(({ body }) => {
    const parsed = parseRecord(body);
    return parsed.ok ? [{ body, record: parsed.value }] : [];
  });
}

const segmentNames = ({ names }: MemoryDisk): string[] => names.filter((name) => name.endsWith('.cpj'));

/** The epoch that is being written; 0 on an empty disk. */
export const newestEpoch = (disk: MemoryDisk): number => Number(segmentNames(disk).at(-1)?.slice(0, 8) ?? 0);

const ENOUGH_TAPS = 24;

/** The last taps that a power cut right now would leave, and the epoch that is being written. */
export function newestDurableTaps(disk: MemoryDisk): { epoch: number; durableTaps: string[] } {
  const taps: string[] = [];
  for (const name of segmentNames(disk).reverse()) {
    const records = recordsIn(disk.files.get(name)?.durable ?? Buffer.alloc(0));
    taps.push(
      ...records
        .filter(({ record }) => record.kind === 'tap')
        .map(({ record }) => `${record.epoch}/${record.seq}`),
    );
    if (taps.length >= ENOUGH_TAPS) break;
  }
  return { epoch: newestEpoch(disk), durableTaps: taps };
}

/** Everything on a disk, by `epoch/seq`, in order; of a number that stands in two files the later file counts. */
export function recordsOn(disk: MemoryDisk): Map<string, StoredBody> {
  const found = new Map<string, StoredBody>();
  for (const name of segmentNames(disk)) {
    const epoch = Number(name.slice(0, 8));
    const first = Number(name.slice(16, 26));
    // A file that was given up may hold more than counts: the next one says from where it goes on.
    for (const [key, { record }] of found)
      if (record.epoch === epoch && record.seq >= first) found.delete(key);
    for (const stored of recordsIn(disk.files.get(name)?.durable ?? Buffer.alloc(0))) {
      found.set(`${stored.record.epoch}/${stored.record.seq}`, stored);
    }
  }
  return found;
}
