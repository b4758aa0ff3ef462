import t from 'tap';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { settle } from '../../support/waiting.js';
import { drain, openOn, tap, verdictOn, Watched } from './bench.js';

const WITHIN_MS = 2_000;

/** A journal with one tap on disk and its verdict, whose flush waits. */
async function openWithVerdict(disk = new MemoryDisk()) {
  const opened = await openOn(disk);
  const { journal } = opened;
  const { id, durable } = journal.append(tap);
  await durable;
  const before = disk.counts.sync;
  const verdict = journal.append(verdictOn(id), 'later');
  const watched = new Watched(verdict.durable);
  await settle();
  return { ...opened, disk, id, watched, flushes: () => disk.counts.sync - before };
}

const kindsOn = async (disk: MemoryDisk) =>
  (await drain((await openOn(disk)).journal)).names.filter((name) => name.startsWith('1/'));

t.test('a verdict is written at once, and flushed with the next tap', async (t) => {
  const { journal, disk, watched, flushes } = await openWithVerdict();
  t.equal(flushes(), 0);
  t.equal(watched.state, 'pending');
  t.equal(await journal.batchAfter({ epoch: 1, seq: 3 }, 9_999, 9), undefined, 'nor is it sent before');
  await journal.append(tap).durable;
  t.equal(watched.state, 'done');
  t.equal(flushes(), 1, 'one for both');
  t.same(await kindsOn(disk.cut()), ['1/1 start', '1/2 key', '1/3 tap', '1/4 verdict', '1/5 tap']);
});

t.test('without a next tap it is flushed by itself after two seconds', async (t) => {
  const { clock, watched, flushes } = await openWithVerdict();
  clock.advance(WITHIN_MS - 1);
  await settle();
  t.equal(flushes(), 0);
  clock.advance(1);
  await settle();
  t.equal(flushes(), 1);
  t.equal(watched.state, 'done');
  clock.advance(10 * WITHIN_MS);
  await settle();
  t.equal(flushes(), 1, 'and once');
});

t.test('a daemon that is killed meanwhile loses nothing, a power cut the verdict alone', async (t) => {
  const { disk } = await openWithVerdict();
  t.same(await kindsOn(disk.cut('kept')), ['1/1 start', '1/2 key', '1/3 tap', '1/4 verdict']);
  const after = await openOn(disk.cut('lost'));
  t.same(after.journal.unanswered, [{ epoch: 1, seq: 3 }]);
});

t.test('a start makes durable what the one before it had only written', async (t) => {
  const { disk } = await openWithVerdict();
  // Killed; and the power goes right after the next start.
  await openOn(disk);
  t.same((await drain((await openOn(disk.cut('lost'))).journal)).names.slice(0, 5), [
    '1/1 start',
    '1/2 key',
    '1/3 tap',
    '1/4 verdict',
    '2/1 start',
  ]);
});

for (const [name, end] of [
  ['a stop', 'close'],
  ['a look for peace', 'idle'],
] as const) {
  t.test(`${name} flushes what waits`, async (t) => {
    const { journal, watched, flushes } = await openWithVerdict();
    await journal[end]();
    t.equal(flushes(), 1);
    t.equal(watched.state, 'done');
    await journal.close();
  });
}

t.test('a look for peace also flushes what came while a flush was under way', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  disk.holdSyncs();
  const { id } = journal.append(tap);
  await settle();
  const late = new Watched(journal.append(verdictOn(id), 'later').durable);
  const idle = journal.idle();
  await settle();
  disk.releaseSyncs();
  await idle;
  t.equal(late.state, 'done');
  await journal.close();
});

t.test('a start and its first record key take one flush', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  t.equal(disk.counts.sync, 1);
  t.same((await drain(journal)).names, ['1/1 start', '1/2 key']);
});

t.test('a new segment begins when the one before it is flushed', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  for (let visit = 0; visit < 140; visit++) {
    const { id, durable } = journal.append(tap);
    await durable;
    journal.append(verdictOn(id), 'later');
    await settle();
  }
  t.equal(disk.names.length, 2);
  const [first = ''] = disk.names;
  t.ok(disk.files.get(first)?.durable?.equals(disk.bytesOf(first)));
  // One a visit; the start, its key, the segment that closed.
  t.ok(disk.counts.sync <= 140 + 3, `${disk.counts.sync} flushes`);
  await journal.close();
});

t.test('so many may wait and no more', async (t) => {
  const { journal, id, flushes } = await openWithVerdict();
  for (let count = 1; count < 64; count++) journal.append(verdictOn(id), 'later');
  await settle();
  t.equal(flushes(), 1);
  await journal.close();
});

t.test('a flush that fails costs what waited nothing: it is written once more, to a new file', async (t) => {
  const { journal, disk, clock, watched, failing } = await openWithVerdict();
  disk.fail = (operation) => (operation === 'sync' ? 'EIO' : undefined);
  const next = new Watched(journal.append(tap).durable);
  await settle();
  t.same([watched.state, next.state], ['journal.write', 'journal.write']);
  t.same(failing, [true]);
  disk.fail = () => undefined;
  clock.advance(1_000);
  await settle();
  t.same(failing, [true, false]);
  await journal.close();
  t.same(await kindsOn(disk.cut('lost')), ['1/1 start', '1/2 key', '1/3 tap', '1/4 verdict', '1/5 tap']);
});
