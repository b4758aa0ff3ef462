import { randomBytes } from 'node:crypto';
import t from 'tap';
import { RecordReader } from '../../../central/ledger/reading.js';
import type { JournalRecord, KeyFacts } from '../../../protocol/journal/record.js';
import { MAX_RECORD_KEY_STEPS, RecordKey, sealContent } from '../../../protocol/journal/seal.js';
import { presented } from '../device.js';

const DEVICE = 'gz-bus-a1';
const FIRST = randomBytes(32);
const FACTS: KeyFacts = { ledgerKey: '00'.repeat(8), wrapped: `04${'00'.repeat(128)}` };

const record = (seq: number, part: Partial<JournalRecord>): JournalRecord => ({
  v: 1,
  epoch: 1,
  seq,
  kind: 'tap',
  class: 2,
  boot: '00'.repeat(8),
  monoMs: 0,
  wallMs: 0,
  trusted: true,
  ...part,
});

const KEY = record(2, { kind: 'key', class: 0, clear: FACTS });

/** Taps under one key, from step 0. */
function taps(count: number): JournalRecord[] {
  const key = new RecordKey(FIRST);
  return Array.from({ length: count }, (_, step) => {
    const seq = 3 + step;
    const address = { device: DEVICE, epoch: 1, seq, kind: 'tap' };
    return record(seq, { sealed: sealContent(key, 2, address, randomBytes(12), presented()) });
  });
}

function open(findKey?: ConstructorParameters<typeof RecordReader>[2]) {
  const asked: KeyFacts[] = [];
  const unwrap = async (facts: KeyFacts) => {
    asked.push(facts);
    return FIRST;
  };
  return { reader: new RecordReader(DEVICE, unwrap, findKey), asked };
}

const sealedAs = (tap: JournalRecord, change: { readonly key?: number; readonly step?: number }) => {
  if (tap.sealed === undefined) throw new Error('not sealed');
  return { ...tap, sealed: { ...tap.sealed, ...change } };
};

t.test('records open in order, again, and to and fro, with one unwrapping', async (t) => {
  const { reader, asked } = open();
  reader.note(KEY);
  const list = taps(80);
  for (const tap of [...list, ...list.slice(0, 3), ...list.slice(-1), ...list.slice(0, 1)]) {
    t.equal((await reader.open(tap)).ok, true, `${tap.seq}`);
  }
  t.equal(asked.length, 1);
});

t.test('records that are opened at once do not disturb one another', async (t) => {
  const { reader } = open();
  reader.note(KEY);
  const list = taps(80);
  const openings = await Promise.all(
    [...list.slice(40), ...list.slice(0, 40)].map((tap) => reader.open(tap)),
  );
  t.ok(openings.every(({ ok }) => ok));
});

t.test('a key that was not noted is looked up; without one nothing is said against the record', async (t) => {
  const [tap = KEY] = taps(1);
  t.equal((await open(async () => KEY).reader.open(tap)).ok, true);
  t.same(await open().reader.open(tap), { ok: false, reason: 'no-key' });
});

t.test('what cannot be opened says why', async (t) => {
  const [tap = KEY] = taps(1);
  const cases: [string, JournalRecord, string][] = [
    ['nothing sealed', KEY, 'not-sealed'],
    ['a step that the key cannot have reached', sealedAs(tap, { step: 1 }), 'altered'],
    ['another place', { ...tap, seq: 4 }, 'altered'],
    ['another kind', { ...tap, kind: 'verdict' }, 'altered'],
    ['a key that comes later', sealedAs(tap, { key: 3 }), 'altered'],
    ['a step beyond all', sealedAs({ ...tap, seq: 1e9 }, { step: MAX_RECORD_KEY_STEPS }), 'too-many-steps'],
    [
      'the last step that there is',
      sealedAs({ ...tap, seq: 1e9 }, { step: MAX_RECORD_KEY_STEPS - 1 }),
      'altered',
    ],
  ];
  for (const [name, given, reason] of cases) {
    const { reader } = open();
    reader.note(KEY);
    t.same(await reader.open(given), { ok: false, reason }, name);
  }
});

t.test('a device that says a billion steps costs no time', async (t) => {
  const { reader } = open();
  reader.note(KEY);
  const [tap = KEY] = taps(1);
  const invented = sealedAs({ ...tap, seq: Number.MAX_SAFE_INTEGER }, { step: 1_000_000_000 });
  t.match(await reader.open(invented), { ok: false });
});

t.test('a long walk lets others have their turn first', async (t) => {
  const { reader } = open();
  reader.note(KEY);
  const [tap = KEY] = taps(1);
  let turns = 0;
  const other = setImmediate(() => {
    turns += 1;
  });
  await reader.open(sealedAs({ ...tap, seq: 1e9 }, { step: 1000 }));
  t.equal(turns, 1);
  clearImmediate(other);
});
