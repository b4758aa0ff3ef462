import t from 'tap';
import { DEFAULT_LIMITS } from '../../../daemon/journal/options.js';
import type { ManualClock } from '../../../platform/clock.js';
import { scanFrames } from '../../../protocol/journal/frame.js';
import { droppedFacts, type JournalRecord } from '../../../protocol/journal/record.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { settle } from '../../support/waiting.js';
import { type Drained, drain, type OpenedJournal, openOn, tap } from './bench.js';

const LIMITS = { ...DEFAULT_LIMITS, maxRecords: 1_000 };
const ALARM = { kind: 'alarm', content: { alarm: 'central.silent' } } as const;

const openFull = (disk: MemoryDisk, clock?: ManualClock, limits = LIMITS) => openOn(disk, clock, { limits });

/** Lets the journal make room, which it does beside everything else and at its leisure. */
async function makeRoom({ journal, clock }: OpenedJournal): Promise<void> {
  // Behind a start it leaves central some time to speak first.
  clock.advance(10_000);
  for (let i = 0; i < 80; i++) {
    clock.advance(50);
    await settle(3);
  }
  await journal.idle();
}

/** Appends taps, and an alarm at every hundredth place. */
async function fill(opened: OpenedJournal, records: number): Promise<void> {
  for (let i = 0; i < records; i++) {
    opened.journal.append(i % 100 === 50 ? ALARM : tap);
    if (i % 64 === 63) await opened.journal.idle();
    if (i % 256 === 255) await makeRoom(opened);
  }
  await makeRoom(opened);
}

const recordsOn = (disk: MemoryDisk) =>
  disk.names.reduce((sum, name) => sum + scanFrames(disk.bytesOf(name)).frames.length, 0);

const numbersOf = (records: readonly JournalRecord[], kind: string) =>
  records.filter((record) => record.kind === kind).map(({ epoch, seq }) => `${epoch}/${seq}`);

/** What the journal says that it dropped, by number. */
function declared({ records, links }: Drained): Map<string, number> {
  const told = new Map<string, number>();
  for (const facts of records.map(droppedFacts)) {
    if (facts === undefined) continue;
    const { epoch, first, last } = facts;
    for (let seq = first; seq <= last; seq++)
      if (links.includes(`${epoch}/${seq}`))
        told.set(`${epoch}/${seq}`, (told.get(`${epoch}/${seq}`) ?? 0) + 1);
  }
  return told;
}

t.test('a full journal drops the oldest visits, keeps every alarm and the newest, and says so', async (t) => {
  const disk = new MemoryDisk();
  const opened = await openFull(disk);
  await fill(opened, 2_500);
  const all = await drain(opened.journal);
  const alarms = numbersOf(all.records, 'alarm');
  t.equal(alarms.length, 25 + 1, 'all alarms, and the one that tells of the dropping');
  const taps = numbersOf(all.records, 'tap');
  t.ok(taps.length <= 1_000 && taps.length > 400, `${taps.length} taps`);
  const newest = opened.journal.newest.seq;
  t.ok(
    all.links.every((link) => Number(link.slice(2)) < newest - 400),
    'the newest are all there',
  );
  t.ok(all.links.length > 1_400, `${all.links.length} links`);
  const told = declared(all);
  t.same([...told.keys()].toSorted(), [...new Set(all.links)].toSorted(), 'each of them is declared');
  t.ok([...told.values()].every((times) => times === 1));
  const counted = all.records.flatMap((record) => droppedFacts(record)?.counts.visit ?? []);
  t.equal(
    counted.reduce((sum, count) => sum + count, 0),
    all.links.length,
    'and counted',
  );
  t.ok(recordsOn(disk) < 1_100, `${recordsOn(disk)} records on disk`);
  t.same(opened.dropping, [true]);
  t.equal(opened.lines.filter((line) => /error .*the journal is full/.test(line)).length, 1);
  t.match(opened.lines.join('\n'), /warn .*records dropped for want of room from=1\/3 to=1\/\d+ visit=\d+/);
});

t.test('a journal that was full is read by the next start: its chain holds, and it goes on', async (t) => {
  const disk = new MemoryDisk();
  const first = await openFull(disk);
  await fill(first, 1_500);
  await first.journal.close();
  const next = await openFull(disk);
  await fill(next, 600);
  const all = await drain(next.journal);
  t.same([...declared(all).keys()].toSorted(), [...all.links].toSorted());
  t.ok(numbersOf(all.records, 'start').includes('2/1'));
  t.ok(recordsOn(disk) < 1_100);
  await next.journal.close();
});

t.test('what central has goes first, and nothing else while that is enough', async (t) => {
  const disk = new MemoryDisk();
  const opened = await openFull(disk);
  await fill(opened, 700);
  const before = disk.names.length;
  await opened.journal.acknowledged(opened.journal.newest);
  t.equal(disk.names.length, before, 'not before room is needed');
  await fill(opened, 300);
  t.ok(disk.names.length <= before, 'older segments have gone');
  const all = await drain(opened.journal, { epoch: 1, seq: 700 });
  t.same(all.links, []);
  t.same(opened.dropping, []);
  t.equal(numbersOf(all.records, 'dropped').length, 0);
});

t.test('a central that was restored and has less does not lose what it lacks', async (t) => {
  const disk = new MemoryDisk();
  const opened = await openFull(disk);
  await fill(opened, 700);
  await opened.journal.acknowledged(opened.journal.newest);
  opened.journal.centralHas({ epoch: 0, seq: 0 });
  await fill(opened, 300);
  const { links, records } = await drain(opened.journal);
  t.equal(records[0]?.kind, 'start');
  t.ok(links.length > 0, 'thinned out, and not removed');
});

t.test('there is room again when central has taken what was there', async (t) => {
  const disk = new MemoryDisk();
  const opened = await openFull(disk);
  await fill(opened, 1_300);
  t.same(opened.dropping, [true]);
  await opened.journal.acknowledged(opened.journal.newest);
  await makeRoom(opened);
  t.same(opened.dropping, [true, false]);
  t.match(opened.lines.join('\n'), /the journal has room again/);
});

t.test('limits in bytes hold as well', async (t) => {
  const disk = new MemoryDisk();
  const opened = await openFull(disk, undefined, { ...DEFAULT_LIMITS, maxBytes: 1_000_000 });
  await fill(opened, 2_000);
  const bytes = disk.names.reduce((sum, name) => sum + disk.bytesOf(name).length, 0);
  t.ok(bytes <= 1_000_000, `${bytes} bytes`);
  t.ok((await drain(opened.journal)).links.length > 100);
});

t.test('a small journal is never even looked at', async (t) => {
  const disk = new MemoryDisk();
  const opened = await openFull(disk);
  const read = disk.read.bind(disk);
  let reads = 0;
  disk.read = (name) => {
    reads += 1;
    return read(name);
  };
  await fill(opened, 600);
  t.equal(reads, 0);
});

t.test('a segment that cannot be read does not keep the others from making room', async (t) => {
  const disk = new MemoryDisk();
  const opened = await openFull(disk);
  const [bad] = disk.names;
  disk.failRead = (name) => (name === bad ? 'EIO' : undefined);
  await fill(opened, 2_000);
  t.ok(recordsOn(disk) < 1_400, `${recordsOn(disk)} records on disk`);
});

t.test('a replacing that fails is tried again, and what it was to drop is declared once', async (t) => {
  const disk = new MemoryDisk();
  const opened = await openFull(disk);
  let refused = 0;
  disk.fail = (what) => {
    if (what !== 'rename' || refused >= 2) return undefined;
    refused += 1;
    return 'ENOSPC';
  };
  await fill(opened, 2_000);
  t.equal(refused, 2);
  const all = await drain(opened.journal);
  t.ok([...declared(all).values()].every((times) => times === 1));
  t.ok(recordsOn(disk) < 1_100);
});

t.test('closing waits for the segment at hand and begins no other', async (t) => {
  const disk = new MemoryDisk();
  const opened = await openFull(disk);
  for (let i = 0; i < 1_500; i++) {
    opened.journal.append(tap);
    if (i % 64 === 63) await opened.journal.idle();
  }
  opened.clock.advance(10_000);
  await settle(2);
  await opened.journal.close();
  const done = disk.log.length;
  await makeRoom(opened);
  t.equal(disk.log.length, done);
  await drain((await openFull(disk)).journal);
});

t.test('the power goes at any instant of the thinning: nothing is gone without a word', async (t) => {
  const disk = new MemoryDisk();
  // The least that a segment to drop from, another one and the open one need.
  const limits = { ...LIMITS, maxRecords: 600 };
  const opened = await openFull(disk, undefined, limits);
  for (let i = 0; i < 530; i++) {
    opened.journal.append(i % 100 === 50 ? ALARM : tap);
    if (i % 64 === 63) await opened.journal.idle();
  }
  await opened.journal.idle();
  const different = new Map<string, MemoryDisk>();
  disk.onInstant = () => {
    for (const unsynced of ['lost', 'kept', 'torn'] as const) {
      const cut = disk.cut(unsynced);
      different.set(cut.names.map((name) => `${name} ${cut.bytesOf(name).length}`).join(), cut);
    }
  };
  await makeRoom(opened);
  disk.onInstant = () => {};
  t.match(opened.dropping, [true]);
  const cuts = [...different.values()];
  t.ok(cuts.length >= 8, `${cuts.length} cuts`);
  t.ok(
    cuts.some(({ names }) => names.some((name) => name.endsWith('.tmp'))),
    'leftovers are among them',
  );
  for (const [index, cut] of cuts.entries()) {
    const next = await openFull(cut);
    const all = await drain(next.journal);
    const told = declared(all);
    const untold = all.links.filter((link) => !told.has(link));
    const alarms = numbersOf(all.records, 'alarm').length;
    const seen = all.records.length + all.links.length;
    const leftovers = cut.names.filter((name) => name.endsWith('.tmp'));
    const isRight = untold.length === 0 && alarms >= 5 && seen >= 532 && leftovers.length === 0;
    if (!isRight) t.fail(`cut ${index}`, { untold, alarms, seen, leftovers });
    await next.journal.close();
  }
});

t.test(
  'a disk that somebody else fills: what central has makes room at once, and no card notices',
  async (t) => {
    const disk = new MemoryDisk();
    const opened = await openOn(disk);
    const { journal } = opened;
    for (let i = 0; i < 1_000; i++) {
      journal.append(tap);
      if (i % 64 === 63) await journal.idle();
    }
    await journal.acknowledged({ epoch: 1, seq: 600 });
    const before = disk.names;
    // Full until something goes.
    disk.fail = (what) =>
      what === 'append' && disk.names.filter((name) => before.includes(name)).length === before.length
        ? 'ENOSPC'
        : undefined;
    await journal.append(tap).durable;
    t.same(opened.failing, [], 'nobody was called');
    t.notOk(disk.names.includes(before[0] ?? ''), 'the oldest acknowledged segment has gone');
    t.ok(disk.names.includes(before[2] ?? ''), 'what central does not have stays');
    t.match(opened.lines.join('\n'), /warn .*disk full: acknowledged segments removed early/);
    const { records } = await drain(journal, { epoch: 1, seq: 600 });
    t.equal(records.at(-1)?.seq, journal.newest.seq);
  },
);

for (const code of ['ENOSPC', 'EROFS', 'EIO']) {
  t.test(`${code} with nothing to spare: nothing is dropped, and it recovers by itself`, async (t) => {
    const disk = new MemoryDisk();
    const opened = await openOn(disk);
    const { journal, clock } = opened;
    for (let i = 0; i < 600; i++) {
      journal.append(tap);
      if (i % 64 === 63) await journal.idle();
    }
    await journal.idle();
    disk.fail = () => code;
    await t.rejects(journal.append(tap).durable, { code: 'journal.write' });
    for (let s = 0; s < 30; s++) {
      clock.advance(1_000);
      await settle();
    }
    t.same(opened.failing, [true]);
    disk.fail = () => undefined;
    clock.advance(1_000);
    await journal.idle();
    t.same(opened.failing, [true, false]);
    const { records, links } = await drain(journal);
    t.equal(numbersOf(records, 'tap').length, 601);
    t.same(links, []);
  });
}
