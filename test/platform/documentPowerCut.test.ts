import t from 'tap';
import * as v from 'valibot';
import { openDocument } from '../../platform/document.js';
import type { FileSteps } from '../../platform/fileSteps.js';
import { PowerCutFiles } from '../support/powerCutFiles.js';

const Schema = v.strictObject({ count: v.number(), pad: v.string() });
/** Longer than the one before it each time, so that half of one is not the other. */
const documentOf = (count: number) => ({ count, pad: 'x'.repeat(40 * count) });
const WRITES = 4;

const openOn = (files: FileSteps) =>
  openDocument('/folder/doc.json', Schema, documentOf(0), 0o600, () => {}, files);

interface Written {
  readonly files: PowerCutFiles;
  /** For each instant, how many writes had ended and how many had begun. */
  readonly spans: readonly { readonly instant: number; readonly ended: number; readonly begun: number }[];
}

/** A document is written a few times; `through` may spoil the steps on their way to the disk. */
async function written(through: (files: FileSteps) => FileSteps = (files) => files): Promise<Written> {
  const files = new PowerCutFiles();
  const document = await openOn(through(files));
  const spans: { instant: number; ended: number; begun: number }[] = [];
  for (let count = 1; count <= WRITES; count++) {
    const from = files.instants;
    document.data = documentOf(count);
    await document.write();
    // The last instant of a write is the first after which it counts.
    for (let at = from; at < files.instants - 1; at++)
      spans.push({ instant: at, ended: count - 1, begun: count });
    spans.push({ instant: files.instants - 1, ended: count, begun: count });
  }
  return { files, spans };
}

const described = (folder: ReadonlyMap<string, Buffer>) =>
  [...folder].map(([name, bytes]) => `${name}:${bytes.length}`).join(' ');

/** Every folder that a power cut may leave and that does not hold the old document or the new one. */
async function neither({
  files,
  spans,
}: Written): Promise<{ readonly bad: string[]; readonly tried: number }> {
  const bad: string[] = [];
  let tried = 0;
  for (const { instant, ended, begun } of spans) {
    for (const folder of files.afterCut(instant)) {
      tried += 1;
      const found = await openOn(new PowerCutFiles(folder)).catch(() => undefined);
      const count = found?.data.count;
      if (count !== ended && count !== begun)
        bad.push(`instant ${instant}: ${count} of ${described(folder)}`);
    }
  }
  return { bad, tried };
}

t.test(
  'a power cut at any instant of a write leaves the old document or the new, never neither',
  async (t) => {
    const run = await written();
    const { bad, tried } = await neither(run);
    t.same(bad, []);
    t.ok(tried > 300, `${tried} folders after ${run.spans.length} instants`);
  },
);

t.test('a write that has ended is on the disk', async (t) => {
  const { files, spans } = await written();
  for (const { instant, ended } of spans.filter((span) => span.ended === span.begun)) {
    for (const folder of files.afterCut(instant))
      t.equal((await openOn(new PowerCutFiles(folder))).data.count, ended);
  }
});

t.test('at every instant after the second write, a document that rots has its last good copy', async (t) => {
  const { files, spans } = await written();
  for (const { instant, ended, begun } of spans.filter(({ ended }) => ended >= 2)) {
    for (const folder of files.afterCut(instant)) {
      folder.set('doc.json', Buffer.from('{"count":'));
      const { count } = (await openOn(new PowerCutFiles(folder))).data;
      if (count < ended - 1 || count > begun)
        t.fail(`instant ${instant}: ${count}`, { folder: described(folder) });
    }
  }
});

t.test('what a power cut has left is written on, and cut again', async (t) => {
  const { files, spans } = await written();
  const last = spans.filter(({ begun }) => begun === WRITES);
  let tried = 0;
  for (const { instant } of last) {
    for (const folder of files.afterCut(instant)) {
      const again = new PowerCutFiles(folder);
      const document = await openOn(again);
      const before = document.data.count;
      document.data = documentOf(WRITES + 1);
      const from = again.instants;
      await document.write();
      for (let at = from; at < again.instants; at++) {
        for (const cutTwice of again.afterCut(at)) {
          tried += 1;
          const { count } = (await openOn(new PowerCutFiles(cutTwice))).data;
          if (count !== before && count !== WRITES + 1) t.fail(`${count} after two cuts`, { before });
        }
      }
    }
  }
  t.ok(tried > 1_000, `${tried} folders`);
});

t.test('a step that fails leaves the old document, and the next write goes through', async (t) => {
  const counted = (await written()).files.steps.length;
  for (const code of ['ENOSPC', 'EIO']) {
    for (let step = 0; step < counted; step++) {
      const files = new PowerCutFiles();
      files.fail = (at) => (at === step ? code : undefined);
      const document = await openOn(files);
      for (let count = 1; count <= WRITES; count++) {
        document.data = documentOf(count);
        const isWritten = await document.write().then(
          () => true,
          () => false,
        );
        const found = (await openOn(files)).data.count;
        // The folder's flush comes last: what fails there may be on the disk.
        if (isWritten ? found !== count : found !== count && found !== count - 1)
          t.fail(`${code} at step ${step}: ${found} after write ${count}`);
      }
      document.data = documentOf(WRITES + 1);
      await document.write();
      t.equal((await openOn(files)).data.count, WRITES + 1, `${code} at step ${step}`);
    }
  }
});

/** Ways to write that look the same until the power goes: the search above must find each of them. */
const SPOILED: readonly (readonly [string, (files: FileSteps) => FileSteps])[] = [
  [
    'without flushing the file',
    (files) => ({
      read: (path) => files.read(path),
      create: async (path, mode) => ({ ...(await files.create(path, mode)), datasync: async () => {} }),
      rename: (from, to) => files.rename(from, to),
      unlink: (path) => files.unlink(path),
      syncFolder: (folder) => files.syncFolder(folder),
    }),
  ],
  [
    'without flushing the folder',
    (files) => ({
      read: (path) => files.read(path),
      create: (path, mode) => files.create(path, mode),
      rename: (from, to) => files.rename(from, to),
      unlink: (path) => files.unlink(path),
      syncFolder: async () => {},
    }),
  ],
  [
    'over the old file',
    (files) => ({
      read: (path) => files.read(path),
      create: (path, mode) =>
        files.create(path.replace(/\.(doc\.json(?:\.bak)?)\.[0-9a-f]+\.tmp$/, '$1'), mode),
      rename: async () => {},
      unlink: (path) => files.unlink(path),
      syncFolder: (folder) => files.syncFolder(folder),
    }),
  ],
];

for (const [how, through] of SPOILED) {
  t.test(`the search finds what goes wrong ${how}`, async (t) => {
    const run = await written(through);
    const { bad } = await neither(run);
    const { files, spans } = run;
    const late: number[] = [];
    for (const { instant, ended } of spans.filter((span) => span.ended === span.begun)) {
      for (const folder of files.afterCut(instant)) {
        const found = await openOn(new PowerCutFiles(folder)).catch(() => undefined);
        if (found?.data.count !== ended) late.push(instant);
      }
    }
    t.ok(bad.length + late.length > 0, `${bad.length} that hold neither, ${late.length} that came too late`);
  });
}
