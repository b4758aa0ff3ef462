import t from 'tap';
import type { Journal } from '../../../daemon/journal/journal.js';
import { ManualClock } from '../../../platform/clock.js';
import { FRAME_HEADER_BYTES, scanFrames } from '../../../protocol/journal/frame.js';
import { parseRecord } from '../../../protocol/journal/record.js';
import type { BatchEntry } from '../../../protocol/wire/messages.js';
import type { Place } from '../../../protocol/wire/session.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { openOn, tap, verdictOn } from './bench.js';

const LARGE = 1_000_000;
const HOUR_MS = 3_600_000;

/** Numbers of the records in a batch; -1 for what is none. */
const numbers = (records: readonly BatchEntry[]) =>
  records.map((entry) => {
    const parsed = Buffer.isBuffer(entry) ? parseRecord(entry) : { ok: false as const };
    return parsed.ok ? parsed.value.seq : -1;
  });

t.test('a batch holds the next records of one epoch, no more of them than asked for', async (t) => {
  const disk = new MemoryDisk();
  const first = await openOn(disk);
  for (let i = 0; i < 8; i++) first.journal.append(tap);
  await first.journal.close();
  const { journal } = await openOn(disk);

  const batch = async (epoch: number, seq: number, bytes = LARGE, count = 99) => {
    const outgoing = await journal.batchAfter({ epoch, seq }, bytes, count);
    if (outgoing === undefined) return undefined;
    t.equal(outgoing.last.seq, outgoing.batch.first + outgoing.batch.records.length - 1);
    return { epoch: outgoing.batch.epoch, seqs: numbers(outgoing.batch.records) };
  };
  t.same(await batch(0, 0), { epoch: 1, seqs: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
  t.same(await batch(1, 4, LARGE, 3), { epoch: 1, seqs: [5, 6, 7] });
  t.same(await batch(1, 9), { epoch: 1, seqs: [10] });
  t.same(await batch(1, 10), { epoch: 2, seqs: [1, 2] }, 'an epoch that is done leads to the next');
  t.same(await batch(2, 1), { epoch: 2, seqs: [2] });
  t.equal(await batch(2, 2), undefined);
  t.equal(await batch(3, 0), undefined);

  const [one] = (await journal.batchAfter({ epoch: 1, seq: 2 }, LARGE, 1))?.batch.records ?? [];
  const size = Buffer.isBuffer(one) ? one.length : 0;
  t.same(await batch(1, 2, 2 * size, 99), { epoch: 1, seqs: [3, 4] }, 'bounded in bytes');
  t.same(await batch(1, 2, 1, 99), { epoch: 1, seqs: [3] }, 'one record goes whatever its length');
});

t.test('a record that is kept to be sent holds its own frame and no more', async (t) => {
  const { journal } = await openOn(new MemoryDisk());
  await journal.append(tap).durable;
  const outgoing = await journal.batchAfter({ epoch: 0, seq: 0 }, LARGE, 99);
  for (const body of outgoing?.batch.records ?? [])
    t.equal(Buffer.isBuffer(body) && body.buffer.byteLength - body.length, FRAME_HEADER_BYTES);
  t.equal(outgoing?.batch.records.length, 3);
});

t.test('batches follow on across segments', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  for (let i = 0; i < 598; i++) journal.append(tap);
  await journal.idle();
  t.ok(disk.names.length >= 2);
  const seen: number[] = [];
  let at = { epoch: 0, seq: 0 };
  let previous: string | undefined;
  for (;;) {
    const outgoing = await journal.batchAfter(at, LARGE, 64);
    if (outgoing === undefined) break;
    if (previous !== undefined) t.equal(outgoing.batch.previous, previous);
    seen.push(...numbers(outgoing.batch.records));
    ({ head: previous } = outgoing.last);
    at = outgoing.last;
  }
  t.same(
    seen,
    Array.from({ length: journal.newest.seq }, (_, i) => i + 1),
  );
});

t.test(
  'a damaged record costs itself and no other: the batch behind it says that there is a gap',
  async (t) => {
    for (const hit of [1, 3, 9, 10]) {
      const disk = new MemoryDisk();
      const first = await openOn(disk);
      for (let i = 0; i < 8; i++) first.journal.append(tap);
      await first.journal.close();
      const [name = ''] = disk.names;
      const bytes = await disk.read(name);
      const { from = 0, to = 0 } = scanFrames(bytes).frames[hit - 1] ?? {};
      disk.spoil(name, Math.floor((from + to) / 2));
      const { journal } = await openOn(disk);

      const seen: number[] = [];
      const gaps: number[] = [];
      for (let at = { epoch: 0, seq: 0 }; at.epoch < 2; ) {
        const outgoing = await journal.batchAfter(at, LARGE, 64);
        if (outgoing === undefined) break;
        if (outgoing.batch.epoch === 1) seen.push(...numbers(outgoing.batch.records));
        if (outgoing.batch.gap) gaps.push(outgoing.batch.first);
        at = outgoing.last;
      }
      t.same(
        seen,
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].filter((seq) => seq !== hit),
        `record ${hit}`,
      );
      t.same(gaps, hit === 10 ? [] : [hit + 1], `record ${hit}: the gap is named`);
      t.ok(await journal.knows({ epoch: 1, seq: hit === 10 ? 9 : 10, head: (await lastOf(journal)).head }));
    }
  },
);

/** The last place of epoch 1 that can still be read. */
async function lastOf(journal: Journal): Promise<Place> {
  for (let at = { epoch: 0, seq: 0 }, last: Place | undefined; ; ) {
    const outgoing = await journal.batchAfter(at, LARGE, 64);
    if (outgoing === undefined || outgoing.batch.epoch > 1) {
      if (last === undefined) throw new Error('epoch 1 is empty');
      return last;
    }
    last = outgoing.last;
    at = last;
  }
}

t.test('what is written and not yet flushed is not sent', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  await journal.append(tap).durable;
  disk.holdSyncs();
  const waiting = journal.append(tap).durable;
  while (!disk.log.at(-1)?.startsWith('sync')) await new Promise((resolve) => setImmediate(resolve));
  const outgoing = await journal.batchAfter({ epoch: 0, seq: 0 }, LARGE, 99);
  t.same(numbers(outgoing?.batch.records ?? []), [1, 2, 3]);
  disk.releaseSyncs();
  await waiting;
  const behind = await journal.batchAfter({ epoch: 1, seq: 3 }, LARGE, 99);
  t.same(numbers(behind?.batch.records ?? []), [4]);
});

t.test('a place is known by its head, wherever it lies', async (t) => {
  const disk = new MemoryDisk();
  const first = await openOn(disk);
  const places = [first.journal.newest];
  for (let i = 0; i < 300; i++) {
    first.journal.append(tap);
    places.push(first.journal.newest);
    if (i % 50 === 0) await first.journal.idle();
  }
  await first.journal.close();
  const { journal } = await openOn(disk);
  places.push(journal.newest);
  for (const place of places.filter((_, index) => index % 37 === 0 || index > 299)) {
    t.equal(await journal.knows(place), true, `${place.epoch}/${place.seq}`);
    t.equal(await journal.knows({ ...place, head: '0'.repeat(64) }), false);
    t.equal(await journal.knows({ ...place, epoch: place.epoch + 5 }), false);
  }
  const [early] = places;
  t.equal(early === undefined || (await journal.knows({ ...early, seq: 9_999 })), false);
});

t.test('acknowledged segments go when 72 hours are over, whole, oldest first', async (t) => {
  const disk = new MemoryDisk();
  const { journal, clock } = await openOn(disk);
  for (let i = 0; i < 700; i++) {
    journal.append(tap);
    if (i % 64 === 0) await journal.idle();
  }
  await journal.idle();
  const all = disk.names;
  t.equal(all.length, 3);

  await journal.acknowledged({ epoch: 1, seq: 100 });
  clock.advance(100 * HOUR_MS);
  await journal.acknowledged({ epoch: 1, seq: 100 });
  t.same(disk.names, all, 'a part of a segment is not enough');

  await journal.acknowledged({ epoch: 1, seq: 400 });
  t.same(disk.names, all);
  clock.advance(72 * HOUR_MS - 1_000);
  await journal.acknowledged({ epoch: 1, seq: 702 });
  t.same(disk.names, all);
  clock.advance(1_000);
  await journal.acknowledged({ epoch: 1, seq: 702 });
  t.same(disk.names, all.slice(1));

  clock.advance(72 * HOUR_MS);
  await journal.acknowledged({ epoch: 1, seq: 702 });
  t.same(disk.names, all.slice(2), 'the segment in use stays');
  const { id, durable } = journal.append(tap);
  await durable;
  const after = { epoch: 1, seq: id.seq - 1 };
  t.same(numbers((await journal.batchAfter(after, LARGE, 99))?.batch.records ?? []), [id.seq]);
});

t.test('nothing goes that was not acknowledged, however old', async (t) => {
  const disk = new MemoryDisk();
  const first = await openOn(disk);
  await first.journal.append(tap).durable;
  await first.journal.close();
  const { journal, clock } = await openOn(disk);
  clock.advance(1_000 * HOUR_MS);
  await journal.acknowledged({ epoch: 1, seq: 2 });
  clock.advance(1_000 * HOUR_MS);
  await journal.acknowledged({ epoch: 1, seq: 2 });
  t.equal(disk.names.length, 2);
  await journal.acknowledged({ epoch: 2, seq: 1 });
  clock.advance(72 * HOUR_MS);
  await journal.acknowledged({ epoch: 2, seq: 2 });
  t.equal(disk.names.length, 1);
});

t.test('a gate that is switched off every night forgets after 14 days of trusted time', async (t) => {
  const disk = new MemoryDisk();
  for (let day = 0; day < 20; day++) {
    const clock = new ManualClock(Date.UTC(2026, 0, 1) + day * 24 * HOUR_MS);
    const { journal } = await openOn(disk, clock);
    await journal.append(tap).durable;
    await journal.acknowledged(journal.newest);
    await journal.close();
  }
  t.equal(disk.names.length, 14);
});

t.test('a tap written before the time was known goes with its end, and is not ended once more', async (t) => {
  const disk = new MemoryDisk();
  const first = await openOn(disk, new ManualClock(), { trusted: false });
  const { id, durable } = first.journal.append(tap);
  await durable;
  await first.journal.close();
  const second = await openOn(disk);
  await second.journal.append(verdictOn(id)).durable;
  await second.journal.close();
  const later = new ManualClock(Date.UTC(2026, 0, 1) + 15 * 24 * HOUR_MS);
  const { journal } = await openOn(disk, later);
  await journal.acknowledged(journal.newest);
  await journal.close();
  t.equal(disk.names.length, 1, 'both are older than 14 days');
  t.same((await openOn(disk, later)).journal.unanswered, []);
});

t.test(
  'a file that is gone, or a sector that stays unreadable, keeps nothing else from central',
  async (t) => {
    for (const code of ['ENOENT', 'EIO']) {
      const disk = new MemoryDisk();
      const first = await openOn(disk);
      for (let i = 0; i < 400; i++) first.journal.append(tap);
      await first.journal.close();
      const [bad] = disk.names;
      const { journal, lines } = await openOn(disk);
      disk.failRead = (name) => (name === bad ? code : undefined);
      const tries: (number | undefined)[] = [];
      for (let i = 0; i < 4; i++) {
        const outgoing = await journal.batchAfter({ epoch: 0, seq: 0 }, LARGE, 9).catch(() => undefined);
        tries.push(outgoing?.batch.gap ? outgoing.batch.first : undefined);
      }
      const firstOfNext = Number(/-(\d{10})\.cpj$/.exec(disk.names[1] ?? '')?.[1]);
      const expected = code === 'ENOENT' ? [firstOfNext, firstOfNext] : [undefined, undefined];
      t.same(tries.slice(0, 2), expected, `${code}: tried again first`);
      t.equal(tries.at(-1), firstOfNext, `${code}: then given up, and said so`);
      t.match(lines.join('\n'), /error segment lost/);
    }
  },
);

t.test('a segment that a start cannot read does not keep the gate from starting', async (t) => {
  const disk = new MemoryDisk();
  await (await openOn(disk)).journal.close();
  await (await openOn(disk)).journal.close();
  const newest = disk.names.at(-1);
  disk.failRead = (name) => (name === newest ? 'EIO' : undefined);
  const { journal } = await openOn(disk);
  t.equal(journal.epoch, 3, 'no epoch is numbered twice');
});

t.test('segments go in order: one that cannot be removed keeps those behind it', async (t) => {
  const disk = new MemoryDisk();
  for (let start = 0; start < 3; start++) await (await openOn(disk)).journal.close();
  const { journal, clock } = await openOn(disk);
  const before = disk.names;
  await journal.acknowledged(journal.newest);
  clock.advance(72 * HOUR_MS);
  disk.fail = (what, count) => (what === 'remove' && count === 1 ? 'EROFS' : undefined);
  await journal.acknowledged(journal.newest);
  t.same(disk.names, before);
});

t.test('a segment that cannot be removed is tried again later', async (t) => {
  const disk = new MemoryDisk();
  await (await openOn(disk)).journal.close();
  const { journal, clock } = await openOn(disk);
  await journal.acknowledged(journal.newest);
  clock.advance(72 * HOUR_MS);
  disk.fail = (what) => (what === 'remove' ? 'EROFS' : undefined);
  await journal.acknowledged(journal.newest);
  t.equal(disk.names.length, 2);
  disk.fail = () => undefined;
  clock.advance(1_000);
  await journal.acknowledged(journal.newest);
  t.equal(disk.names.length, 1);
});

t.test(
  'after a start with a thousand acknowledged segments, acks do not read them over and over',
  async (t) => {
    const disk = new MemoryDisk();
    for (let start = 0; start < 40; start++) await (await openOn(disk)).journal.close();
    const { journal, clock } = await openOn(disk);
    let reads = 0;
    disk.failRead = () => {
      reads += 1;
      return undefined;
    };
    const acks = Array.from({ length: 200 }, () => journal.acknowledged(journal.newest));
    await Promise.all(acks);
    t.equal(reads, 16, 'a part of them at a time');
    for (let second = 0; second < 10; second++) {
      clock.advance(1_000);
      await journal.acknowledged(journal.newest);
    }
    t.equal(reads, 40, 'and each once');
  },
);
