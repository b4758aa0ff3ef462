import t from 'tap';
import { folderDisk } from '../../../platform/disk.js';
import { startFacts } from '../../../protocol/journal/record.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { drain, openOn, tap, verdictOn } from './bench.js';

t.test('what was written is read again in order, on a real folder', async (t) => {
  const folder = `${t.testdir({})}/journal`;
  const { journal } = await openOn(folderDisk(folder));
  const { id } = journal.append(tap);
  await journal.append(verdictOn(id)).durable;
  await journal.close();
  const next = await openOn(folderDisk(folder));
  await next.journal.append(tap).durable;
  t.same((await drain(next.journal)).names, [
    '1/1 start',
    '1/2 key',
    '1/3 tap',
    '1/4 verdict',
    '2/1 start',
    '2/2 key',
    '2/3 tap',
  ]);
  await next.journal.close();
});

t.test('each start is an epoch of its own, tied to the last place of the one before', async (t) => {
  const disk = new MemoryDisk();
  const nonces = new Set<string>();
  let last: unknown = null;
  for (let epoch = 1; epoch <= 4; epoch++) {
    const { journal } = await openOn(disk);
    t.equal(journal.epoch, epoch);
    const { records } = await drain(journal, { epoch: epoch - 1, seq: 9_999 });
    const [start] = records;
    const facts = start === undefined ? undefined : startFacts(start);
    t.same(facts?.previous, last);
    nonces.add(facts?.nonce ?? '');
    await journal.append(tap).durable;
    last = journal.newest;
    await journal.close();
  }
  t.equal(nonces.size, 4, 'two disks that count the same epoch are told apart');
});

t.test('a start that found no room for a record still counts as an epoch', async (t) => {
  const disk = new MemoryDisk();
  await (await openOn(disk)).journal.close();
  disk.put('00000002-000001-0000000001.cpj', Buffer.alloc(0));
  const { journal } = await openOn(disk);
  t.equal(journal.epoch, 3);
  t.same((await drain(journal)).names, ['1/1 start', '1/2 key', '3/1 start', '3/2 key']);
});

t.test('a tail torn at any byte is cut off, and nothing is ever glued to it', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  await journal.append(tap).durable;
  const whole = await drain(journal);
  const lastWhole = journal.newest;
  const [name = ''] = disk.names;
  const from = disk.bytesOf(name).length;
  await journal.append(verdictOn({ epoch: 1, seq: 3 })).durable;
  const bytes = disk.bytesOf(name);

  let wrong = 0;
  for (let length = from; length < bytes.length; length++) {
    for (const filler of [Buffer.alloc(0), Buffer.alloc(bytes.length - length)]) {
      const torn = new MemoryDisk();
      const left = Buffer.concat([bytes.subarray(0, length), filler]);
      // The last bytes of the frame may be zeros themselves.
      if (left.equals(bytes)) continue;
      torn.put(name, left);
      const next = await openOn(torn);
      const { names, records } = await drain(next.journal);
      const start = records.find(({ epoch }) => epoch === 2);
      const previous = start === undefined ? undefined : startFacts(start)?.previous;
      const good =
        names.join() === [...whole.names, '2/1 start', '2/2 key'].join() &&
        JSON.stringify(previous) === JSON.stringify(lastWhole) &&
        torn.bytesOf(name).equals(left);
      if (!good) wrong += 1;
    }
  }
  t.ok(bytes.length - from > 200);
  t.equal(wrong, 0);
});

t.test('files of other names are left alone', async (t) => {
  const disk = new MemoryDisk();
  disk.put('lost+found', Buffer.from('x'));
  disk.put('00000009-000001-0000000001.cpj.bak', Buffer.from('x'));
  const { journal } = await openOn(disk);
  t.equal(journal.epoch, 1);
  t.ok(disk.files.has('lost+found'));
});

t.test(
  'the power goes at any instant: what was called durable is there, and the chain is whole',
  async (t) => {
    interface Instant {
      readonly disks: readonly MemoryDisk[];
      readonly promised: readonly string[];
    }
    const instants: Instant[] = [];
    const promised: string[] = [];
    const disk = new MemoryDisk();
    disk.onInstant = () => {
      const disks = (['lost', 'kept', 'torn'] as const).map((unsynced) => disk.cut(unsynced));
      instants.push({ disks, promised: [...promised] });
    };
    for (let start = 0; start < 2; start++) {
      const { journal, clock } = await openOn(disk);
      for (let round = 0; round < 5; round++) {
        // In the third round the flush fails, and in the fourth also the first write behind it.
        const failing = round === 2 ? 'sync' : round === 3 ? 'append' : undefined;
        if (failing !== undefined) {
          let left = 1;
          disk.fail = (what) => (what === failing && left-- > 0 ? 'EIO' : undefined);
        }
        for (let i = 0; i <= round; i++) {
          const { id, durable } = journal.append(tap);
          durable.then(
            () => promised.push(`${id.epoch}/${id.seq} tap`),
            () => {},
          );
        }
        await journal.idle();
        disk.fail = () => undefined;
        clock.advance(1_000);
        await journal.idle();
      }
      await journal.close();
    }
    t.ok(instants.length > 60, `${instants.length} instants`);
    t.equal(promised.length, 16, 'all that did not meet the failing disk');
    for (const [index, { disks, promised: kept }] of instants.entries()) {
      for (const [kind, cut] of disks.entries()) {
        const { names } = await drain((await openOn(cut)).journal);
        const missing = kept.filter((name) => !names.includes(name));
        const twice = names.length - new Set(names).size;
        if (missing.length > 0 || twice > 0) t.fail(`instant ${index}, cut ${kind}`, { missing, twice });
      }
    }
  },
);

t.test('the next start knows which taps were left without an end, and no others', async (t) => {
  const disk = new MemoryDisk();
  const first = await openOn(disk);
  const ids = Array.from({ length: 4 }, () => first.journal.append(tap).id);
  const [one, two, three, four] = ids;
  if (one === undefined || two === undefined || three === undefined || four === undefined) throw new Error();
  first.journal.append(verdictOn(one));
  first.journal.append({ kind: 'tap-void', content: { tap: three, reason: 'card.damaged' } });
  await first.journal.idle();

  const second = await openOn(disk.cut());
  t.same(second.journal.unanswered, [two, four]);
  const again = await openOn(disk);
  again.journal.append(verdictOn(two));
  await again.journal.close();
  t.same((await openOn(disk)).journal.unanswered, [four], 'an end may come an epoch later');
});

t.test(
  'what a failed flush left behind the point where the next file takes over opens and ends no tap',
  async (t) => {
    const disk = new MemoryDisk();
    const { journal, clock } = await openOn(disk);
    const { id, durable } = journal.append(tap);
    await durable;
    disk.fail = (what) => (what === 'sync' || what === 'truncate' ? 'EIO' : undefined);
    journal.append(verdictOn(id));
    journal.append(tap);
    await journal.idle();
    // The next file takes its name, and the power goes before anything is in it.
    disk.fail = (what) => (what === 'append' || what === 'remove' ? 'EIO' : undefined);
    clock.advance(1_000);
    await journal.idle();
    const next = (await openOn(disk.cut('kept'))).journal;
    t.same((await drain(next)).names.slice(0, 3), ['1/1 start', '1/2 key', '1/3 tap']);
    t.same(next.unanswered, [id], 'its verdict does not count, nor does the tap behind it');
  },
);
