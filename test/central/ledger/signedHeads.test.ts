import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { enroll, everEnrolledKeys, openEnrolments, revoke } from '../../../central/enrolments.js';
import { ledgerFolder, readKeyPair } from '../../../central/keys.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import { unwrapWith } from '../../../central/ledger/reading.js';
import { type DeviceReport, verifyLedger } from '../../../central/ledger/verify.js';
import { silentLog } from '../../../platform/log.js';
import { encodeFrame, scanFrames } from '../../../protocol/journal/frame.js';
import { linkOf, nextHead, parseRecord } from '../../../protocol/journal/record.js';
import { generateSm2KeyPair, sm2Decrypt } from '../../../protocol/sm/sm2.js';
import { TestDevice, TestJournal } from '../device.js';
import { makeFolder, type TestScope } from '../harness.js';

type Bodies = Buffer[];

/** One epoch: start, key, two taps with verdicts (3 to 6), a head at 7, one more tap (8, 9), a head at 10. */
async function build(t: TestScope, enrolled = true) {
  const folder = await makeFolder(t);
  const device = new TestDevice();
  if (enrolled) await enroll(folder, device.enrolment(), { replace: false, nowMs: 1 });
  const ledgerKey = await readKeyPair(folder, 'ledger');
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  for (let n = 0; n < 2; n++) journal.verdict(journal.tap());
  journal.signed(device.key);
  journal.verdict(journal.tap());
  journal.signed(device.key);
  const ledger = new Ledger({ folder: ledgerFolder(folder), log: silentLog, writes: true });
  await ledger.store(device.name, journal.batch());
  const path = join(ledgerFolder(folder), `${device.name}.cpj`);
  const unwrap = unwrapWith(ledgerKey, async (ciphertext, key) => sm2Decrypt(ciphertext, key));
  const verify = async (withKey = true): Promise<DeviceReport> => {
    for await (const report of verifyLedger(folder, undefined, withKey ? unwrap : undefined)) return report;
    throw new Error('no report');
  };
  /** What somebody with the file and without the device's key can do: change it, and make the chain anew. */
  const rechain = (change: (bodies: Bodies) => Bodies) => {
    const frames = scanFrames(readFileSync(path)).frames;
    let head = frames[0]?.previous ?? Buffer.alloc(32);
    const written = change(frames.map(({ body }) => body)).map((body) => {
      const parsed = parseRecord(body);
      if (!parsed.ok) throw new Error(parsed.reason);
      const frame = encodeFrame(head, body);
      head = nextHead(head, linkOf(parsed.value, body));
      return frame;
    });
    writeFileSync(path, Buffer.concat(written));
    return head.toString('hex');
  };
  return { folder, device, ledgerKey, journal, ledger, verify, rechain };
}

const edit = (at: number, from: string | RegExp, to: string) => (bodies: Bodies) =>
  bodies.map((body, index) => (index === at - 1 ? Buffer.from(body.toString().replace(from, to)) : body));

t.test('a journal that its device signed is whole, and says up to where it is signed', async (t) => {
  const { verify, journal } = await build(t);
  for (const withKey of [true, false]) {
    t.match(await verify(withKey), {
      whole: true,
      faults: [],
      signedUpTo: { epoch: 1, seq: 9 },
      unsignedEpochs: [],
      signaturesChecked: true,
      head: journal.place,
    });
  }
});

t.test(
  'who has the files and not the device’s key is caught, however well the chain was made anew',
  async (t) => {
    const cases: [string, (bodies: Bodies) => Bodies, string, number, RegExp, number | null][] = [
      [
        'a time before the first head',
        edit(4, '"monoMs":1003', '"monoMs":9003'),
        'altered',
        1,
        /1\/1 to 1\/6/,
        null,
      ],
      [
        'a time between two heads',
        edit(8, '"monoMs":1007', '"monoMs":9007'),
        'altered',
        7,
        /1\/7 to 1\/9/,
        6,
      ],
      [
        'a signature',
        edit(7, /"signature":"....../, '"signature":"abcdef'),
        'forged',
        7,
        /not made by/,
        null,
      ],
      [
        'whose key it is',
        edit(7, /"key":"[0-9a-f]{16}"/, '"key":"0011223344556677"'),
        'forged',
        7,
        /never enrolled/,
        null,
      ],
      [
        'a head that is none',
        edit(7, /"signature":"[^"]*"/, '"signature":""'),
        'forged',
        7,
        /no signed head/,
        null,
      ],
      [
        'a head that says another',
        edit(7, /"head":"....../, '"head":"abcdef'),
        'forged',
        7,
        /not made by/,
        null,
      ],
    ];
    for (const [what, change, kind, seq, detail, signedUpTo] of cases) {
      const { rechain, verify } = await build(t);
      rechain(change);
      const report = await verify(false);
      t.match(report.faults[0], { kind, epoch: 1, seq, detail }, what);
      t.equal(report.whole, false, what);
      // A head that was spoiled changes the chain behind it, and so the next good one speaks against that.
      t.equal(report.signedUpTo?.seq ?? null, signedUpTo, what);
    }
  },
);

t.test('what a chain shows to be altered is not said twice by the signature behind it', async (t) => {
  const { folder, verify } = await build(t);
  const path = join(ledgerFolder(folder), 'gz-bus-a1.cpj');
  const frames = scanFrames(readFileSync(path)).frames;
  const changed = frames.map(({ previous, body }, at) =>
    encodeFrame(
      previous,
      at === 3 ? Buffer.from(body.toString().replace('"monoMs":1003', '"monoMs":9003')) : body,
    ),
  );
  writeFileSync(path, Buffer.concat(changed));
  t.match((await verify()).faults, [{ kind: 'altered', epoch: 1, seq: 4 }]);
  t.equal((await verify()).faults.length, 1);
});

t.test(
  'a tail that nobody signed is a crash, an old epoch without a signature is listed, and neither is a fault',
  async (t) => {
    const { ledger, journal, verify, ledgerKey, device } = await build(t);
    journal.verdict(journal.tap());
    await ledger.store(device.name, journal.batch(11));
    t.match(await verify(), { whole: true, signedUpTo: { epoch: 1, seq: 9 }, unsignedEpochs: [] });
    const crashed = new TestJournal(device.name, 2, journal.place, ledgerKey);
    crashed.tap();
    await ledger.store(device.name, crashed.batch());
    t.match(await verify(), { whole: true, unsignedEpochs: [] }, 'it may be going on');
    const next = new TestJournal(device.name, 3, crashed.place, ledgerKey);
    next.signed(device.key);
    await ledger.store(device.name, next.batch());
    t.match(await verify(), { whole: true, signedUpTo: { epoch: 3, seq: 1 }, unsignedEpochs: [2] });
  },
);

t.test('what was signed with a key that was replaced or revoked stays proved', async (t) => {
  const { folder, device, journal, ledger, ledgerKey, verify } = await build(t);
  const newer = new TestDevice(device.name);
  await enroll(folder, newer.enrolment(), { replace: true, nowMs: 7 });
  const next = new TestJournal(device.name, 2, journal.place, ledgerKey);
  next.signed(newer.key);
  await ledger.store(device.name, next.batch());
  t.match(await verify(), { whole: true, signedUpTo: { epoch: 2, seq: 1 } });
  await revoke(folder, device.name);
  t.match(await verify(), { whole: true, signaturesChecked: true });
  next.signed(generateSm2KeyPair());
  await ledger.store(device.name, next.batch(3));
  t.match((await verify()).faults, [{ kind: 'forged', epoch: 2, seq: 3, detail: /never enrolled/ }]);
});

t.test(
  'the keys of before are kept with when they went; one that comes back is not kept twice',
  async (t) => {
    const folder = await makeFolder(t);
    const [one, two] = [new TestDevice(), new TestDevice()];
    const take = (device: TestDevice, nowMs: number) =>
      enroll(folder, device.enrolment(), { replace: true, nowMs });
    await take(one, 1);
    await take(two, 2);
    const { data } = await openEnrolments(folder);
    t.match(data.devices[one.name], {
      former: [{ publicKey: one.key.publicKey, replacedMs: 2 }],
      revoked: undefined,
    });
    await revoke(folder, one.name);
    await take(one, 3);
    const keys = everEnrolledKeys((await openEnrolments(folder)).data, one.name);
    t.same(
      keys.map(({ publicKey }) => publicKey),
      [one.key.publicKey, two.key.publicKey],
    );
    t.same(everEnrolledKeys(data, 'constructor'), []);
  },
);

t.test(
  'of a device that is not enrolled here the signatures cannot be checked, and that is said',
  async (t) => {
    const { verify } = await build(t, false);
    t.match(await verify(), { whole: true, signaturesChecked: false, signedUpTo: null });
  },
);
