import t from 'tap';
import type { Signer } from '../../../daemon/journal/headSigner.js';
import { ManualClock } from '../../../platform/clock.js';
import { type HeadFacts, headBytes, headFacts } from '../../../protocol/journal/signedHead.js';
import { generateSm2KeyPair, sm2Sign, sm2Verify } from '../../../protocol/sm/sm2.js';
import { keyId } from '../../../protocol/sm/sm2Key.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { settle } from '../../support/waiting.js';
import { DEVICE, drain, type OpenedJournal, openOn, SIGNER, tap } from './bench.js';

const MINUTE_MS = 60_000;

const pair = generateSm2KeyPair();
const deviceSigner: Signer = {
  id: keyId(pair.publicKey),
  sign: async (message) => sm2Sign(message, pair.privateKey, pair.publicKey),
};

/** A signer that signs when told to. */
class SlowSigner implements Signer {
  readonly id = SIGNER.id;
  readonly waiting: { resolve: (signature: string) => void; reject: (error: Error) => void }[] = [];
  sign = () =>
    new Promise<string>((resolve, reject) => {
      this.waiting.push({ resolve, reject });
    });
  finish(): void {
    for (const { resolve } of this.waiting.splice(0)) resolve('ab'.repeat(64));
  }
  fail(): void {
    for (const { reject } of this.waiting.splice(0)) reject(new Error('the thread died'));
  }
}

const openWith = (signer: Signer, disk = new MemoryDisk(), clock = new ManualClock()) =>
  openOn(disk, clock, { signer });

async function headsOf({ journal }: Pick<OpenedJournal, 'journal'>): Promise<readonly HeadFacts[]> {
  await journal.idle();
  const { records } = await drain(journal);
  return records.flatMap((record) => headFacts(record) ?? []);
}

/** Taps until the segment closes by its number of records. */
async function fillSegment({ journal }: Pick<OpenedJournal, 'journal'>, records = 256): Promise<void> {
  for (let i = 0; i < records; i++) {
    journal.append(tap);
    if (i % 32 === 0) await journal.idle();
  }
  await journal.idle();
  await settle();
}

t.test('a segment that closes is signed by the device’s key, over the head of the chain there', async (t) => {
  const opened = await openWith(deviceSigner);
  await fillSegment(opened, 254);
  const [head] = await headsOf(opened);
  const { records, names } = await drain(opened.journal);
  t.equal(head?.seq, 256);
  t.equal(head?.key, deviceSigner.id);
  t.equal(names[256], '1/257 head');
  t.equal(records[256]?.class, 0);
  const { batch } = (await opened.journal.batchAfter({ epoch: 1, seq: 256 }, 9_999, 1)) ?? {};
  t.equal(head?.head, batch?.previous, 'the head after record 256');
  const message = headBytes(DEVICE, { epoch: 1, seq: 256, head: head?.head ?? '' });
  t.equal(message.toString(), `cardpad/v1/head\n${DEVICE}\n1\n256\n${head?.head}`);
  t.ok(sm2Verify(message, head?.signature ?? '', pair.publicKey));
});

t.test('no tap waits for a signature, and what comes meanwhile is signed with the next one', async (t) => {
  const signer = new SlowSigner();
  const opened = await openWith(signer);
  await fillSegment(opened, 254);
  t.equal(signer.waiting.length, 1);
  await opened.journal.append(tap).durable;
  t.equal((await headsOf(opened)).length, 0);
  signer.finish();
  await settle();
  t.same(
    (await headsOf(opened)).map(({ seq }) => seq),
    [256],
  );
  opened.clock.advance(11 * MINUTE_MS);
  await settle();
  signer.finish();
  await settle();
  const heads = await headsOf(opened);
  t.equal(heads.length, 2);
  t.ok((heads[1]?.seq ?? 0) > 257);
});

t.test('segments that close within a minute are signed once, with all that came until then', async (t) => {
  const opened = await openWith(SIGNER);
  for (let segment = 0; segment < 3; segment++) await fillSegment(opened);
  t.equal((await headsOf(opened)).length, 1);
  opened.clock.advance(MINUTE_MS - 1);
  await settle();
  t.equal((await headsOf(opened)).length, 1);
  const { seq } = opened.journal.newest;
  opened.clock.advance(1);
  await settle();
  t.same((await headsOf(opened)).map((head) => head.seq).slice(1), [seq]);
  opened.clock.advance(9 * MINUTE_MS);
  await settle();
  t.equal(
    (await headsOf(opened)).length,
    2,
    'the segment that was open closes by time, and all of it is signed',
  );
  opened.clock.advance(60 * MINUTE_MS);
  await settle();
  t.equal((await headsOf(opened)).length, 2, 'nothing is left to sign');
});

t.test(
  'a segment closes ten minutes after its first tap, and goes over to another key and file',
  async (t) => {
    const disk = new MemoryDisk();
    const { journal, clock } = await openOn(disk);
    clock.advance(30 * MINUTE_MS);
    await journal.append(tap).durable;
    clock.advance(9 * MINUTE_MS);
    await settle();
    await journal.append(tap).durable;
    t.equal(disk.names.length, 1);
    clock.advance(MINUTE_MS);
    await settle();
    await journal.append(tap).durable;
    const { names, records } = await drain(journal);
    t.same(names.slice(2), ['1/3 tap', '1/4 tap', '1/5 head', '1/6 key', '1/7 tap']);
    t.same(
      records.flatMap(({ sealed }) => sealed?.key ?? []),
      [2, 2, 6],
    );
    t.match(disk.names, [/-0000000001\.cpj$/, /-0000000006\.cpj$/]);
  },
);

t.test('a gate at which nobody comes writes nothing, for days', async (t) => {
  const disk = new MemoryDisk();
  const { journal, clock } = await openOn(disk);
  journal.noteClock('central');
  await journal.idle();
  const { append, create } = disk.counts;
  for (let minutes = 0; minutes < 3 * 24 * 60; minutes++) {
    clock.advance(MINUTE_MS);
    await journal.idle();
  }
  t.same([disk.counts.append, disk.counts.create], [append, create]);
  await journal.append(tap).durable;
  clock.advance(24 * 60 * MINUTE_MS);
  await settle();
  await journal.idle();
  t.equal(disk.names.length, 1, 'and a day after one tap there is one file, with its head');
  t.match((await drain(journal)).names, ['1/1 start', '1/2 key', '1/3 clock', '1/4 tap', '1/5 head']);
});

t.test('a clean stop is signed, whatever was signed a moment before', async (t) => {
  const disk = new MemoryDisk();
  const first = await openWith(SIGNER, disk);
  await fillSegment(first, 254);
  await first.journal.append(tap).durable;
  const { seq } = first.journal.newest;
  await first.journal.signOff();
  await first.journal.close();
  const again = await openWith(SIGNER, disk);
  t.same(
    (await headsOf(again)).map((head) => head.seq),
    [256, seq],
  );
  await again.journal.signOff();
  await again.journal.signOff();
  await again.journal.close();
  t.same(
    (await headsOf(await openWith(SIGNER, disk))).length,
    3,
    'start and key of the second are signed, once',
  );
});

t.test('a stop waits half a second for a slow pool, and then goes without', async (t) => {
  const signer = new SlowSigner();
  const { journal, clock, lines } = await openWith(signer);
  await journal.append(tap).durable;
  const stopped = journal.signOff();
  await settle();
  t.equal(signer.waiting.length, 1);
  clock.advance(500);
  await stopped;
  t.match(lines.join('\n'), /warn +the newest records are not signed/);
  signer.finish();
  await settle();
  await journal.close();
  t.equal(journal.newest.seq, 3, 'a signature that comes too late is not written');
});

t.test('a signature that fails is said once, and tried when the next segment closes', async (t) => {
  const signer = new SlowSigner();
  const opened = await openWith(signer);
  for (let tries = 0; tries < 3; tries++) {
    await fillSegment(opened);
    signer.fail();
    await settle();
    opened.clock.advance(2 * MINUTE_MS);
    signer.fail();
    await settle();
  }
  const said = () => opened.lines.filter((line) => line.includes('cannot sign the head')).length;
  t.equal(said(), 1);
  await fillSegment(opened);
  signer.finish();
  await settle();
  const heads = await headsOf(opened);
  t.equal(heads.length, 1);
  t.ok((heads[0]?.seq ?? 0) > 3 * 256, 'it covers all that was not signed');
});
