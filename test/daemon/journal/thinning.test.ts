import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { ledgerFolder } from '../../../central/keys.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import { verifyLedger } from '../../../central/ledger/verify.js';
import { readSegment, type Segment, unbroken } from '../../../daemon/journal/segments.js';
import { factsOf, thinned } from '../../../daemon/journal/thinning.js';
import { silentLog } from '../../../platform/log.js';
import { encodeFrame, scanFrames } from '../../../protocol/journal/frame.js';
import { classNameOf } from '../../../protocol/journal/record.js';
import { generateSm2KeyPair } from '../../../protocol/sm/sm2.js';
import { keyId } from '../../../protocol/sm/sm2Key.js';
import { TestJournal } from '../../central/device.js';
import { MemoryDisk } from '../../support/memoryDisk.js';

const DEVICE = 'gz-bus-a1';
const { publicKey } = generateSm2KeyPair();
const LEDGER_KEY = { id: keyId(publicKey), publicKey };
const SEGMENT: Segment = { name: '00000001-000001-0000000001.cpj', epoch: 1, ordinal: 1, first: 1 };
const RANGE = { epoch: 1, first: 1, endBefore: Number.POSITIVE_INFINITY };
const atOnce = async () => {};

const framesOf = (journal: TestJournal) =>
  Buffer.concat(journal.bodies.map((body, at) => encodeFrame(journal.headAt(at), body)));

async function stored(bytes: Buffer) {
  const disk = new MemoryDisk();
  disk.put(SEGMENT.name, bytes);
  return readSegment(disk, SEGMENT);
}

const kinds = fc.array(fc.constantFrom('tap', 'alarm', 'config', 'key'), { minLength: 1, maxLength: 40 });

function journalOf(list: readonly string[]): TestJournal {
  const journal = new TestJournal(DEVICE, 1, null, LEDGER_KEY);
  for (const kind of list) {
    if (kind === 'tap') journal.tap();
    else if (kind === 'alarm') journal.alarm('central.silent');
    else journal.add(kind);
  }
  return journal;
}

t.test(
  'whatever is thinned out, the chain proves, and central takes it and finds nothing undeclared',
  async (t) => {
    let run = 0;
    const folder = t.testdir({});
    await fc.assert(
      fc.asyncProperty(kinds, fc.subarray([3, 2, 1]), fc.nat(45), async (list, classes, size) => {
        const journal = journalOf(list);
        let bytes: Buffer = framesOf(journal);
        for (const value of classes) {
          const found = factsOf(bytes, RANGE).counts[value] ?? 0;
          const done = await thinned(bytes, RANGE, value, atOnce);
          if ((done.dropped?.count ?? 0) !== found) return false;
          bytes = done.bytes;
          if (done.dropped === undefined) continue;
          const { first, last, count } = done.dropped;
          const counts = { [classNameOf(value)]: count };
          journal.add('dropped', { clear: { epoch: 1, first, last, counts, reason: 'room' } });
          bytes = Buffer.concat([
            bytes,
            encodeFrame(journal.headAt(journal.seq - 1), journal.bodies.at(-1) ?? bytes),
          ]);
        }
        const records = await stored(bytes);
        const isWhole =
          records.length === journal.seq &&
          unbroken(records).length === records.length &&
          records.at(-1)?.head.equals(journal.head) === true;
        if (!isWhole) return false;
        run += 1;
        const data = join(folder, `${run}`);
        mkdirSync(ledgerFolder(data), { recursive: true });
        const ledger = new Ledger({ folder: ledgerFolder(data), log: silentLog, writes: true });
        for (let at = 0; at < records.length; at += size + 1) {
          const some = records.slice(at, at + size + 1);
          const previous = some[0]?.previous.toString('hex') ?? '';
          const batch = { epoch: 1, first: at + 1, previous, records: some.map(({ entry }) => entry) };
          const answer = await ledger.store(DEVICE, batch);
          if (answer.kind !== 'stored') return false;
          if ((await ledger.store(DEVICE, batch)).kind !== 'known') return false;
        }
        for await (const report of verifyLedger(data, DEVICE, undefined)) {
          const links = records.filter(({ entry }) => !Buffer.isBuffer(entry)).length;
          const told = report.dropped.flatMap(({ counts }) => Object.values(counts));
          return report.whole && told.reduce((sum, count) => sum + count, 0) === links;
        }
        return false;
      }),
      { numRuns: 40 },
    );
  },
);

t.test('damage, and what is not of this segment, stays as it lies', async (t) => {
  const journal = journalOf(['tap', 'tap', 'tap', 'alarm']);
  const bytes = framesOf(journal);
  const { from = 0 } = scanFrames(bytes).frames[3] ?? {};
  bytes.writeUInt8(bytes.readUInt8(from + 60) ^ 1, from + 60);
  const { bytes: after, dropped } = await thinned(bytes, { ...RANGE, endBefore: 5 }, 2, atOnce);
  t.same(
    dropped,
    { first: 3, last: 3, count: 1 },
    'of 3, 4 and 5 one is damaged, and one lies in the next file too',
  );
  const scan = scanFrames(after);
  t.equal(scan.links.length, 1);
  t.equal(scan.frames.length, scanFrames(bytes).frames.length - 1);
  const { from: badFrom = 0, to: badTo = 0 } = scan.damaged[0] ?? {};
  const { from: wasFrom = 0, to: wasTo = 0 } = scanFrames(bytes).damaged[0] ?? {};
  t.same(after.subarray(badFrom, badTo), bytes.subarray(wasFrom, wasTo));
  t.same((await thinned(after, { ...RANGE, endBefore: 5 }, 2, atOnce)).bytes, after, 'nothing more to do');
});

t.test('others have their turn meanwhile', async (t) => {
  let turns = 0;
  const bytes = framesOf(journalOf(Array.from({ length: 100 }, () => 'tap')));
  await thinned(bytes, RANGE, 2, async () => {
    turns += 1;
  });
  t.equal(turns, 3);
});

t.test('a ledger in which a record was exchanged for its link is not whole', async (t) => {
  const journal = journalOf(['tap', 'tap', 'alarm']);
  const folder = t.testdir({});
  mkdirSync(ledgerFolder(folder), { recursive: true });
  const { bytes } = await thinned(framesOf(journal), RANGE, 1, atOnce);
  writeFileSync(join(ledgerFolder(folder), `${DEVICE}.cpj`), bytes);
  for await (const report of verifyLedger(folder, DEVICE, undefined)) {
    t.equal(report.whole, false);
    t.match(report.faults, [{ kind: 'undeclared', epoch: 1, seq: 5, detail: /no dropped record/ }]);
    t.same(report.dropped, []);
  }
});
