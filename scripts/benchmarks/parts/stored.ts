import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scanFrames } from '../../../protocol/journal/frame.js';

/** What lies in the folder of a journal: records, and all the bytes that they take. */
export async function storedIn(
  folder: string,
): Promise<{ readonly bytes: number; readonly records: number }> {
  let [bytes, records] = [0, 0];
  for (const name of await readdir(folder)) {
    const file = await readFile(join(folder, name));
    bytes += file.length;
    records += scanFrames(file).frames.length;
  }
  return { bytes, records };
}
