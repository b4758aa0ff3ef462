import type { Disk } from '../../platform/disk.js';
import { scanFrames } from '../../protocol/journal/frame.js';
import { parseRecord } from '../../protocol/journal/record.js';
import { segmentsIn } from './segments.js';

/** Starts that never met central leave segments without a certain time: so many are looked through. */
const SEGMENTS_SEARCHED = 6;

/**
 * When the newest record whose time was certain was written, in milliseconds since 1970.
 * @throws any error of the disk
 */
export async function newestTrustedMs(disk: Disk): Promise<number | undefined> {
  const newest = segmentsIn(await disk.list())
    .slice(-SEGMENTS_SEARCHED)
    .reverse();
  for (const { name } of newest) {
    // One that cannot be read is told of where the journal begins.
    const bytes = await disk.read(name).catch(() => Buffer.alloc(0));
    const { frames } = scanFrames(bytes);
    for (const { body } of [...frames].reverse()) {
      const parsed = parseRecord(body);
      if (parsed.ok && parsed.value.trusted) return parsed.value.wallMs;
    }
  }
  return undefined;
}
