import t from 'tap';
import { ManualClock } from '../../../platform/clock.js';
import { MAX_RECORD_KEY_STEPS } from '../../../protocol/journal/seal.js';
import { type DiskOperation, MemoryDisk } from '../../support/memoryDisk.js';
import { settle, until } from '../../support/waiting.js';
import { drain, openOn, tap, verdictOn, Watched } from './bench.js';

/** How many of these records are taps. */
const tapsOf = (names: readonly string[]) => names.filter((name) => name.endsWith(' tap')).length;

t.test('a record is durable when its flush has ended, and not before', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  let told = 0;
  journal.onDurable = () => {
    told += 1;
  };
  disk.holdSyncs();
  const { id, durable } = journal.append(tap);
  const watched = new Watched(durable);
  await settle();
  t.same(id, { epoch: 1, seq: 3 });
  t.equal(watched.state, 'pending');
  t.equal(told, 0);
  t.equal(await journal.batchAfter({ epoch: 1, seq: 2 }, 9_999, 9), undefined, 'nor is it sent before');
  disk.releaseSyncs();
  await durable;
  t.equal(told, 1);
  t.not(await journal.batchAfter({ epoch: 1, seq: 2 }, 9_999, 9), undefined);
  t.same((await drain((await openOn(disk.cut())).journal)).names.slice(0, 3), [
    '1/1 start',
    '1/2 key',
    '1/3 tap',
  ]);
});

t.test('records appended while a flush runs share the next one', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  disk.holdSyncs();
  const before = disk.counts.sync;
  const first = journal.append(tap);
  await settle();
  const behind = Array.from({ length: 20 }, () => new Watched(journal.append(tap).durable));
  disk.releaseSyncs();
  await first.durable;
  await journal.idle();
  t.ok(behind.every(({ state }) => state === 'done'));
  t.equal(disk.counts.sync - before, 2);
});

t.test('a flush carries 64 records at most, so that none waits for a whole flood', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  disk.holdSyncs();
  const before = disk.counts.sync;
  journal.append(tap);
  await settle();
  for (let i = 0; i < 130; i++) journal.append(tap);
  disk.releaseSyncs();
  await journal.idle();
  t.equal(disk.counts.sync - before, 1 + 3);
});

t.test('a segment closes at 256 records and the next begins where it ended', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  for (let i = 0; i < 600; i++) {
    journal.append(tap);
    if (i % 32 === 0) await journal.idle();
  }
  await journal.idle();
  t.ok(disk.names.length >= 3, `${disk.names.length} segments`);
  t.equal(tapsOf((await drain(journal)).names), 600);
});

for (const [operation, code] of [
  ['append', 'ENOSPC'],
  ['sync', 'EIO'],
] as const) {
  t.test(`a failed ${operation} is never tried again on the same file`, async (t) => {
    const disk = new MemoryDisk();
    const { journal, clock, lines, failing } = await openOn(disk);
    await journal.append(tap).durable;
    const [segment = ''] = disk.names;
    const goodBytes = disk.bytesOf(segment).length;

    disk.fail = (what) => (what === operation ? code : undefined);
    const failed = journal.append(tap);
    await t.rejects(failed.durable, { code: 'journal.write', disposition: 'retry' });
    await journal.idle();
    t.equal(disk.bytesOf(segment).length, goodBytes, 'left at its last good length');
    const behind = journal.append(verdictOn(failed.id));
    await t.rejects(
      behind.durable,
      { code: 'journal.write' },
      'nobody is kept waiting for a disk that fails',
    );

    disk.fail = () => undefined;
    disk.log.length = 0;
    await settle();
    t.equal(disk.log.length, 0, 'it is left alone for a second');
    clock.advance(1_000);
    await journal.idle();
    t.equal(disk.log[0]?.split(' ')[0], 'create');
    t.notOk(
      disk.log.some((entry) => entry.endsWith(segment)),
      'the failed file is not touched again',
    );
    t.equal(disk.bytesOf(segment).length, goodBytes);

    const sent = ['1/1 start', '1/2 key', '1/3 tap', '1/4 tap', '1/5 verdict'];
    t.same((await drain(journal)).names, sent, 'each record once');
    const reopened = await openOn(disk.cut());
    t.same((await drain(reopened.journal)).names, [...sent, '2/1 start', '2/2 key']);
    t.same(failing, [true, false], 'told once, and once that it is over');
    t.equal(lines.filter((line) => line.includes('cannot write')).length, 1);
    t.match(lines.join('\n'), new RegExp(`problem=${code}`));
  });
}

t.test('a new segment that cannot be made is tried again, under a name that is free', async (t) => {
  const disk = new MemoryDisk();
  const { journal, clock } = await openOn(disk);
  for (let i = 0; i < 299; i++) {
    journal.append(tap);
    if (i === 200) await journal.idle();
  }
  disk.fail = (what) => (what === 'create' ? 'EROFS' : undefined);
  const watched = new Watched(journal.append(tap).durable);
  await journal.idle();
  for (let s = 0; s < 5; s++) {
    clock.advance(1_000);
    await journal.idle();
  }
  t.equal(watched.state, 'journal.write');
  disk.fail = () => undefined;
  clock.advance(1_000);
  await journal.idle();
  t.equal(tapsOf((await drain(journal)).names), 300);
});

t.test('a failed flush whose file cannot even be cut still sends each record once', async (t) => {
  const disk = new MemoryDisk();
  const { journal, clock } = await openOn(disk);
  disk.fail = (what) => (what === 'sync' || what === 'truncate' ? 'EIO' : undefined);
  const id = journal.append(tap).id;
  await journal.idle();
  disk.fail = () => undefined;
  journal.append(verdictOn(id));
  clock.advance(1_000);
  await journal.idle();
  const sent = ['1/1 start', '1/2 key', '1/3 tap', '1/4 verdict'];
  t.same((await drain(journal)).names, sent);
  for (const unsynced of ['lost', 'kept', 'torn'] as const) {
    const next = await openOn(disk.cut(unsynced));
    t.same((await drain(next.journal)).names, [...sent, '2/1 start', '2/2 key'], unsynced);
  }
});

t.test(
  'the power goes right behind a failed flush: what the next start ties to is what central gets',
  async (t) => {
    const disk = new MemoryDisk();
    const { journal, clock } = await openOn(disk);
    disk.fail = (what) => (what === 'sync' || what === 'truncate' ? 'EIO' : undefined);
    journal.append(tap);
    await journal.idle();
    // The next segment's name gets on disk, and nothing more.
    disk.fail = (what) => (what === 'append' || what === 'remove' ? 'EIO' : undefined);
    clock.advance(1_000);
    await journal.idle();
    for (const unsynced of ['lost', 'kept', 'torn'] as const) {
      const next = await openOn(disk.cut(unsynced));
      t.same((await drain(next.journal)).names.slice(0, 2), ['1/1 start', '1/2 key'], unsynced);
    }
  },
);

t.test('a disk that is full for an hour does not fill up with empty files', async (t) => {
  const disk = new MemoryDisk();
  const { journal, clock } = await openOn(disk);
  disk.fail = (what) => (what === 'append' ? 'ENOSPC' : undefined);
  journal.append(tap);
  for (let s = 0; s < 3_600; s++) {
    await journal.idle();
    clock.advance(1_000);
  }
  await journal.idle();
  t.ok(disk.names.length <= 2, `${disk.names.length} files`);
  disk.fail = () => undefined;
  clock.advance(1_000);
  await journal.idle();
  await journal.append(tap).durable;
  t.same((await drain(journal)).names, ['1/1 start', '1/2 key', '1/3 tap', '1/4 head', '1/5 key', '1/6 tap']);
  t.equal((await drain((await openOn(disk.cut())).journal)).records.length, 8);
});

t.test('memory has a bound: what does not fit is refused by name and leaves no number out', async (t) => {
  const disk = new MemoryDisk();
  const { journal, clock } = await openOn(disk);
  disk.fail = (what) => (what === 'append' ? 'ENOSPC' : undefined);
  let taken = 0;
  let refusal: unknown;
  while (refusal === undefined && taken < 100_000) {
    try {
      journal.append(tap);
      taken += 1;
      // SM2 wraps the next key meanwhile.
      await Promise.resolve();
    } catch (thrown) {
      refusal = thrown;
    }
  }
  t.match(refusal, { code: 'journal.full', disposition: 'retry' });
  t.ok(taken <= 2_000, `${taken} taken`);
  t.throws(() => journal.append(tap), { code: 'journal.full' });
  await journal.idle();
  disk.fail = () => undefined;
  clock.advance(1_000);
  await journal.idle();
  await journal.append(tap).durable;
  t.equal(tapsOf((await drain(journal)).names), taken + 1);
});

t.test('a disk that fails at the start fails the start, and nothing goes on behind it', async (t) => {
  for (const operation of ['create', 'append', 'sync'] satisfies DiskOperation[]) {
    const disk = new MemoryDisk();
    const clock = new ManualClock();
    disk.fail = (what) => (what === operation ? 'EROFS' : undefined);
    await t.rejects(openOn(disk, clock), { code: 'journal.write' }, operation);
    disk.fail = () => undefined;
    const begun = disk.log.length;
    clock.advance(60_000);
    await settle();
    t.equal(disk.log.length, begun, `${operation}: a journal that never opened does not write`);
    await openOn(disk, clock);
  }
});

t.test('closing tries once more what a failing disk has left in line', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  disk.fail = (what) => (what === 'append' ? 'ENOSPC' : undefined);
  journal.append(tap);
  await journal.idle();
  disk.fail = () => undefined;
  await journal.close();
  t.same((await drain((await openOn(disk.cut())).journal)).names.slice(0, 3), [
    '1/1 start',
    '1/2 key',
    '1/3 tap',
  ]);
});

t.test('closing on a disk that goes on failing says how many records are lost', async (t) => {
  const disk = new MemoryDisk();
  const { journal, lines } = await openOn(disk);
  disk.fail = (what) => (what === 'append' ? 'ENOSPC' : undefined);
  journal.append(tap);
  journal.append(tap);
  await journal.close();
  t.match(lines.at(-1), /error records lost records=2/);
});

t.test(
  'a new key is wrapped ahead and used for one segment of 256 records, so that no key is walked far',
  async (t) => {
    const disk = new MemoryDisk();
    const { journal } = await openOn(disk);
    for (let i = 0; i < 600; i++) {
      journal.append(tap);
      await Promise.resolve();
      if (i % 64 === 0) await journal.idle();
    }
    await journal.idle();
    const { names, records } = await drain(journal);
    t.equal(names.filter((name) => name.endsWith(' key')).length, 3);
    const steps = records.map((record) => record.sealed?.step ?? 0);
    t.ok(Math.max(...steps) < 255);
    const keys = new Set(records.flatMap(({ sealed }) => (sealed === undefined ? [] : [sealed.key])));
    for (const seq of keys) t.match(names[seq - 1], / key$/);
  },
);

t.test('while no new key can be wrapped the old one goes on', async (t) => {
  const disk = new MemoryDisk();
  let wraps = 0;
  const { journal, lines } = await openOn(disk, undefined, {
    around: async (wrap) => {
      wraps += 1;
      if (wraps > 1) throw new Error('no thread');
      return wrap();
    },
  });
  for (let i = 0; i < 300; i++) {
    journal.append(tap);
    await settle();
  }
  await journal.idle();
  t.equal(tapsOf((await drain(journal)).names), 300);
  t.match(lines.join('\n'), /cannot wrap a record key/);
});

t.test(
  'a key is never walked further than whoever reads will walk: the record is refused until a new one is there',
  async (t) => {
    const disk = new MemoryDisk();
    let isDead = false;
    const { journal } = await openOn(disk, undefined, {
      around: async (wrap) => {
        if (isDead) throw new Error('no thread');
        return wrap();
      },
    });
    isDead = true;
    for (let i = 0; i < MAX_RECORD_KEY_STEPS; i++) {
      journal.append(tap);
      await settle();
    }
    t.throws(() => journal.append(tap), { code: 'journal.no-key', disposition: 'retry' });
    isDead = false;
    // Who is refused asks for a key, and it is there soon.
    const isTaken = () => {
      try {
        journal.append(tap);
        return true;
      } catch {
        return false;
      }
    };
    t.notOk(isTaken());
    await until(isTaken, 'a new key');
    await journal.idle();
    const { names, records } = await drain(journal);
    t.equal(tapsOf(names), MAX_RECORD_KEY_STEPS + 1);
    const steps = records.map(({ sealed }) => sealed?.step ?? 0);
    t.equal(Math.max(...steps), MAX_RECORD_KEY_STEPS - 1);
    t.equal(records.at(-1)?.sealed?.step, 0);
  },
);

t.test('closing flushes what waits', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  disk.holdSyncs();
  const all = Array.from({ length: 9 }, () => new Watched(journal.append(tap).durable));
  const closed = journal.close();
  disk.releaseSyncs();
  await closed;
  t.ok(all.every(({ state }) => state === 'done'));
});

t.test('a record that comes in while the write before it fails is told so with that one', async (t) => {
  const disk = new MemoryDisk();
  const { journal, clock } = await openOn(disk);
  disk.holdSyncs();
  disk.fail = (what) => (what === 'sync' ? 'EIO' : undefined);
  const before = new Watched(journal.append(tap).durable);
  await settle();
  const behind = new Watched(journal.append(tap).durable);
  disk.releaseSyncs();
  await journal.idle();
  await settle();
  t.same([before.state, behind.state], ['journal.write', 'journal.write']);
  disk.fail = () => undefined;
  clock.advance(1_000);
  await journal.idle();
  t.equal(tapsOf((await drain(journal)).names), 2, 'and both are written when the disk is well');
});
