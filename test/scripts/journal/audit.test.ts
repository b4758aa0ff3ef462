import { appendFileSync, copyFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { encodeFrame, scanFrames } from '../../../protocol/journal/frame.js';
import { auditJournal } from '../../../scripts/cli/journal/audit.js';
import { openGateFolder } from '../../../scripts/cli/journal/gateFolder.js';
import { GateData } from './gateData.js';

type Place = Parameters<typeof auditJournal>[1];

async function audit(data: GateData, acknowledged?: Place) {
  return auditJournal(await openGateFolder(data.path), acknowledged, () => {});
}

/** Three starts; the second one fills two files. */
async function threeStarts(t: { testdir(content: Record<string, never>): string }) {
  const data = new GateData(join(t.testdir({}), 'gate'));
  const first = await data.start({ taps: 3 });
  const second = await data.start({ taps: 140 });
  const last = await data.start({ taps: 3 });
  return { data, first, second, last };
}

t.test('a journal of several starts and files is whole', async (t) => {
  const { data, last } = await threeStarts(t);
  const report = await audit(data, last);
  t.match(report, { whole: true, faults: [], epochs: [1, 3], begins: { epoch: 1, seq: 1 }, head: last });
  t.equal(data.files.length, 4);
  t.equal(report.segments, 4);
  t.ok(report.records >= 2 * (3 + 140 + 3) + 6, `${report.records} records`);
  t.equal(report.tornBytes, 0);
});

t.test('an empty journal is whole', async (t) => {
  const data = new GateData(join(t.testdir({}), 'gate'));
  t.match(await audit(data), { whole: true, records: 0, epochs: null, head: null });
});

/** Flips one bit of a byte. */
function flip(data: GateData, at: number, byte: number): void {
  const bytes = data.bytesOf(at);
  bytes.writeUInt8((bytes[byte] ?? 0) ^ 1, byte);
  writeFileSync(data.pathOf(at), bytes);
}

/** Replaces the body of a record, with a checksum that fits: what damage never does. */
function rewrite(data: GateData, at: number, nth: number, change: (body: string) => string): void {
  const bytes = data.bytesOf(at);
  const frame = scanFrames(bytes).frames.at(nth);
  if (frame === undefined) throw new RangeError('no such frame');
  const body = Buffer.from(change(frame.body.toString('utf8')), 'utf8');
  const changed = encodeFrame(frame.previous, body);
  writeFileSync(
    data.pathOf(at),
    Buffer.concat([bytes.subarray(0, frame.from), changed, bytes.subarray(frame.to)]),
  );
}

for (const [what, spoil, fault] of [
  [
    'a flipped byte in the middle',
    (data: GateData) => flip(data, 1, data.frame(1, 10).from + 60),
    { kind: 'altered', epoch: 2, seq: 11 },
  ],
  [
    'a flipped byte in the first record of all',
    (data: GateData) => flip(data, 0, 60),
    { kind: 'altered', epoch: 1, seq: 1 },
  ],
  [
    'a flipped byte in the last record of all',
    (data: GateData) => flip(data, -1, data.frame(-1, -1).from + 60),
    { kind: 'altered', epoch: 3 },
  ],
  [
    'a flipped byte in the last record of an earlier start',
    (data: GateData) => flip(data, 0, data.frame(0, -1).from + 60),
    { kind: 'gap', epoch: 3 - 1, seq: 1 },
  ],
  [
    'a record that was altered with a checksum that fits',
    (data: GateData) => rewrite(data, 1, 10, (body) => body.replace('"trusted":true', '"trusted":false')),
    { kind: 'altered', epoch: 2, seq: 11 },
  ],
  [
    'the device in a start record',
    (data: GateData) => rewrite(data, -1, 0, (body) => body.replace('gz-bus-a1', 'gz-bus-b1')),
    { kind: 'altered', epoch: 3, seq: 1 },
  ],
  [
    'a file removed from the middle of a start',
    (data: GateData) => rmSync(data.pathOf(1)),
    { kind: 'removed', epoch: 2, seq: 1 },
  ],
  [
    'the last file of a start removed',
    (data: GateData) => rmSync(data.pathOf(2)),
    { kind: 'gap', epoch: 3, seq: 1 },
  ],
  [
    'a whole start removed',
    (data: GateData) => {
      rmSync(data.pathOf(2));
      rmSync(data.pathOf(1));
    },
    { kind: 'gap', epoch: 3, seq: 1 },
  ],
  [
    'a record cut out of a file',
    (data: GateData) => {
      const { from, to } = data.frame(1, 20);
      const bytes = data.bytesOf(1);
      writeFileSync(data.pathOf(1), Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]));
    },
    { kind: 'removed', epoch: 2, seq: 21 },
  ],
  [
    'the first record cut out of the oldest file',
    (data: GateData) => writeFileSync(data.pathOf(0), data.bytesOf(0).subarray(data.frame(0, 0).to)),
    { kind: 'removed', epoch: 1, seq: 1 },
  ],
  [
    'the oldest file overwritten',
    (data: GateData) => writeFileSync(data.pathOf(0), Buffer.alloc(4_000, 'x')),
    { kind: 'altered', epoch: 1, seq: 1 },
  ],
  [
    'the end of a file in the middle cut off',
    (data: GateData) => truncateSync(data.pathOf(1), data.frame(1, -3).from),
    { kind: 'removed', epoch: 2 },
  ],
] as const) {
  t.test(`${what} is found, and named`, async (t) => {
    const { data } = await threeStarts(t);
    spoil(data);
    const report = await audit(data);
    t.equal(report.whole, false);
    t.match(report.faults[0], fault, JSON.stringify(report.faults));
    t.match(report.faults[0]?.file, /\.cpj$|^journal$/);
  });
}

for (const [what, spoil] of [
  [
    'half a record at the very end',
    (data: GateData) => truncateSync(data.pathOf(-1), data.frame(-1, -1).to - 20),
  ],
  [
    'a few bytes of a record at the very end',
    (data: GateData) => appendFileSync(data.pathOf(-1), Buffer.from('43504a3100', 'hex')),
  ],
  [
    'zeros at the very end, as a power cut leaves them',
    (data: GateData) => appendFileSync(data.pathOf(-1), Buffer.alloc(3_000)),
  ],
] as const) {
  t.test(`${what}: torn, and no fault`, async (t) => {
    const { data } = await threeStarts(t);
    spoil(data);
    const report = await audit(data);
    t.match(report, { whole: true, faults: [] });
    t.ok(report.tornBytes > 0);
  });
}

t.test(
  'half a record at the end of an earlier start is no fault: the next start says where it went on',
  async (t) => {
    const data = new GateData(join(t.testdir({}), 'gate'));
    await data.start({ taps: 3 });
    truncateSync(data.pathOf(-1), data.frame(-1, -1).to - 20);
    await data.start({ taps: 3 });
    t.match(await audit(data), { whole: true, faults: [], tornBytes: 0 });
  },
);

t.test('what a failed flush left behind the beginning of the next file is not counted', async (t) => {
  const { data } = await threeStarts(t);
  // The record with which the third file goes on, whole or in part, lies at the end of the second as well.
  const { from, to } = data.frame(2, 0);
  const bytes = data.bytesOf(2).subarray(from, to);
  appendFileSync(data.pathOf(1), bytes);
  t.match(await audit(data), { whole: true, faults: [] });
  appendFileSync(data.pathOf(1), bytes.subarray(0, 100));
  t.match(await audit(data), { whole: true, faults: [] });
});

t.test('files that are gone from the beginning are no fault: where it begins is said', async (t) => {
  const { data, last } = await threeStarts(t);
  rmSync(data.pathOf(0));
  t.match(await audit(data, last), { whole: true, begins: { epoch: 2, seq: 1 } });
  rmSync(data.pathOf(0));
  const report = await audit(data, last);
  t.match(report, { whole: true, faults: [] });
  t.ok((report.begins?.seq ?? 0) > 200, `it begins at ${report.begins?.epoch}/${report.begins?.seq}`);
});

t.test('records that central acknowledged and that were cut off the end are named', async (t) => {
  const { data, second, last } = await threeStarts(t);
  t.match(await audit(data, second), { whole: true });
  truncateSync(data.pathOf(-1), data.frame(-1, -2).from);
  const cut = await audit(data, last);
  t.match(cut.faults, [{ kind: 'removed', epoch: 3, seq: last.seq, detail: /journal ends at 3\// }]);
  rmSync(data.pathOf(-1));
  t.match((await audit(data, last)).faults, [{ kind: 'removed', epoch: 3, seq: last.seq }]);
  t.match((await audit(data, { ...second, head: '0'.repeat(64) })).faults, [
    { kind: 'altered', epoch: 2, seq: second.seq },
  ]);
});

t.test('a disk that went back to an older state, and went on, is named', async (t) => {
  const data = new GateData(join(t.testdir({}), 'gate'));
  await data.start({ taps: 3 });
  const older = data.bytesOf(0);
  await data.start({ taps: 3 });
  const name = data.pathOf(1);
  const kept = `${name}.kept`;
  copyFileSync(name, kept);
  rmSync(name);
  truncateSync(data.pathOf(0), data.frame(0, -2).from);
  await data.start({ taps: 3 });
  writeFileSync(data.pathOf(0), older);
  const report = await audit(data);
  t.match(report.faults[0], { kind: 'rolled-back', epoch: 2, seq: 1 });
});

t.test('a file that a running gate removes while it is read: the reading begins anew', async (t) => {
  const { data } = await threeStarts(t);
  const folder = await openGateFolder(data.path);
  let isRemoved = false;
  const report = await auditJournal(folder, undefined, (before) => {
    if (before !== 1 || isRemoved) return;
    isRemoved = true;
    for (const _ of [1, 2]) rmSync(data.pathOf(0));
  });
  t.match(report, { whole: true, faults: [], segments: 2 });
});
