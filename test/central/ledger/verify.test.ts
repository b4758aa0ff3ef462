import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ledgerFolder, readKeyPair, readSiteKey } from '../../../central/keys.js';
import { type EventLine, EventReader } from '../../../central/ledger/events.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import { unwrapWith } from '../../../central/ledger/reading.js';
import { type DeviceReport, verifyLedger } from '../../../central/ledger/verify.js';
import { People, parsePeople } from '../../../central/rules/people.js';
import { silentLog } from '../../../platform/log.js';
import { encodeFrame, scanFrames } from '../../../protocol/journal/frame.js';
import { linkOf, nextHead, parseRecord } from '../../../protocol/journal/record.js';
import { sm2Decrypt } from '../../../protocol/sm/sm2.js';
import { hmacSm3 } from '../../../protocol/sm/sm3.js';
import { ID_NUMBER, TestJournal } from '../device.js';
import { makeFolder, type TestScope } from '../harness.js';

const DEVICE = 'gz-bus-a1';

/** A ledger with one epoch: start, key, then three taps with their verdicts (records 3 to 8). */
async function build(t: TestScope) {
  const folder = await makeFolder(t);
  const ledgerKey = await readKeyPair(folder, 'ledger');
  const journal = new TestJournal(DEVICE, 1, null, ledgerKey);
  for (let n = 0; n < 3; n++) journal.verdict(journal.tap());
  const ledger = new Ledger({ folder: ledgerFolder(folder), log: silentLog, writes: true });
  await ledger.store(DEVICE, journal.batch());
  const unwrap = unwrapWith(ledgerKey, async (ciphertext, key) => sm2Decrypt(ciphertext, key));
  const verify = async (key: typeof unwrap | 'no key' = unwrap): Promise<DeviceReport> => {
    for await (const report of verifyLedger(folder, undefined, key === 'no key' ? undefined : key))
      return report;
    throw new Error('no report');
  };
  const events = async (people = People.nobody, reader?: EventReader): Promise<EventLine[]> => {
    const options = { folder, siteKey: await readSiteKey(folder), unwrap, people };
    const lines: EventLine[] = [];
    for await (const line of (reader ?? new EventReader(options)).poll()) lines.push(line);
    return lines;
  };
  const path = join(ledgerFolder(folder), `${DEVICE}.cpj`);
  const frames = () =>
    scanFrames(readFileSync(path)).frames.map(({ previous, body }) => ({ previous, body }));
  const write = (list: readonly { readonly previous: Buffer; readonly body: Buffer }[]) =>
    writeFileSync(path, Buffer.concat(list.map(({ previous, body }) => encodeFrame(previous, body))));
  return { folder, ledger, ledgerKey, journal, unwrap, verify, events, path, frames, write };
}

const edited = (body: Buffer, from: string, to: string) => Buffer.from(body.toString().replace(from, to));

t.test('a whole ledger is whole', async (t) => {
  const { verify, journal } = await build(t);
  t.match(await verify(), {
    device: DEVICE,
    whole: true,
    records: 8,
    taps: 3,
    verdicts: 3,
    epochs: [1, 1],
    head: journal.place,
    sealsChecked: true,
    tapsWithoutVerdict: 0,
    faults: [],
  });
});

t.test('what was done to a ledger is named, with the first record that it hit', async (t) => {
  type Frames = { previous: Buffer; body: Buffer }[];
  const cases: [string, (frames: Frames) => Frames, string, number][] = [
    [
      'a time changed',
      (list) =>
        list.map((f, at) => (at === 3 ? { ...f, body: edited(f.body, '"monoMs":100', '"monoMs":900') } : f)),
      'altered',
      4,
    ],
    ['one removed', (list) => list.filter((_, at) => at !== 4), 'removed', 5],
    ['two removed', (list) => list.filter((_, at) => at !== 4 && at !== 5), 'removed', 5],
    ['the start removed', (list) => list.slice(1), 'removed', 1],
    [
      'two that changed places',
      (list) => [...list.slice(0, 4), list[5], list[4], ...list.slice(6)].filter((f) => f !== undefined),
      'reordered',
      5,
    ],
    ['one that is there twice', (list) => [...list.slice(0, 5), ...list.slice(4)], 'repeated', 5],
  ];
  for (const [name, change, kind, seq] of cases) {
    const { frames, write, verify, unwrap } = await build(t);
    write(change(frames()));
    for (const key of [unwrap, 'no key'] as const) {
      const report = await verify(key);
      t.equal(report.whole, false, name);
      t.match(report.faults[0], { kind, epoch: 1, seq, file: `${DEVICE}.cpj` }, name);
    }
  }
});

t.test('a record that was put in with a good chain is forged: nobody else has the key', async (t) => {
  const { frames, write, verify, ledgerKey } = await build(t);
  const list = frames();
  const last = list.at(-1);
  const parsed = last === undefined ? undefined : parseRecord(last.body);
  if (last === undefined || !parsed?.ok) throw new Error('no record');
  const previous = nextHead(last.previous, linkOf(parsed.value, last.body));
  const forged = edited(last.body, '"seq":8', '"seq":9');
  write([...list, { previous, body: forged }]);
  t.match((await verify()).faults, [{ kind: 'forged', epoch: 1, seq: 9 }]);
  const bare = Buffer.from(JSON.stringify({ ...JSON.parse(forged.toString()), sealed: undefined }));
  write([...list, { previous, body: bare }]);
  t.match((await verify()).faults, [{ kind: 'forged', epoch: 1, seq: 9 }], 'without any seal');
  t.ok(ledgerKey.id);
});

t.test('a sealed part changed in its place is altered, and named once', async (t) => {
  const { frames, write, verify } = await build(t);
  const list = frames().map((frame, at) => {
    if (at !== 4) return frame;
    const record = JSON.parse(frame.body.toString());
    const box = Buffer.from(record.sealed.box, 'base64');
    box[60] = (box[60] ?? 0) ^ 1;
    record.sealed.box = box.toString('base64');
    return { ...frame, body: Buffer.from(JSON.stringify(record)) };
  });
  write(list);
  t.match((await verify()).faults, [{ kind: 'altered', epoch: 1, seq: 5 }]);
});

t.test('a flipped bit in any record is found; only a torn tail is none', async (t) => {
  const { path, verify, frames } = await build(t);
  const whole = readFileSync(path);
  for (const [at, { from, to }] of scanFrames(whole).frames.entries()) {
    const rotten = Buffer.from(whole);
    const middle = Math.floor((from + to) / 2);
    rotten[middle] = (rotten[middle] ?? 0) ^ 4;
    writeFileSync(path, rotten);
    t.match((await verify('no key')).faults[0], { kind: 'altered', seq: at + 1 }, `record ${at + 1}`);
  }
  const { length } = whole;
  writeFileSync(path, whole.subarray(0, length - 7));
  t.match(await verify(), { whole: true, records: 7 });
  t.equal(frames().length, 7);
});

t.test('a last record whose length was made impossible is altered, not torn', async (t) => {
  const { path, verify } = await build(t);
  const bytes = readFileSync(path);
  bytes.writeUInt32BE(0x7fff_ffff, (scanFrames(bytes).frames.at(-1)?.from ?? 0) + 4);
  writeFileSync(path, bytes);
  t.match(await verify('no key'), { whole: false, faults: [{ kind: 'altered' }] });
});

t.test('gaps, roll-backs and forks are named', async (t) => {
  const { ledger, verify, journal, ledgerKey } = await build(t);
  const gap = new TestJournal(DEVICE, 3, { epoch: 2, seq: 5, head: '11'.repeat(32) }, ledgerKey);
  await ledger.store(DEVICE, gap.batch());
  t.match((await verify()).faults, [{ kind: 'gap', epoch: 3, seq: 1, detail: /nothing of epoch 2/ }]);
  const place = { epoch: 1, seq: 6, head: journal.headAt(6).toString('hex') };
  await ledger.store(DEVICE, new TestJournal(DEVICE, 4, place, ledgerKey).batch());
  t.match((await verify()).faults[1], { kind: 'rolled-back', epoch: 4, detail: /1\/6.*1\/8/ });
  await ledger.store(DEVICE, new TestJournal(DEVICE, 1, null, ledgerKey).batch());
  t.match((await verify()).faults[2], { kind: 'fork', epoch: 1, seq: 1, file: `${DEVICE}.fork-1.cpj` });
});

t.test('taps without verdict are counted, but for the newest', async (t) => {
  const { ledger, verify, journal } = await build(t);
  journal.tap();
  journal.tap();
  await ledger.store(DEVICE, journal.batch(9));
  t.match(await verify(), { whole: true, taps: 5, verdicts: 3, tapsWithoutVerdict: 1 });
  t.match(await verify('no key'), { sealsChecked: false, tapsWithoutVerdict: undefined, whole: true });
});

t.test('events tell who came by a pseudonym, what was decided, and nothing else', async (t) => {
  const { events, folder } = await build(t);
  const lines = await events();
  const at = (seq: number) => new Date(Date.UTC(2026, 0, 1, 1, 0, seq - 1)).toISOString();
  t.same(
    lines.map(({ kind }) => kind),
    ['start', 'key', 'tap', 'verdict', 'tap', 'verdict', 'tap', 'verdict'],
  );
  const subject = hmacSm3(await readSiteKey(folder), Buffer.from(ID_NUMBER)).toString('hex');
  const common = { device: DEVICE, epoch: 1 };
  t.same(lines.slice(2, 4), [
    {
      ...common,
      seq: 3,
      kind: 'tap',
      at: at(3),
      medium: 'id-card',
      assurance: 'sam',
      subject,
      lane: 'A1',
      direction: 'entry',
      schemes: ['health-code@1'],
    },
    {
      ...common,
      seq: 4,
      kind: 'verdict',
      at: at(4),
      tap: 3,
      outcome: 'pass',
      reasons: ['health.green'],
      action: 'open',
      decidedBy: 'central',
    },
  ]);
  t.notMatch(JSON.stringify(lines), /11010519491231002/);
});

t.test('a voided tap says so at its own place, also when the void comes later', async (t) => {
  const { events, journal, ledger, folder, unwrap } = await build(t);
  const tap = journal.tap();
  journal.voided(tap);
  await ledger.store(DEVICE, journal.batch(9));
  t.match((await events()).slice(8), [
    { seq: tap, kind: 'tap-void', reason: 'card.unreadable', medium: 'id-card' },
  ]);
  const reader = new EventReader({
    folder,
    siteKey: await readSiteKey(folder),
    unwrap,
    people: People.nobody,
  });
  await events(undefined, reader);
  const next = journal.tap();
  await ledger.store(DEVICE, journal.batch(next, next));
  t.match(await events(undefined, reader), [{ seq: next, kind: 'tap' }], 'only what is new');
  journal.voided(next);
  await ledger.store(DEVICE, journal.batch(next + 1));
  t.match(await events(undefined, reader), [{ seq: next, kind: 'tap-void', reason: 'card.unreadable' }]);
  t.same(await events(undefined, reader), []);
});

t.test('a card of another medium is its person where the people file binds it', async (t) => {
  const { events, journal, ledger } = await build(t);
  journal.tap({ medium: 'senior', token: 'S0001', assurance: 'uid' });
  await ledger.store(DEVICE, journal.batch(9));
  const entry = { idNumber: ID_NUMBER, cards: [{ medium: 'senior', token: 'S0001' }] };
  const people = parsePeople(Buffer.from(JSON.stringify([entry])));
  const [bound, alone] = [(await events(people)).at(-1), (await events()).at(-1)];
  const byCard = (await events())[2];
  t.equal(bound?.subject, byCard?.subject);
  t.not(alone?.subject, byCard?.subject);
});

t.test('a record that cannot be opened is printed all the same, and said to be unreadable', async (t) => {
  const { events, write, frames } = await build(t);
  write(frames().filter((_, at) => at !== 1));
  t.match((await events())[1], {
    kind: 'tap',
    seq: 3,
    unreadable: true,
    reason: 'no-key',
    medium: undefined,
  });
});

t.test('an invented step of the record key costs nothing', async (t) => {
  const { events, write, frames } = await build(t);
  const list = frames().map((frame) => ({
    ...frame,
    body: edited(frame.body, '"step":5', '"step":9007199254740991'),
  }));
  write(list);
  t.match((await events()).at(-1), { unreadable: true, reason: 'too-many-steps' });
});

t.test('a clock that nobody had set is marked', async (t) => {
  const { ledger, ledgerKey, journal, events } = await build(t);
  const next = new TestJournal(DEVICE, 2, journal.place, ledgerKey, false);
  await ledger.store(DEVICE, next.batch());
  t.match((await events()).at(-1), { epoch: 2, trusted: false });
});
