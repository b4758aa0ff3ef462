import { appendFileSync, readdirSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Ledger } from '../../../central/ledger/ledger.js';
import { type Append, appendDurable } from '../../../central/ledger/ledgerFile.js';
import { createLog } from '../../../platform/log.js';
import { scanFrames } from '../../../protocol/journal/frame.js';
import { MAX_RECORD_KEY_STEPS } from '../../../protocol/journal/seal.js';
import { generateSm2KeyPair } from '../../../protocol/sm/sm2.js';
import { keyId } from '../../../protocol/sm/sm2Key.js';
import type { Place } from '../../../protocol/wire/session.js';
import { TestJournal } from '../device.js';

const DEVICE = 'gz-bus-a1';
const { publicKey } = generateSm2KeyPair();
const LEDGER_KEY = { id: keyId(publicKey), publicKey };

/** An epoch with so many records beside its start. */
function epoch(number: number, previous: Place | null, more = 0): TestJournal {
  const journal = new TestJournal(DEVICE, number, previous, LEDGER_KEY);
  for (let n = 0; n < more; n++) journal.add('config');
  return journal;
}

function open(folder: string, append: Append = appendDurable, writes = true) {
  const logged: string[] = [];
  const ledger = new Ledger({ folder, append, writes, log: createLog((line) => logged.push(line)) });
  return { ledger, logged };
}

const stored = (folder: string, name = `${DEVICE}.cpj`) => scanFrames(readFileSync(join(folder, name)));

t.test('records are stored as they came, once, and the place is the last of them', async (t) => {
  const folder = t.testdir({});
  const { ledger } = open(folder);
  const journal = epoch(1, null, 9);
  t.equal(await ledger.place(DEVICE), null);
  const first = await ledger.store(DEVICE, journal.batch(1, 4));
  t.match(first, { kind: 'stored', place: { epoch: 1, seq: 4, head: journal.headAt(4).toString('hex') } });
  t.match(await ledger.store(DEVICE, journal.batch(1, 4)), { kind: 'known', place: { seq: 4 } }, 'all again');
  t.match(
    await ledger.store(DEVICE, journal.batch(2, 3)),
    { kind: 'known', place: { seq: 3 } },
    'a part again',
  );
  t.match(
    await ledger.store(DEVICE, journal.batch(3, 7)),
    { kind: 'stored', place: { seq: 7 } },
    'old and new',
  );
  t.match(await ledger.store(DEVICE, journal.batch(8, 10)), { kind: 'stored', place: journal.place });
  t.same(await ledger.place(DEVICE), journal.place);
  t.same(
    stored(folder).frames.map(({ body }) => body),
    journal.bodies,
  );
  t.same(
    stored(folder).frames.map(({ previous }) => previous),
    journal.bodies.map((_, at) => journal.headAt(at)),
  );
});

t.test('a resend is known after a restart too, and far back in a long file', async (t) => {
  const folder = t.testdir({});
  const journal = epoch(1, null, 299);
  await open(folder).ledger.store(DEVICE, journal.batch());
  const { ledger } = open(folder);
  t.same(await ledger.place(DEVICE), journal.place);
  t.match(await ledger.store(DEVICE, journal.batch(100, 200)), { kind: 'known', place: { seq: 200 } });
  t.equal((await ledger.recordAt(DEVICE, 1, 77))?.seq, 77);
  t.equal(await ledger.recordAt(DEVICE, 1, 301), undefined);
  t.equal(stored(folder).frames.length, 300);
});

t.test('a hole is not stored, and the answer is our own place', async (t) => {
  const folder = t.testdir({});
  const { ledger } = open(folder);
  const journal = epoch(1, null, 9);
  t.same(await ledger.store(DEVICE, journal.batch(5, 6)), { kind: 'hole', place: null });
  await ledger.store(DEVICE, journal.batch(1, 3));
  const place = { epoch: 1, seq: 3, head: journal.headAt(3).toString('hex') };
  t.same(await ledger.store(DEVICE, journal.batch(5, 6)), { kind: 'hole', place });
  t.equal(stored(folder).frames.length, 3);
});

t.test('a new epoch follows the last place', async (t) => {
  const folder = t.testdir({});
  const { ledger, logged } = open(folder);
  const one = epoch(1, null, 2);
  const two = epoch(2, one.place, 2);
  await ledger.store(DEVICE, one.batch());
  t.match(await ledger.store(DEVICE, two.batch()), { kind: 'stored', place: two.place });
  t.match(await ledger.store(DEVICE, one.batch()), { kind: 'known', place: one.place }, 'an old epoch again');
  t.same(logged, []);
});

t.test('an epoch that begins elsewhere is stored, and named', async (t) => {
  const { ledger, logged } = open(t.testdir({}));
  const one = epoch(1, null, 4);
  await ledger.store(DEVICE, one.batch());
  const later = epoch(3, { epoch: 2, seq: 9, head: '11'.repeat(32) }, 1);
  t.match(await ledger.store(DEVICE, later.batch()), { kind: 'stored', place: later.place });
  t.match(logged.join(), /journal gap device=gz-bus-a1 epoch=3 after=2\/9 ours=1\/5/);
  const back = epoch(4, { epoch: 1, seq: 3, head: one.headAt(3).toString('hex') }, 1);
  t.match(await ledger.store(DEVICE, back.batch()), { kind: 'stored' });
  t.match(logged.join(), /journal rolled back device=gz-bus-a1 epoch=4/);
});

t.test('the same place with another digest is a fork: both are kept, and both go on', async (t) => {
  const folder = t.testdir({});
  const { ledger, logged } = open(folder);
  const one = epoch(1, null, 5);
  // A cloned disk: the same beginning, then another life.
  const clone = epoch(1, null, 0);
  clone.bodies.splice(0, 1, ...one.bodies.slice(0, 3));
  Object.assign(clone, { head: one.headAt(3) });
  const heads = [one.headAt(1), one.headAt(2), one.headAt(3)];
  const batchOf = (first: number, last: number) => {
    const previous = first <= 4 ? one.headAt(first - 1) : (heads[first - 2] ?? Buffer.alloc(32));
    return {
      epoch: 1,
      first,
      previous: previous.toString('hex'),
      records: clone.bodies.slice(first - 1, last),
    };
  };
  for (const kind of ['power', 'power', 'power']) {
    clone.add(kind);
    heads.push(clone.head);
  }
  await ledger.store(DEVICE, one.batch());
  const before = readFileSync(join(folder, `${DEVICE}.cpj`));
  const fork = await ledger.store(DEVICE, batchOf(2, 5));
  t.match(fork, { kind: 'stored', place: { epoch: 1, seq: 5, head: heads[4]?.toString('hex') } });
  t.match(logged.join(), /ERROR|error .*journal forked.*at=1\/4 file=gz-bus-a1\.fork-1\.cpj/);
  t.match(await ledger.store(DEVICE, batchOf(2, 5)), { kind: 'known' }, 'the fork again');
  t.match(
    await ledger.store(DEVICE, batchOf(6, 6)),
    { kind: 'stored', place: { seq: 6 } },
    'the fork goes on',
  );
  one.add('config');
  t.match(
    await ledger.store(DEVICE, one.batch(7, 7)),
    { kind: 'stored', place: one.place },
    'so does the first',
  );
  t.ok(
    readFileSync(join(folder, `${DEVICE}.cpj`))
      .subarray(0, before.length)
      .equals(before),
    'nothing overwritten',
  );
  const [first, second] = await Promise.all([0, 1].map((fork) => ledger.recordAt(DEVICE, 1, 5, fork)));
  t.notSame(first, second, 'whoever reads on in one line is not given records of the other');
  t.same(readdirSync(folder).sort(), [`${DEVICE}.cpj`, `${DEVICE}.fork-1.cpj`]);
  const again = open(folder).ledger;
  t.match(await again.store(DEVICE, batchOf(4, 6)), { kind: 'known' }, 'and after a restart');
});

t.test('a wiped disk counts its epochs anew: kept beside', async (t) => {
  const folder = t.testdir({});
  const { ledger } = open(folder);
  const one = epoch(1, null, 2);
  await ledger.store(DEVICE, one.batch());
  const anew = epoch(1, null, 1);
  t.match(await ledger.store(DEVICE, anew.batch()), { kind: 'stored', place: anew.place });
  const next = epoch(2, anew.place, 1);
  t.match(await ledger.store(DEVICE, next.batch()), { kind: 'stored', place: next.place });
  t.equal(stored(folder, `${DEVICE}.fork-1.cpj`).frames.length, 4, 'its next epoch follows it there');
});

t.test('what is no journal is rejected', async (t) => {
  const { ledger } = open(t.testdir({}));
  const journal = epoch(1, null, 3);
  const good = journal.batch();
  const [start = Buffer.alloc(0), second = Buffer.alloc(0)] = journal.bodies;
  const other = new TestJournal('gz-bus-b2', 1, null, LEDGER_KEY);
  const sealed = (seal: { readonly key: number; readonly step: number }) =>
    Buffer.from(JSON.stringify({ ...JSON.parse(second.toString()), sealed: { ...seal, box: 'AAAA' } }));
  const cases: [string, Parameters<Ledger['store']>[1]][] = [
    ['record-shape', { ...good, records: [start, Buffer.from('{}')] }],
    ['record-number', { ...good, records: [start, start] }],
    ['record-number', { ...good, epoch: 2 }],
    ['record-number', { ...good, first: 2 }],
    [
      'start-place',
      { ...good, first: 1, records: [Buffer.from(second.toString().replace('"seq":2', '"seq":1'))] },
    ],
    ['start-base', { ...good, previous: '22'.repeat(32) }],
    ['start-facts', other.batch()],
    ['record-seal', { ...good, records: [start, sealed({ key: 1, step: MAX_RECORD_KEY_STEPS })] }],
    ['record-seal', { ...good, records: [start, sealed({ key: 2, step: 0 })] }],
  ];
  for (const [reason, batch] of cases) {
    t.same(await ledger.store(DEVICE, batch), { kind: 'rejected', reason }, reason);
  }
  t.equal(await ledger.place(DEVICE), null);
});

t.test('a tail torn at any byte of the last record is cut, and the record comes again', async (t) => {
  const folder = t.testdir({});
  const journal = epoch(1, null, 2);
  await open(folder).ledger.store(DEVICE, journal.batch());
  const path = join(folder, `${DEVICE}.cpj`);
  const whole = readFileSync(path);
  const [, , last] = stored(folder).frames;
  for (let length = last?.from ?? 0; length < whole.length; length++) {
    truncateSync(path, length);
    const { ledger } = open(folder);
    const place = await ledger.place(DEVICE);
    const result = await ledger.store(DEVICE, journal.batch(3, 3));
    if (place?.seq !== 2 || result.kind !== 'stored' || !readFileSync(path).equals(whole)) {
      throw new Error(`cut at byte ${length}`);
    }
  }
  t.pass('whole again');
});

t.test('who only reads leaves a torn tail alone: it may be on its way', async (t) => {
  const folder = t.testdir({});
  const journal = epoch(1, null, 1);
  await open(folder).ledger.store(DEVICE, journal.batch());
  const path = join(folder, `${DEVICE}.cpj`);
  appendFileSync(path, 'CPJ1');
  const size = readFileSync(path).length;
  t.same(await open(folder, appendDurable, false).ledger.place(DEVICE), journal.place);
  t.equal(readFileSync(path).length, size);
});

t.test('a flush that fails stores nothing, and the batch can come again', async (t) => {
  const folder = t.testdir({});
  let fail = false;
  const append: Append = async (path, atByte, bytes) => {
    await appendDurable(path, atByte, bytes);
    if (fail) throw new Error('EIO');
  };
  const { ledger } = open(folder, append);
  const journal = epoch(1, null, 3);
  await ledger.store(DEVICE, journal.batch(1, 2));
  fail = true;
  await t.rejects(ledger.store(DEVICE, journal.batch(3, 4)), /EIO/);
  t.match(await ledger.place(DEVICE), { seq: 2 }, 'bytes in the file that no flush vouches for are no place');
  fail = false;
  t.match(await ledger.store(DEVICE, journal.batch(3, 4)), { kind: 'stored', place: journal.place });
  t.equal(stored(folder).frames.length, 4);
  t.same(stored(folder).damaged, []);
});

t.test('killed between append and ack: the batch is known, not stored twice', async (t) => {
  const folder = t.testdir({});
  const journal = epoch(1, null, 3);
  await open(folder).ledger.store(DEVICE, journal.batch());
  t.match(await open(folder).ledger.store(DEVICE, journal.batch()), { kind: 'known', place: journal.place });
  t.equal(stored(folder).frames.length, 4);
});

t.test('another process that writes the same file is noticed, and nothing is overwritten', async (t) => {
  const folder = t.testdir({});
  const one = open(folder).ledger;
  const two = open(folder).ledger;
  const journal = epoch(1, null, 5);
  await one.store(DEVICE, journal.batch(1, 2));
  await two.store(DEVICE, journal.batch(1, 4));
  await t.rejects(one.store(DEVICE, journal.batch(3, 4)), { code: 'ledger.moved' });
  t.match(
    await one.store(DEVICE, journal.batch(3, 4)),
    { kind: 'known' },
    'it has read what the other wrote',
  );
  t.match(await one.store(DEVICE, journal.batch(5, 6)), { kind: 'stored', place: journal.place });
  t.equal(stored(folder).frames.length, 6);
});

t.test('records that a gate has lost itself are a named gap, and what follows is kept', async (t) => {
  const folder = t.testdir({});
  const { ledger, logged } = open(folder);
  const journal = epoch(1, null, 9);
  await ledger.store(DEVICE, journal.batch(1, 4));
  const place = { epoch: 1, seq: 10, head: journal.headAt(10).toString('hex') };
  t.match(await ledger.store(DEVICE, { ...journal.batch(7, 10), gap: true }), { kind: 'stored', place });
  t.same(await ledger.place(DEVICE), place);
  t.match(logged.at(-1), /error journal gap: .* before=7 after=4/);
  t.match(await ledger.store(DEVICE, { ...journal.batch(7, 10), gap: true }), { kind: 'known', place });
  const next = epoch(2, place, 1);
  t.match(
    await ledger.store(DEVICE, next.batch(1, 2)),
    { kind: 'stored' },
    'the next epoch goes on from there',
  );
});

t.test('an epoch whose beginning is lost on the gate is kept too', async (t) => {
  const folder = t.testdir({});
  const { ledger } = open(folder);
  const journal = epoch(1, null, 5);
  t.match(await ledger.store(DEVICE, { ...journal.batch(3, 6), gap: true }), {
    kind: 'stored',
    place: { seq: 6 },
  });
});

t.test('a gap cannot be put into an epoch that is over', async (t) => {
  const folder = t.testdir({});
  const { ledger } = open(folder);
  const first = epoch(1, null, 9);
  await ledger.store(DEVICE, first.batch(1, 4));
  const second = epoch(2, { epoch: 1, seq: 4, head: first.headAt(4).toString('hex') }, 1);
  await ledger.store(DEVICE, second.batch(1, 2));
  t.match(await ledger.store(DEVICE, { ...first.batch(7, 10), gap: true }), { kind: 'rejected' });
});

t.test('a gap is as wide as a gate can have lost, not as wide as a number can say', async (t) => {
  const { ledger } = open(t.testdir({}));
  const journal = epoch(1, null, 3);
  await ledger.store(DEVICE, journal.batch());
  const at = (seq: number) => {
    const record = Buffer.from((journal.bodies[1] ?? '').toString().replace('"seq":2', `"seq":${seq}`));
    return { epoch: 1, first: seq, previous: '11'.repeat(32), records: [record], gap: true as const };
  };
  t.same(await ledger.store(DEVICE, at(1_000_005)), { kind: 'rejected', reason: 'gap-too-wide' });
  t.match(await ledger.place(DEVICE), { seq: 4 });
  t.match(await ledger.store(DEVICE, at(1_000_004)), { kind: 'stored', place: { seq: 1_000_004 } });
});

t.test('a disk that fails while a fork is begun makes no forks', async (t) => {
  const folder = t.testdir({});
  let fails = true;
  const append: Append = async (path, atByte, bytes) => {
    await appendDurable(path, atByte, bytes);
    if (fails && path.endsWith('.fork-1.cpj')) throw new Error('EIO');
  };
  const { ledger } = open(folder, append);
  await ledger.store(DEVICE, epoch(1, null, 2).batch());
  const anew = epoch(1, null, 1);
  for (let n = 0; n < 40; n++) await t.rejects(ledger.store(DEVICE, anew.batch()), /EIO/);
  t.same(readdirSync(folder).sort(), [`${DEVICE}.cpj`, `${DEVICE}.fork-1.cpj`]);
  truncateSync(join(folder, `${DEVICE}.fork-1.cpj`), 20);
  await t.rejects(open(folder, append).ledger.store(DEVICE, anew.batch()), /EIO/, 'nor after a restart');
  t.equal(readdirSync(folder).length, 2);
  fails = false;
  t.match(await ledger.store(DEVICE, anew.batch()), { kind: 'stored', place: anew.place });
  t.match(await ledger.store(DEVICE, anew.batch()), { kind: 'known' });
  t.equal(stored(folder, `${DEVICE}.fork-1.cpj`).frames.length, 2, 'what the failed tries left is cut');
  t.match(await ledger.store(DEVICE, epoch(1, null, 1).batch()), { kind: 'stored' });
  t.ok(readdirSync(folder).includes(`${DEVICE}.fork-2.cpj`));
});

t.test('a fork that another process has begun is read, not overwritten', async (t) => {
  const folder = t.testdir({});
  const [one, two] = [open(folder).ledger, open(folder).ledger];
  const main = epoch(1, null, 2);
  await one.store(DEVICE, main.batch());
  t.match(await two.store(DEVICE, main.batch()), { kind: 'known' });
  const [first, second] = [epoch(1, null, 1), epoch(1, null, 1)];
  await one.store(DEVICE, first.batch());
  await t.rejects(two.store(DEVICE, second.batch()), { code: 'ledger.moved' });
  t.match(await two.store(DEVICE, first.batch()), { kind: 'known' });
  t.match(await two.store(DEVICE, second.batch()), { kind: 'stored' });
  t.same(readdirSync(folder).length, 3);
});
