import t from 'tap';
import { ledgerFolder, readKeyPair, readSiteKey } from '../../../central/keys.js';
import { BootClocks } from '../../../central/ledger/bootClocks.js';
import { type EventLine, EventReader } from '../../../central/ledger/events.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import { unwrapWith } from '../../../central/ledger/reading.js';
import { People } from '../../../central/rules/people.js';
import { silentLog } from '../../../platform/log.js';
import type { JournalRecord } from '../../../protocol/journal/record.js';
import { sm2Decrypt } from '../../../protocol/sm/sm2.js';
import { RECORD } from '../../protocol/journal/samples.js';
import { TestJournal } from '../device.js';
import { makeFolder, type TestScope } from '../harness.js';

const DEVICE = 'gz-bus-a1';
const NOON_MS = Date.UTC(2026, 5, 1, 12);
const YEAR_MS = 365 * 24 * 3_600_000;
const BOOT = 'b0b1b2b3b4b5b6b7';
const OTHER_BOOT = 'c0c1c2c3c4c5c6c7';

const record = (seq: number, monoMs: number, changes: Partial<JournalRecord> = {}): JournalRecord => ({
  ...RECORD,
  ...{ epoch: 1, seq, kind: 'tap', boot: BOOT, monoMs, trusted: false, clear: undefined, ...changes },
});
const clockAt = (seq: number, monoMs: number, wallMs: number, changes: Partial<JournalRecord> = {}) =>
  record(seq, monoMs, { kind: 'clock', wallMs, trusted: true, clear: { source: 'central' }, ...changes });

t.test('a record that nobody had told the time is dated by what its boot was told', async (t) => {
  const cases: [string, JournalRecord[], JournalRecord, number | undefined][] = [
    ['later in the same start', [clockAt(9, 5_000, NOON_MS)], record(3, 2_000), NOON_MS - 3_000],
    [
      'earlier in the same boot',
      [clockAt(3, 1_000, NOON_MS)],
      record(3, 61_000, { epoch: 2 }),
      NOON_MS + 60_000,
    ],
    [
      'in a later start of the same boot',
      [clockAt(3, 90_000, NOON_MS, { epoch: 2 })],
      record(3, 30_000),
      NOON_MS - 60_000,
    ],
    [
      'by the next word after it, not by a clock that was set years later on',
      [clockAt(4, 5_000, NOON_MS), clockAt(9, 65_000, NOON_MS + 9 * YEAR_MS)],
      record(3, 4_000),
      NOON_MS - 1_000,
    ],
    ['not by another boot', [clockAt(9, 5_000, NOON_MS, { boot: OTHER_BOOT })], record(3, 2_000), undefined],
    [
      'not by a clock that is itself not trusted',
      [clockAt(9, 5_000, NOON_MS, { trusted: false })],
      record(3, 2_000),
      undefined,
    ],
    ['never before 1970', [clockAt(9, NOON_MS, 1_000)], record(3, 0), 0],
    [
      'one that was told keeps its own time',
      [clockAt(9, 5_000, NOON_MS)],
      record(3, 2_000, { trusted: true, wallMs: 77 }),
      77,
    ],
  ];
  for (const [what, marks, of, expected] of cases) {
    const clocks = new BootClocks();
    for (const mark of marks) clocks.note(mark);
    t.equal(clocks.wallMs(of), expected, what);
  }
});

async function openLedger(t: TestScope) {
  const folder = await makeFolder(t);
  const ledgerKey = await readKeyPair(folder, 'ledger');
  const errors: string[] = [];
  const log = { ...silentLog, error: (text: string) => void errors.push(text) };
  const ledger = new Ledger({ folder: ledgerFolder(folder), log, writes: true });
  const unwrap = unwrapWith(ledgerKey, async (ciphertext, key) => sm2Decrypt(ciphertext, key));
  const reader = new EventReader({
    folder,
    siteKey: await readSiteKey(folder),
    unwrap,
    people: People.nobody,
  });
  const poll = async (): Promise<EventLine[]> => {
    const lines: EventLine[] = [];
    for await (const line of reader.poll()) lines.push(line);
    return lines;
  };
  return { ledgerKey, ledger, poll, errors };
}

for (const [what, believedMs] of [
  ['1970', 0],
  ['a year ahead', NOON_MS + YEAR_MS],
  ['twenty years ahead', NOON_MS + 20 * YEAR_MS],
] as const) {
  t.test(`events of a gate that believed in ${what} are dated by its clock record`, async (t) => {
    const { ledgerKey, ledger, poll } = await openLedger(t);
    const journal = new TestJournal(DEVICE, 1, null, ledgerKey, false);
    journal.add('routine', { monoMs: 60_000, wallMs: believedMs });
    await ledger.store(DEVICE, journal.batch());
    t.match(
      (await poll()).at(-1),
      { at: new Date(believedMs).toISOString(), trusted: false },
      'not known yet',
    );
    const first = journal.seq;
    journal.add('routine', { monoMs: 70_000, wallMs: believedMs + 10_000 });
    journal.clock(100_000, NOON_MS);
    await ledger.store(DEVICE, journal.batch(first + 1));
    const [dated, clock, ...others] = await poll();
    t.match(dated, { kind: 'routine', at: new Date(NOON_MS - 30_000).toISOString(), trusted: undefined });
    t.match(clock, { kind: 'clock', at: new Date(NOON_MS).toISOString() });
    t.equal(others.length, 0, 'what was printed is not printed again');
  });
}

t.test('a cloned disk: both histories are kept, and central events raises an alarm once', async (t) => {
  const { ledgerKey, ledger, poll, errors } = await openLedger(t);
  const one = new TestJournal(DEVICE, 1, null, ledgerKey);
  one.verdict(one.tap());
  await ledger.store(DEVICE, one.batch());
  t.notMatch(JSON.stringify(await poll()), /alarm/);
  const clone = new TestJournal(DEVICE, 1, null, ledgerKey);
  clone.verdict(clone.tap());
  await ledger.store(DEVICE, clone.batch());
  const lines = await poll();
  t.match(lines[0], { kind: 'alarm', alarm: 'journal.forked', device: DEVICE, epoch: 1, seq: 1, fork: 1 });
  t.same(
    lines.map(({ kind }) => kind),
    ['alarm', 'start', 'key', 'tap', 'verdict'],
  );
  t.match(errors.join('\n'), /journal forked/);
  one.verdict(one.tap());
  clone.verdict(clone.tap());
  await ledger.store(DEVICE, one.batch(5));
  await ledger.store(DEVICE, clone.batch(5));
  const more = await poll();
  t.same(
    more.map(({ kind, fork }) => `${kind} ${fork ?? 0}`),
    ['tap 0', 'verdict 0', 'tap 1', 'verdict 1'],
  );
});

t.test(
  'a disk that was rolled back: what it had lost is kept, and central events raises an alarm',
  async (t) => {
    const { ledgerKey, ledger, poll } = await openLedger(t);
    const one = new TestJournal(DEVICE, 1, null, ledgerKey);
    one.verdict(one.tap());
    const at = one.place;
    one.verdict(one.tap());
    await ledger.store(DEVICE, one.batch());
    const back = new TestJournal(DEVICE, 2, at, ledgerKey);
    await ledger.store(DEVICE, back.batch());
    await ledger.store(DEVICE, new TestJournal(DEVICE, 3, back.place, ledgerKey).batch());
    await ledger.store(DEVICE, new TestJournal(DEVICE, 4, null, ledgerKey).batch());
    const lines = await poll();
    t.same(
      lines.filter(({ kind }) => kind === 'alarm').map(({ epoch, alarm }) => `${epoch} ${alarm}`),
      ['2 journal.rolled-back', '4 journal.rolled-back'],
    );
    t.equal(lines.filter(({ kind }) => kind === 'tap').length, 2);
  },
);
