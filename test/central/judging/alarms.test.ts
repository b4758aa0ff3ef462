import t from 'tap';
import { Alarms } from '../../../central/judging/alarms.js';
import type { ChainedRecord } from '../../../central/ledger/batch.js';
import { unwrapWith } from '../../../central/ledger/reading.js';
import { ManualClock } from '../../../platform/clock.js';
import { createLog } from '../../../platform/log.js';
import { parseRecord } from '../../../protocol/journal/record.js';
import { generateSm2KeyPair, sm2Decrypt } from '../../../protocol/sm/sm2.js';
import { keyId } from '../../../protocol/sm/sm2Key.js';
import { TestJournal } from '../device.js';

const DEVICE = 'gz-bus-a1';
const { publicKey, privateKey } = generateSm2KeyPair();
const LEDGER_KEY = { id: keyId(publicKey), publicKey, privateKey };

const storedOf = (journal: TestJournal): ChainedRecord[] =>
  journal.bodies.map((body, at) => {
    const parsed = parseRecord(body);
    if (!parsed.ok) throw new Error(parsed.reason);
    return { record: parsed.value, body, previous: journal.headAt(at), head: journal.headAt(at + 1) };
  });

function open() {
  const lines: string[] = [];
  const clock = new ManualClock();
  let unwrapped = 0;
  const ledger: { records: readonly ChainedRecord[] } = { records: [] };
  const alarms = new Alarms({
    unwrap: unwrapWith(LEDGER_KEY, async (ciphertext, key) => {
      unwrapped += 1;
      return sm2Decrypt(ciphertext, key);
    }),
    recordAt: async (_device, epoch, seq) =>
      ledger.records.find(({ record }) => record.epoch === epoch && record.seq === seq)?.record,
    clock,
    log: createLog((line) => lines.push(line.replace(/^\S+ (\w+) +/, '$1 '))),
  });
  const store = (journal: TestJournal, from = 0) => {
    ledger.records = storedOf(journal);
    return alarms.stored(DEVICE, ledger.records.slice(from));
  };
  return { alarms, lines, clock, store, unwrapped: () => unwrapped };
}

t.test('an alarm is told with its device, its place and its code, as it comes', async (t) => {
  const { alarms, lines, store } = open();
  const journal = new TestJournal(DEVICE, 3, null, LEDGER_KEY);
  const silent = journal.alarm('central.silent');
  await store(journal);
  t.same(lines, [`warn alarm device=${DEVICE} record=3/${silent} alarm=central.silent`]);
  const twin = journal.alarm('identity.duplicate', { boot: 'aa', other: 'bb' });
  await store(journal, twin - 1);
  t.match(lines[1], `record=3/${twin} alarm=identity.duplicate detail=boot:aa+other:bb`);
  t.equal(alarms.told, 2);
});

t.test('visits cost it nothing', async (t) => {
  const { alarms, store, unwrapped } = open();
  const journal = new TestJournal(DEVICE, 1, null, LEDGER_KEY);
  journal.verdict(journal.tap());
  await store(journal);
  t.equal(alarms.told, 0);
  t.equal(unwrapped(), 0);
});

t.test('two histories of one device have other keys in the same places: both are read', async (t) => {
  const { lines, store } = open();
  for (const other of ['aa', 'bb']) {
    const journal = new TestJournal(DEVICE, 1, null, LEDGER_KEY);
    journal.alarm('identity.duplicate', { other });
    await store(journal);
  }
  t.match(lines[0], 'other:aa');
  t.match(lines[1], 'other:bb');
});

t.test('an alarm that cannot be read is told of, too', async (t) => {
  const { lines, store } = open();
  const journal = new TestJournal(DEVICE, 1, null, LEDGER_KEY);
  journal.alarm('central.silent');
  journal.add('alarm');
  await store(journal);
  t.match(lines[1], `alarm unreadable device=${DEVICE} record=1/4 reason=not-sealed`);
});

t.test('a gate that sends nothing but alarms does not fill the log', async (t) => {
  const { alarms, lines, store } = open();
  const journal = new TestJournal(DEVICE, 1, null, LEDGER_KEY);
  for (let i = 0; i < 50; i++) journal.alarm(`central.silent-${i}`);
  await store(journal);
  t.equal(alarms.told, 50);
  t.equal(lines.length, 6);
});
