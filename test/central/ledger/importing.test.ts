import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { deviceIn, importFrames } from '../../../central/ledger/importing.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import { silentLog } from '../../../platform/log.js';
import { encodeFrame } from '../../../protocol/journal/frame.js';
import { generateSm2KeyPair } from '../../../protocol/sm/sm2.js';
import { TestJournal } from '../device.js';

const DEVICE = 'gz-bus-a1';
const ledgerKey = { id: '0011223344556677', publicKey: generateSm2KeyPair().publicKey };

/** An epoch with so many visits. */
function epoch(number: number, before: TestJournal | null, visits: number): TestJournal {
  const journal = new TestJournal(DEVICE, number, before?.place ?? null, ledgerKey);
  for (let count = 0; count < visits; count++) journal.verdict(journal.tap());
  return journal;
}

/** The frames of some of a journal's records, as a file has them. */
function frames(journal: TestJournal, first = 1, last = journal.seq): Buffer {
  const bodies = journal.bodies.slice(first - 1, last);
  return Buffer.concat(bodies.map((body, at) => encodeFrame(journal.headAt(first - 1 + at), body)));
}

/** A ledger, and files that are carried to it. */
class Desk {
  readonly ledger: Ledger;
  readonly file: string;

  constructor(private readonly folder: string) {
    mkdirSync(join(folder, 'ledger'));
    this.ledger = new Ledger({ folder: join(folder, 'ledger'), log: silentLog, writes: false });
    this.file = join(folder, 'export.cpj');
  }

  take(...bytes: readonly Uint8Array[]) {
    writeFileSync(this.file, Buffer.concat(bytes));
    return importFrames(this.ledger, DEVICE, this.file, () => {});
  }

  stored(name = DEVICE): Buffer {
    return readFileSync(join(this.folder, 'ledger', `${name}.cpj`));
  }
}

t.test(
  'what a gate exported becomes its ledger file, byte for byte, and is known the second time',
  async (t) => {
    const desk = new Desk(t.testdir({}));
    const first = epoch(1, null, 5);
    // More than fit into one batch.
    const second = epoch(2, first, 400);
    const records = first.seq + second.seq;
    const all = [frames(first), frames(second)];
    t.match(await desk.take(...all), { records, stored: records, known: 0, gaps: 0, refusedRecords: 0 });
    t.same(desk.stored(), Buffer.concat(all));
    t.equal(await deviceIn(desk.file), DEVICE);
    t.match(await desk.take(...all), { records, stored: 0, known: records });
    t.same(desk.stored(), Buffer.concat(all));
  },
);

t.test('what came by the network already is passed over, and the rest goes behind it', async (t) => {
  const desk = new Desk(t.testdir({}));
  const journal = epoch(1, null, 20);
  await desk.ledger.store(DEVICE, journal.batch(1, 15));
  const rest = journal.seq - 15;
  t.match(await desk.take(frames(journal)), { stored: rest, known: 15, gaps: 0 });
  t.same(desk.stored(), frames(journal));
});

t.test('a gate that has removed what central had: its file begins in the middle, and fits', async (t) => {
  const desk = new Desk(t.testdir({}));
  const journal = epoch(1, null, 20);
  await desk.ledger.store(DEVICE, journal.batch(1, 15));
  t.match(await desk.take(frames(journal, 10)), { stored: journal.seq - 15, known: 6, gaps: 0 });
  t.same(desk.stored(), frames(journal));
  t.equal(await deviceIn(desk.file), undefined, 'it does not say whose it is');
});

t.test('records that are nowhere any more are a gap, and what follows is kept', async (t) => {
  const desk = new Desk(t.testdir({}));
  const journal = epoch(1, null, 20);
  const done = await desk.take(frames(journal, 1, 10), frames(journal, 14, 20), frames(journal, 30));
  t.match(done, { gaps: 2, refusedRecords: 0, stored: 10 + 7 + (journal.seq - 29) });
});

t.test('another history is kept beside the one that was known', async (t) => {
  const desk = new Desk(t.testdir({}));
  const ours = epoch(1, null, 5);
  await desk.ledger.store(DEVICE, ours.batch());
  const other = epoch(1, null, 3);
  const done = await desk.take(frames(other));
  t.same([...done.forks], [1]);
  t.same(desk.stored(), frames(ours));
  t.same(desk.stored(`${DEVICE}.fork-1`), frames(other));
});

t.test('an altered record is not chained anew: what follows it is another history', async (t) => {
  const desk = new Desk(t.testdir({}));
  const journal = epoch(1, null, 10);
  const body = Buffer.from(journal.bodies[9]?.toString('utf8').replace('true', 'false') ?? '');
  const altered = encodeFrame(journal.headAt(9), body);
  const done = await desk.take(frames(journal, 1, 9), altered, frames(journal, 11));
  t.equal(done.forks.size, 1);
  t.same(desk.stored(), Buffer.concat([frames(journal, 1, 9), altered]));
});

t.test('bytes that hold no record are counted, and cost no other', async (t) => {
  const desk = new Desk(t.testdir({}));
  const journal = epoch(1, null, 5);
  const junk = Buffer.alloc(100, 'CPJ1');
  const done = await desk.take(junk, frames(journal), junk);
  t.match(done, { stored: journal.seq, damagedBytes: 200 });
  t.match(await desk.take(junk), { records: 0, stored: 0, damagedBytes: 100 });
});

t.test('the records of another gate are refused', async (t) => {
  const desk = new Desk(t.testdir({}));
  const other = new TestJournal('gz-bus-b2', 1, null, ledgerKey);
  other.verdict(other.tap());
  const done = await desk.take(frames(other));
  t.match(done, {
    stored: 0,
    refusedRecords: other.seq,
    refused: [{ epoch: 1, seq: 1, reason: 'start-facts' }],
  });
});
