/**
 * Bit flips and truncations at every byte of a segment. A record that is hit is missing and never accepted altered, all
 * others are there, the journal opens and goes on, and central, with its own ledger, names what is missing.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { checkBatch } from '../../../central/ledger/batch.js';
import { Ledger } from '../../../central/ledger/ledger.js';
import { seededRandom } from '../../../drivers/simulated/random.js';
import { createLog } from '../../../platform/log.js';
import { scanFrames } from '../../../protocol/journal/frame.js';
import type { Batch } from '../../../protocol/wire/messages.js';
import { roomyFolder } from '../../chaos/site.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { testSeed } from '../../support/seed.js';
import { DEVICE, openOn, tap, verdictOn } from './bench.js';

const SEED = testSeed();
const VISITS = 1;
/** A real ledger on a real folder is asked at one byte in so many. */
const LEDGER_EVERY = 41;
/** Zeroes behind the end are tried at one byte in so many. */
const ZEROES_EVERY = 3;

t.comment(`CARDPAD_SEED=${SEED}`);
const random = seededRandom(SEED);

const disk = new MemoryDisk();
const first = await openOn(disk);
for (let visit = 0; visit < VISITS; visit++) first.journal.append(verdictOn(first.journal.append(tap).id));
await first.journal.close();
const [name = ''] = disk.names;
const segment = disk.bytesOf(name);
const { frames } = scanFrames(segment);
/** By number, from 1. */
const bodies = frames.map(({ body }) => body);
/** The number of the record that holds a byte. */
const recordAt = (byte: number) => frames.findIndex(({ to }) => byte < to) + 1;

interface Sent {
  readonly batches: readonly Batch[];
  /** What came of the first epoch, by number. */
  readonly records: ReadonlyMap<number, Buffer>;
  /** The numbers before which a gap was named. */
  readonly gaps: readonly number[];
  readonly secondEpoch: number;
  readonly refused: readonly string[];
}

/** Opens a journal on a segment of these bytes, lets it go on, and takes all that it sends, as central does. */
async function sentFrom(bytes: Buffer): Promise<Sent> {
  const spoiled = new MemoryDisk();
  spoiled.put(name, bytes);
  const { journal } = await openOn(spoiled);
  await journal.append(tap).durable;
  const batches: Batch[] = [];
  const records = new Map<number, Buffer>();
  const gaps: number[] = [];
  const refused: string[] = [];
  let secondEpoch = 0;
  for (let at = { epoch: 0, seq: 0 }; ; ) {
    const outgoing = await journal.batchAfter(at, 64 * 1024, 64);
    if (outgoing === undefined) break;
    const { batch } = outgoing;
    batches.push(batch);
    if (batch.gap) gaps.push(batch.first);
    const checked = checkBatch(DEVICE, batch);
    if (!checked.ok) refused.push(checked.reason);
    for (const [index, entry] of batch.records.entries()) {
      if (batch.epoch !== 1) secondEpoch += 1;
      else if (Buffer.isBuffer(entry)) records.set(batch.first + index, entry);
    }
    at = outgoing.last;
  }
  await journal.close();
  return { batches, records, gaps, secondEpoch, refused };
}

/** What a real ledger says and does about it. */
async function ledgerOn(batches: readonly Batch[]): Promise<{ kinds: Set<string>; said: string }> {
  const folder = await mkdtemp(join(roomyFolder(), 'cardpad-bytes-'));
  const lines: string[] = [];
  try {
    const log = createLog((line) => lines.push(line), 'warn', Date.now);
    const ledger = new Ledger({ folder, log, writes: true });
    const kinds = new Set<string>();
    for (const batch of batches) kinds.add((await ledger.store(DEVICE, batch)).kind);
    return { kinds, said: lines.join('\n') };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const lastNumber = bodies.length;
const numbersFrom = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index);

/** In words what is not as it must be, given which records are whole. */
function faultsIn({ records, gaps, secondEpoch, refused }: Sent, wanted: readonly number[]): string[] {
  const faults = refused.map((reason) => `central refuses: ${reason}`);
  for (const [seq, body] of records)
    if (bodies[seq - 1]?.equals(body) !== true) faults.push(`${seq} is accepted altered`);
  const there = [...records.keys()];
  if (there.join() !== wanted.join()) faults.push(`there are ${there}, not ${wanted}`);
  const holes = wanted.filter((seq, index) => seq !== (wanted[index - 1] ?? 0) + 1);
  if (gaps.join() !== holes.join()) faults.push(`gaps are named before ${gaps}, not before ${holes}`);
  if (secondEpoch < 3) faults.push('the next start does not go on');
  return faults;
}

t.test('a segment has what can be hit', async (t) => {
  t.ok(bodies.length >= 2 + 2 * VISITS, `${bodies.length} records, ${segment.length} bytes`);
  t.same(faultsIn(await sentFrom(segment), numbersFrom(1, lastNumber)), []);
});

t.test('one bit turned, at every byte', async (t) => {
  for (let byte = 0; byte < segment.length; byte++) {
    const bytes = Buffer.from(segment);
    const bit = random() % 8;
    bytes.writeUInt8(bytes.readUInt8(byte) ^ (1 << bit), byte);
    const hit = recordAt(byte);
    const sent = await sentFrom(bytes);
    const faults = faultsIn(
      sent,
      numbersFrom(1, lastNumber).filter((seq) => seq !== hit),
    );
    if (faults.length > 0) t.fail(`bit ${bit} of byte ${byte}, record ${hit}`, { faults });
    if (byte % LEDGER_EVERY !== 0) continue;
    const { kinds, said } = await ledgerOn(sent.batches);
    t.same([...kinds], ['stored'], `byte ${byte}: all of it is stored`);
    // Behind the last record there is nothing that could tell of it.
    if (hit < lastNumber)
      t.match(said, /journal gap|rolled back/, `byte ${byte}: record ${hit} is named as missing`);
  }
  t.comment(`${segment.length} bytes`);
});

t.test('cut off, at every byte, with nothing or with zeroes behind', async (t) => {
  for (let length = 0; length < segment.length; length++) {
    for (const filler of length % ZEROES_EVERY === 0 ? [0, segment.length - length] : [0]) {
      const bytes = Buffer.concat([segment.subarray(0, length), Buffer.alloc(filler)]);
      // A frame may end with zeroes of its own.
      const whole = frames.filter(({ from, to }) =>
        bytes.subarray(from, to).equals(segment.subarray(from, to)),
      );
      const sent = await sentFrom(bytes);
      const faults = faultsIn(sent, numbersFrom(1, whole.length));
      if (faults.length > 0) t.fail(`${length} bytes and ${filler} zeroes`, { faults });
      if (length % LEDGER_EVERY !== 0) continue;
      const { kinds, said } = await ledgerOn(sent.batches);
      t.same([...kinds], ['stored'], `${length} bytes: all of it is stored`);
      t.equal(said, '', 'what never came is missed by nobody');
    }
  }
});

t.test('several bits turned and a tail cut off at once', async (t) => {
  for (let round = 0; round < 300; round++) {
    const bytes = Buffer.from(segment.subarray(0, 1 + (random() % segment.length)));
    const hits = numbersFrom(1, 1 + (random() % 6)).map(() => random() % bytes.length);
    for (const byte of hits) bytes.writeUInt8(bytes.readUInt8(byte) ^ (1 << (random() % 8)), byte);
    const whole = numbersFrom(1, lastNumber).filter((seq) => {
      const { from = 0, to = 0 } = frames[seq - 1] ?? {};
      return to <= bytes.length && bytes.subarray(from, to).equals(segment.subarray(from, to));
    });
    const faults = faultsIn(await sentFrom(bytes), whole);
    if (faults.length > 0) t.fail(`round ${round}: bytes ${hits} of ${bytes.length}`, { faults });
  }
});
