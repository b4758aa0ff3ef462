import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ClockFloor } from '../../daemon/clockFloor.js';
import { documentsIn, type OpenDocument } from '../../daemon/documents.js';
import { TimeKeeper } from '../../daemon/time.js';
import { ManualClock } from '../../platform/clock.js';
import { createLog } from '../../platform/log.js';
import { MemoryDisk } from '../support/memoryDisk.js';
import { MemoryDocuments } from '../support/memoryDocuments.js';
import { settle } from '../support/waiting.js';
import { openOn, tap } from './journal/bench.js';

const HOUR_MS = 3_600_000;
const BUILD_MS = Date.UTC(2026, 0, 1);
const CENTRAL_MS = Date.UTC(2026, 5, 1, 12);

/** A gate whose board knows nothing of the time. */
async function start(openDocument: OpenDocument, journalDisk = new MemoryDisk()) {
  const lines: string[] = [];
  const clock = new ManualClock(0);
  const log = createLog(
    (line) => lines.push(line),
    'info',
    () => 0,
  );
  const floor = await ClockFloor.open({ openDocument, journalDisk, clock, log });
  const time = new TimeKeeper(clock, floor.startMs);
  floor.follow(time);
  const learn = (wallMs: number) => {
    const nowMs = clock.monotonicMs();
    time.learn({ wallMs, helloSentMs: nowMs, welcomeCameMs: nowMs });
  };
  const pass = async (ms: number) => {
    clock.advance(ms);
    await settle();
  };
  return { floor, time, clock, learn, pass, lines };
}

const inFile = (documents: MemoryDocuments) =>
  (documents.files.get('clock.json') as { floorMs: number })?.floorMs;

t.test('the time of a clean stop is the floor of the next start, whose board begins in 1970', async (t) => {
  const documents = new MemoryDocuments();
  const first = await start(documents.open);
  t.equal(first.time.wallMs(), BUILD_MS, 'nothing is known yet');
  first.learn(CENTRAL_MS);
  await first.pass(60_000);
  await first.floor.close();
  const second = await start(documents.open);
  t.equal(second.time.trusted, false);
  t.equal(second.time.wallMs(), CENTRAL_MS + 60_000);
  t.match(second.lines.join(), /clock floor source=clock.json at=2026-06-01T12:01:00.000Z/);
});

t.test(
  'the floor is written once an hour and no more often, however often central tells the time',
  async (t) => {
    const documents = new MemoryDocuments();
    const { learn, pass } = await start(documents.open);
    for (let minute = 0; minute < 300; minute++) {
      learn(CENTRAL_MS + minute * 60_000);
      await pass(60_000);
    }
    const writes = documents.writes.get('clock.json') ?? 0;
    t.ok(writes >= 4 && writes <= 6, `${writes} writes in five hours`);
  },
);

t.test('many starts in one hour write once, and a killed one loses an hour at most', async (t) => {
  const documents = new MemoryDocuments();
  for (let minute = 0; minute < 50; minute++) {
    const { learn, pass } = await start(documents.open);
    learn(CENTRAL_MS + minute * 60_000);
    await pass(30_000);
  }
  t.equal(documents.writes.get('clock.json'), 1);
  t.equal(inFile(documents), CENTRAL_MS);
});

t.test('without central no floor is written: the clock of a board is nobody', async (t) => {
  const documents = new MemoryDocuments();
  const { floor, pass } = await start(documents.open);
  await pass(5 * HOUR_MS);
  await floor.close();
  t.equal(documents.writes.get('clock.json'), undefined);
});

t.test('the floor never moves back', async (t) => {
  const documents = new MemoryDocuments();
  documents.files.set('clock.json', { v: 1, floorMs: CENTRAL_MS });
  const { floor, time, learn, pass } = await start(documents.open);
  learn(CENTRAL_MS - HOUR_MS / 2);
  t.equal(time.trusted, true, 'a central that was set right by a little is believed');
  await pass(60_000);
  await floor.close();
  t.equal(inFile(documents), CENTRAL_MS);
});

t.test('a central that tells a time long before the floor is not believed, and that is told', async (t) => {
  const documents = new MemoryDocuments();
  documents.files.set('clock.json', { v: 1, floorMs: CENTRAL_MS });
  const { time, learn } = await start(documents.open);
  const told: number[] = [];
  time.onTooEarly = (wallMs) => told.push(wallMs);
  learn(CENTRAL_MS - HOUR_MS - 1);
  t.equal(time.trusted, false);
  t.equal(time.wallMs(), CENTRAL_MS);
  t.same(told, [CENTRAL_MS - HOUR_MS - 1]);
});

/** A journal that ends with a record of that time, and after it a start that central did not answer. */
async function journalOf(wallMs: number): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const certain = await openOn(disk, new ManualClock(wallMs));
  await certain.journal.append(tap).durable;
  await certain.journal.close();
  const uncertain = await openOn(disk, new ManualClock(Date.UTC(2099, 0, 1)), { trusted: false });
  await uncertain.journal.close();
  return disk;
}

t.test('where the document is missing, the newest record whose time was certain is the floor', async (t) => {
  const { time, lines } = await start(new MemoryDocuments().open, await journalOf(CENTRAL_MS));
  t.equal(time.wallMs(), CENTRAL_MS);
  t.match(lines.join(), /clock floor source="newest record"/);
});

t.test('a document that can be read has the last word over the records: it can be set back', async (t) => {
  const documents = new MemoryDocuments();
  documents.files.set('clock.json', { v: 1, floorMs: CENTRAL_MS });
  const { time } = await start(documents.open, await journalOf(Date.UTC(2090, 0, 1)));
  t.equal(time.wallMs(), CENTRAL_MS);
});

for (const [what, text] of [
  ['empty', ''],
  ['cut off', '{"v":1,"floorMs":17'],
  ['of zeros', '\0'.repeat(30)],
  ['of another program', '{"hello":"world"}'],
  ['beyond all dates', '{"v":1,"floorMs":8640000000000000}'],
  ['before all dates', '{"v":1,"floorMs":-1}'],
] as const) {
  t.test(`a clock.json that is ${what} is said, and no reason not to start`, async (t) => {
    const folder = t.testdir({ 'clock.json': text });
    const { floor, time, learn, pass, lines } = await start(documentsIn(folder), await journalOf(CENTRAL_MS));
    t.equal(time.wallMs(), CENTRAL_MS);
    t.match(lines.join('\n'), /warn .*document damaged, it begins anew name=clock.json/);
    learn(CENTRAL_MS + HOUR_MS);
    await pass(10);
    await floor.close();
    const next = await start(documentsIn(folder));
    t.equal(next.time.wallMs(), CENTRAL_MS + HOUR_MS + 10);
    t.notMatch(next.lines.join('\n'), /warn/);
  });
}

t.test('a damaged clock.json is had from its copy, which is said', async (t) => {
  const folder = t.testdir({ 'clock.json': '{', 'clock.json.bak': `{"v":1,"floorMs":${CENTRAL_MS}}` });
  const { time, lines } = await start(documentsIn(folder));
  t.equal(time.wallMs(), CENTRAL_MS);
  t.match(lines.join('\n'), /document damaged, its copy is in force name=clock.json/);
});

t.test('a folder that cannot be read or written: the gate starts, and says it once', async (t) => {
  const folder = t.testdir({});
  writeFileSync(join(folder, 'file'), '');
  const unreadable = await start(documentsIn(join(folder, 'file')));
  t.match(unreadable.lines.join('\n'), /warn .*document unreadable name=clock.json/);
  unreadable.learn(CENTRAL_MS);
  await unreadable.pass(HOUR_MS);
  await unreadable.floor.close();

  const documents = new MemoryDocuments();
  documents.fail = (_, operation) => (operation === 'write' ? 'EROFS' : undefined);
  const { floor, learn, pass, lines } = await start(documents.open);
  learn(CENTRAL_MS);
  for (let hour = 0; hour < 5; hour++) await pass(HOUR_MS);
  t.equal(lines.filter((line) => /document not written name=clock.json problem=EROFS/.test(line)).length, 1);
  documents.fail = () => undefined;
  await floor.close();
  t.equal(inFile(documents), CENTRAL_MS + 5 * HOUR_MS);
});

t.test("a disk that cannot be listed is the journal's to tell: the floor is that of the build", async (t) => {
  const disk = new MemoryDisk();
  disk.list = async () => {
    throw Object.assign(new Error('EACCES'), { code: 'EACCES' });
  };
  t.equal((await start(new MemoryDocuments().open, disk)).time.wallMs(), BUILD_MS);
});
