/**
 * Delivery against a central that lies, with the real uploader, the real journal and central's real ledger: places beyond
 * what was sent, in the past, with a wrong head, of another epoch; acknowledgements of what was not sent, forged, twice,
 * late, in another order; batches that are lost. As soon as central behaves, everything is there, once, in one line.
 */
import fc from 'fast-check';
import t from 'tap';
import type { Place } from '../../../protocol/wire/session.js';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { testSeed } from '../../support/seed.js';
import { DEVICE } from '../journal/bench.js';
import { Delivery, TestLedger } from './deliveryWorld.js';

const SEED = testSeed();
const HOUR_MS = 3_600_000;
const WRONG_HEAD = 'ee'.repeat(32);

/** What only a liar does, and a gate must not believe. */
const LIES = ['beyond', 'wrong-head', 'next-epoch', 'unasked', 'forged', 'garbage'] as const;
/** What may be true of a central that has lost something, or whose word comes late: a gate goes back, and loses nothing. */
const TWISTS = ['past', 'nothing', 'twice', 'not-stored'] as const;
type Lie = (typeof LIES)[number] | (typeof TWISTS)[number];

type Act =
  | { readonly act: 'visits'; readonly count: number }
  | { readonly act: 'wait'; readonly ms: number }
  | { readonly act: 'honest' | 'store-in-silence' }
  | { readonly act: 'lie' | 'welcome'; readonly lie: Lie; readonly pick: number };

const act = (lies: readonly Lie[], mostWaitMs: number): fc.Arbitrary<Act> =>
  fc.oneof(
    fc.record({ act: fc.constant('visits' as const), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ act: fc.constant('wait' as const), ms: fc.integer({ min: 100, max: mostWaitMs }) }),
    fc.record({ act: fc.constantFrom('honest' as const, 'store-in-silence' as const) }),
    fc.record({
      act: fc.constantFrom('lie' as const, 'lie' as const, 'welcome' as const),
      lie: fc.constantFrom(...lies),
      pick: fc.nat(1_000),
    }),
  );

/** A place that a liar names. */
function placeOf(delivery: Delivery, lie: Lie, pick: number): Place | null {
  const { newest } = delivery.journal;
  const sent = delivery.sent.at(-1)?.batch;
  const last = sent === undefined ? 0 : sent.first + sent.records.length - 1;
  const epoch = sent?.epoch ?? newest.epoch;
  switch (lie) {
    case 'beyond':
      return { ...newest, seq: newest.seq + 1 + pick };
    case 'wrong-head':
      return { epoch, seq: Math.max(1, last - (pick % 5)), head: WRONG_HEAD };
    case 'next-epoch':
      return { ...newest, epoch: newest.epoch + 1 + (pick % 3) };
    case 'nothing':
      return null;
    default:
      return newest;
  }
}

/** The place behind some record that is on the gate: true once, or not yet true. */
async function truePlace({ journal, sent }: Delivery, seq: number): Promise<Place | null> {
  const epoch = sent.at(-1)?.batch.epoch ?? journal.epoch;
  const outgoing = await journal.batchAfter({ epoch, seq: Math.max(0, seq - 1) }, 1, 1);
  return outgoing?.last ?? null;
}

async function answer(delivery: Delivery, lie: Lie, pick: number): Promise<void> {
  const sent = delivery.sent.at(-1);
  if (sent === undefined) return;
  const { first, records } = sent.batch;
  const last = first + records.length - 1;
  if (lie === 'twice') {
    const again = delivery.acks[pick % Math.max(1, delivery.acks.length)];
    return again === undefined ? undefined : delivery.deliver(again);
  }
  if (lie === 'garbage') return delivery.deliver(Buffer.from(`{"session":"${pick}","sealed":"AAAA"}`));
  if (lie === 'forged') {
    const ack = delivery.ack(await truePlace(delivery, last), sent.counter);
    delivery.acks.pop();
    const text = ack.toString();
    const at = text.lastIndexOf('"') - 6;
    return delivery.deliver(
      Buffer.from(`${text.slice(0, at)}${text[at] === 'A' ? 'B' : 'A'}${text.slice(at + 1)}`),
    );
  }
  if (lie === 'unasked')
    return delivery.deliver(delivery.ack(await truePlace(delivery, last), sent.counter + 1 + (pick % 4)));
  const place =
    lie === 'past'
      ? await truePlace(delivery, 1 + (pick % last))
      : lie === 'not-stored'
        ? await truePlace(delivery, last)
        : placeOf(delivery, lie, pick);
  await delivery.deliver(delivery.ack(place, sent.counter));
}

async function welcome(delivery: Delivery, lie: Lie, pick: number): Promise<void> {
  const { seq } = delivery.journal.newest;
  const isTrue = lie === 'past' || lie === 'not-stored';
  await delivery.welcome(isTrue ? await truePlace(delivery, 1 + (pick % seq)) : placeOf(delivery, lie, pick));
}

/**
 * One lie again and again over days, right when an answer is waited for: who believes it removes a segment. No welcome
 * comes in between, which would name central's true place.
 */
async function insist(delivery: Delivery, central: TestLedger, lie: Lie): Promise<void> {
  await delivery.welcome(await central.ledger.place(DEVICE));
  for (let round = 0; round < 5; round++) {
    await delivery.visits(1);
    // Who believes one of them goes on to the next batch, and hears the same of that.
    for (let batches = 0; batches < 4; batches++) await answer(delivery, lie, 0);
    await delivery.wait(40 * HOUR_MS);
  }
}

/** Plays it, lets central behave, and says what is not there. */
async function faultsAfter(acts: readonly Act[], starts: number, insisted?: Lie): Promise<string[]> {
  const central = new TestLedger();
  const disk = new MemoryDisk();
  const faults: string[] = [];
  const wanted: string[] = [];
  try {
    for (let start = 0; start < starts; start++) {
      const delivery = await Delivery.open(disk);
      await delivery.welcome(await central.ledger.place(DEVICE));
      for (const step of acts.filter((_, index) => index % starts === start)) {
        if (step.act === 'visits') await delivery.visits(step.count);
        else if (step.act === 'wait') await delivery.wait(step.ms);
        else if (step.act === 'honest') await delivery.honest(central);
        else if (step.act === 'store-in-silence') await delivery.honest(central, () => false);
        else if (step.act === 'lie') await answer(delivery, step.lie, step.pick);
        else if (step.act === 'welcome') await welcome(delivery, step.lie, step.pick);
      }
      if (start === starts - 1) {
        if (insisted !== undefined) await insist(delivery, central, insisted);
        await delivery.visits(1);
        await delivery.bringAll(central);
      }
      wanted.push(...delivery.written);
      await delivery.close();
    }
    const files = await central.files();
    const there = files[`${DEVICE}.cpj`] ?? [];
    if (Object.keys(files).length !== 1) faults.push(`a second line: ${Object.keys(files)}`);
    if (new Set(there).size !== there.length) faults.push('something is there twice');
    const has = new Set(there);
    const lost = wanted.filter((key) => !has.has(key));
    if (lost.length > 0) faults.push(`${lost.length} of ${wanted.length} are lost, from ${lost[0]}`);
    const inOrder = [...there].sort((a, b) => {
      const [aEpoch = 0, aSeq = 0] = a.split('/').map(Number);
      const [bEpoch = 0, bSeq = 0] = b.split('/').map(Number);
      return aEpoch - bEpoch || aSeq - bSeq;
    });
    if (inOrder.join() !== there.join()) faults.push('they are not in order');
    const complaints = central.lines.filter((line) => /gap|rolled back|fork/.test(line));
    return [...faults, ...complaints];
  } finally {
    central.remove();
  }
}

const settings = { seed: SEED, numRuns: 40, endOnFailure: true };
t.comment(`CARDPAD_SEED=${SEED}`);

t.test('whatever central says within the retention, all is there once it behaves', async (t) => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(act([...LIES, ...TWISTS], HOUR_MS), { minLength: 4, maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      async (acts, starts) => {
        runs += 1;
        const faults = await faultsAfter(acts, starts);
        if (faults.length > 0) throw new Error(faults.join('; '));
      },
    ),
    settings,
  );
  t.ok(runs >= 40, `${runs} runs`);
});

t.test('what is not central’s true word frees nothing, however long it goes on', async (t) => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(act(LIES, 60 * HOUR_MS), { minLength: 4, maxLength: 20 }),
      fc.integer({ min: 2, max: 3 }),
      fc.constantFrom(...LIES),
      async (acts, starts, lie) => {
        runs += 1;
        const faults = await faultsAfter(acts, starts, lie);
        if (faults.length > 0) throw new Error(faults.join('; '));
      },
    ),
    settings,
  );
  t.ok(runs >= 40, `${runs} runs`);
});

t.test('a disk that was rolled back: both histories are kept, and named', async (t) => {
  const central = new TestLedger();
  t.teardown(() => central.remove());
  const disk = new MemoryDisk();
  const first = await Delivery.open(disk);
  await first.visits(5);
  await first.bringAll(central);
  const older = disk.cut('kept');
  await first.visits(5);
  await first.bringAll(central);
  await first.close();
  const second = await Delivery.open(disk);
  await second.visits(3);
  await second.bringAll(central);
  await second.close();
  const before = await central.files();
  t.equal(Object.keys(before).length, 1);

  const rolledBack = await Delivery.open(older);
  t.equal(rolledBack.journal.epoch, second.journal.epoch, 'it counts an epoch that central knows');
  await rolledBack.visits(4);
  await rolledBack.bringAll(central);
  await rolledBack.close();
  const after = await central.files();
  t.match(central.lines.join('\n'), /forked|rolled back/);
  t.same(after[`${DEVICE}.cpj`], before[`${DEVICE}.cpj`], 'what was there stays as it was');
  const fork = after[`${DEVICE}.fork-1.cpj`] ?? [];
  for (const key of rolledBack.written) t.ok(fork.includes(key), `${key} is in the other line`);
});

t.test('a disk that was cloned: both gates bring all they have, each into a line of its own', async (t) => {
  const central = new TestLedger();
  t.teardown(() => central.remove());
  const disk = new MemoryDisk();
  const first = await Delivery.open(disk);
  await first.visits(5);
  await first.bringAll(central);
  await first.close();
  const clone = disk.cut('kept');
  const gates = [await Delivery.open(disk), await Delivery.open(clone)];
  for (let round = 0; round < 3; round++) {
    for (const gate of gates) {
      await gate.visits(2);
      await gate.bringAll(central);
    }
  }
  const files = await central.files();
  t.match(central.lines.join('\n'), /forked/);
  t.same(Object.keys(files).sort(), [`${DEVICE}.cpj`, `${DEVICE}.fork-1.cpj`]);
  for (const [index, gate] of gates.entries()) {
    const lines = Object.values(files).filter((keys) => gate.written.every((key) => keys.includes(key)));
    t.ok(lines.length > 0, `gate ${index + 1}: ${gate.written.length} records are in one line`);
    await gate.close();
  }
  for (const keys of Object.values(files)) t.equal(new Set(keys).size, keys.length, 'none twice in a line');
});
