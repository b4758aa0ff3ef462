import { chmodSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ledgerFolder } from '../../../central/keys.js';
import { Anchors, anchorsPath, readAnchors } from '../../../central/ledger/anchors.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import { appendDurable } from '../../../central/ledger/ledgerFile.js';
import { type DeviceReport, verifyLedger } from '../../../central/ledger/verify.js';
import { ManualClock } from '../../../platform/clock.js';
import { createLog, silentLog } from '../../../platform/log.js';
import { scanFrames } from '../../../protocol/journal/frame.js';
import { until } from '../../support/waiting.js';
import { TestJournal } from '../device.js';
import { makeFolder, openScene, type TestScope } from '../harness.js';

const DEVICE = 'gz-bus-a1';
const placeAt = (epoch: number, seq: number, byte = '11') => ({ epoch, seq, head: byte.repeat(32) });

async function reportsOf(folder: string, device?: string): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for await (const report of verifyLedger(folder, device, undefined)) reports.push(report);
  return reports;
}

/** A central that has taken a journal of eight records and acknowledged them. */
async function served(t: TestScope) {
  const scene = await openScene(t);
  const { device, exchange, folder, ledgerKey } = scene;
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  for (let n = 0; n < 3; n++) journal.verdict(journal.tap());
  const send = async () => void (await exchange('events', device.send(journal.batch()), 'ack'));
  await send();
  return { ...scene, journal, send, path: join(ledgerFolder(folder), `${DEVICE}.cpj`) };
}

t.test('records gone from the end of a ledger are named, and so is a file that is gone', async (t) => {
  const cases: [string, (path: string) => void, number, string][] = [
    ['the last record cut', (path) => truncateSync(path, frameStart(path, 8)), 8, 'ends at 1/7'],
    ['the last quarter cut', (path) => truncateSync(path, frameStart(path, 7)), 7, 'ends at 1/6'],
    ['the last record torn', (path) => truncateSync(path, statSync(path).size - 7), 8, 'ends at 1/7'],
    ['emptied', (path) => truncateSync(path, 0), 1, 'holds nothing'],
    ['deleted', (path) => rmSync(path), 1, 'holds nothing'],
  ];
  for (const [name, hurt, seq, ends] of cases) {
    const { central, folder, path } = await served(t);
    await central.close();
    t.match(await reportsOf(folder), [{ device: DEVICE, whole: true, records: 8 }], 'untouched');
    hurt(path);
    const detail = `records up to 1/8 were acknowledged, the ledger ${ends}`;
    const fault = { kind: 'removed', epoch: 1, seq, file: `${DEVICE}.cpj`, detail };
    for (const device of [undefined, DEVICE]) {
      t.match(await reportsOf(folder, device), [{ device: DEVICE, whole: false, faults: [fault] }], name);
    }
    t.same(await reportsOf(folder, 'gz-bus-b2'), [], 'another device has nothing to do with it');
  }
});

t.test('a last record whose bytes were made anew is altered: its head was acknowledged', async (t) => {
  const { central, folder, path, journal, ledgerKey } = await served(t);
  await central.close();
  const other = new TestJournal(DEVICE, 1, null, ledgerKey);
  while (other.seq < journal.seq) other.add('config');
  rmSync(path);
  const ledger = new Ledger({ folder: ledgerFolder(folder), log: silentLog, writes: true });
  await ledger.store(DEVICE, other.batch());
  t.match(await reportsOf(folder), [{ whole: false, faults: [{ kind: 'altered', epoch: 1, seq: 8 }] }]);
});

t.test('an older folder, and a central killed before it wrote, raise no alarm', async (t) => {
  const { folder, clock, journal, send, path } = await served(t);
  t.notOk(existsSync(anchorsPath(folder)), 'not with the ack, but up to a second after it');
  t.match(await reportsOf(folder), [{ whole: true, records: 8 }]);
  clock.advance(1_000);
  await until(() => existsSync(anchorsPath(folder)), 'the anchors are written');
  t.equal(statSync(anchorsPath(folder)).mode & 0o777, 0o600);
  t.same((await readAnchors(folder)).get(DEVICE), journal.place);
  const before = journal.place;
  journal.add('config');
  await send();
  clock.advance(999);
  t.match(await reportsOf(folder), [{ whole: true, records: 9 }]);
  t.same((await readAnchors(folder)).get(DEVICE), before, 'killed here, the ledger is ahead of its anchor');
  await appendDurable(path, statSync(path).size, readFileSync(path).subarray(0, 40));
  t.match(await reportsOf(folder), [{ whole: true, records: 9 }], 'a torn tail that nobody acknowledged');
});

t.test('what comes back from the gate heals the ledger', async (t) => {
  const { central, folder, path, send, device, exchange } = await served(t);
  truncateSync(path, frameStart(path, 7));
  t.match(device.welcome(await exchange('hello', device.hello(), 'welcome')), {
    place: { epoch: 1, seq: 6 },
  });
  await send();
  await central.close();
  t.match(await reportsOf(folder), [{ whole: true, records: 8 }]);
});

t.test('an anchor in a ledger that goes on without its record', async (t) => {
  const { central, folder, path, journal, ledgerKey } = await served(t);
  await central.close();
  const next = new TestJournal(DEVICE, 2, journal.place, ledgerKey);
  truncateSync(path, frameStart(path, 8));
  const ledger = new Ledger({ folder: ledgerFolder(folder), log: silentLog, writes: true });
  await ledger.store(DEVICE, next.batch());
  t.match(await reportsOf(folder), [
    {
      faults: [
        { kind: 'removed', seq: 8, detail: /1\/8 were acknowledged.* 2\/1 without it/ },
        { kind: 'gap' },
      ],
    },
  ]);
});

t.test('the anchors go forward only, a write a second, and outlive a restart', async (t) => {
  const folder = await makeFolder(t);
  const clock = new ManualClock();
  const anchors = await Anchors.open({ folder, clock, log: silentLog });
  anchors.note(DEVICE, placeAt(2, 3));
  anchors.note(DEVICE, placeAt(1, 900));
  anchors.note(DEVICE, placeAt(2, 2));
  anchors.note(DEVICE, placeAt(2, 3, '22'));
  // Every object has one of that name.
  anchors.note('constructor', placeAt(1, 1));
  await anchors.close();
  t.same(
    [...(await readAnchors(folder))],
    [
      [DEVICE, placeAt(2, 3)],
      ['constructor', placeAt(1, 1)],
    ],
  );
  const again = await Anchors.open({ folder, clock, log: silentLog });
  again.note(DEVICE, placeAt(2, 1));
  rmSync(anchorsPath(folder));
  await again.close();
  t.notOk(existsSync(anchorsPath(folder)), 'nothing new, nothing written');
  again.note(DEVICE, placeAt(3, 1));
  await again.close();
  t.same((await readAnchors(folder)).get('constructor'), placeAt(1, 1), 'what was loaded is kept');
  clock.advance(5_000);
});

t.test('a disk that takes no anchors is an error in the log, and the end tries again', async (t) => {
  const folder = await makeFolder(t);
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line));
  const clock = new ManualClock();
  const anchors = await Anchors.open({ folder: join(folder, 'later'), clock, log });
  anchors.note(DEVICE, placeAt(1, 1));
  clock.advance(1_000);
  await until(() => lines.length > 0, 'the error is said');
  t.match(lines[0], /error anchors not written code=ENOENT/);
  await anchors.close();
  t.equal(lines.length, 2);
});

t.test('damaged anchors: verify refuses them, and central begins anew, says so and serves', async (t) => {
  const folder = await makeFolder(t);
  const path = anchorsPath(folder);
  writeFileSync(path, '{');
  chmodSync(path, 0o600);
  await t.rejects(reportsOf(folder), { code: 'document.damaged' });
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line));
  const anchors = await Anchors.open({ folder, clock: new ManualClock(), log });
  t.match(lines, [/error anchors lost, they begin anew/]);
  t.equal(readFileSync(`${path}.damaged`, 'utf8'), '{');
  anchors.note(DEVICE, placeAt(1, 1));
  await anchors.close();
  t.equal((await readAnchors(folder)).size, 1);
});

/** Where a record (from 1) begins. */
function frameStart(path: string, seq: number): number {
  const from = scanFrames(readFileSync(path)).frames[seq - 1]?.from;
  if (from === undefined) throw new Error(`no record ${seq}`);
  return from;
}

t.test('a stop waits for the writing that is under way', async (t) => {
  const folder = await makeFolder(t);
  const clock = new ManualClock();
  const anchors = await Anchors.open({ folder, clock, log: silentLog });
  anchors.note(DEVICE, placeAt(1, 3));
  clock.advance(1_000);
  await anchors.close();
  t.same((await readAnchors(folder)).get(DEVICE), placeAt(1, 3));
});
