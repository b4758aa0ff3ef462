import { mkdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as v from 'valibot';
import { openDocument } from '../../../platform/document.js';
import { messageOf } from '../../../protocol/errors.js';
import type { DiskImage } from './images.js';
import { DiskTrace, type Note } from './trace.js';

const NAME = 'document.json';
const Schema = v.strictObject({ count: v.number(), filler: v.string() });
const WRITES = 6;

/** `begun`: this count is on its way; `written`: its write has resolved. */
export interface DocumentNote {
  readonly kind: 'begun' | 'written';
  readonly count: number;
}

/** Writes a document several times; in between a flush fails, and a rename. */
export async function traceDocument(folder: string): Promise<DiskTrace<DocumentNote>> {
  const trace = new DiskTrace<DocumentNote>(folder);
  trace.start();
  try {
    const document = await openDocument(join(folder, NAME), Schema, { count: 0, filler: '' });
    for (let count = 1; count <= WRITES; count++) {
      let left = 1;
      const failing = count === 3 ? 'sync-file' : count === 5 ? 'rename' : undefined;
      trace.fail = ({ kind }) => (kind === failing && left-- > 0 ? 'EIO' : undefined);
      document.data = { count, filler: 'x'.repeat(300 * count) };
      trace.note({ kind: 'begun', count });
      await document.write().then(
        () => trace.note({ kind: 'written', count }),
        () => {},
      );
    }
    return trace;
  } finally {
    trace.stop();
  }
}

/** @param folder a folder in which the image may be laid out */
export async function documentFaults(
  { step, files }: DiskImage,
  notes: readonly Note<DocumentNote>[],
  folder: string,
): Promise<{ readonly faults: readonly string[]; readonly gaps: number }> {
  const none = { faults: [], gaps: 0 };
  const fault = (what: string) => ({ faults: [what], gaps: 0 });
  const said = notes.filter((note) => note.step <= step).map(({ what }) => what);
  const newest = (kind: DocumentNote['kind']) => said.findLast((note) => note.kind === kind)?.count ?? 0;
  await mkdir(folder, { recursive: true });
  try {
    for (const [path, bytes] of files) await writeFile(join(folder, basename(path)), bytes);
    const { data } = await openDocument(join(folder, NAME), Schema, { count: 0, filler: '' });
    if (data.count < newest('written'))
      return fault(`count ${data.count}, and ${newest('written')} was written`);
    return data.count > newest('begun') ? fault(`count ${data.count} was never written`) : none;
  } catch (thrown) {
    return fault(`cannot be read: ${messageOf(thrown)}`);
  } finally {
    await rm(folder, { recursive: true });
  }
}
