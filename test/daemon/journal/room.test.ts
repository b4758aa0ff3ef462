import fc from 'fast-check';
import t from 'tap';
import { droppable, fits, nextStep, type RoomStep, type SegmentFacts } from '../../../daemon/journal/room.js';
import { RECORD_CLASSES } from '../../../protocol/journal/record.js';

const { chain, alarm, visit, routine } = RECORD_CLASSES;
/** Chain, alarms, visits, routine. */
type Counts = readonly [number, number, number, number];

const RECORD_BYTES = 700;
const LINK_BYTES = 89;

const segment = (counts: Counts, acknowledged = false): SegmentFacts => ({
  bytes: RECORD_BYTES * counts.reduce((sum, count) => sum + count, 0),
  counts,
  acknowledged,
});

/** What is there after a step, as the disk has it. */
function after(segments: readonly SegmentFacts[], step: RoomStep): SegmentFacts[] {
  if (step.kind === 'remove') return segments.filter((_, at) => at !== step.at);
  return segments.map((facts, at) => {
    if (at !== step.at) return facts;
    const gone = facts.counts[step.class] ?? 0;
    return {
      ...facts,
      bytes: facts.bytes - gone * (RECORD_BYTES - LINK_BYTES),
      counts: facts.counts.map((count, value) => (value === step.class ? 0 : count)),
    };
  });
}

function stepsOf(segments: readonly SegmentFacts[], maxRecords: number, maxBytes = 1e9): RoomStep[] {
  const steps: RoomStep[] = [];
  let left = [...segments];
  for (;;) {
    const step = nextStep(left, { maxRecords, maxBytes });
    if (step === undefined) return steps;
    steps.push(step);
    left = after(left, step);
  }
}

const full: Counts = [2, 3, 250, 1];

t.test('within the limits nothing goes; what belongs to the chain does not count', async (t) => {
  t.same(stepsOf([segment(full), segment(full, true)], 508), []);
  t.same(stepsOf([segment([900, 1, 0, 0])], 1), []);
});

t.test('what central has goes first, oldest first, whole', async (t) => {
  const segments = [segment(full, true), segment(full, true), segment(full)];
  t.same(stepsOf(segments, 700), [{ kind: 'remove', at: 0 }]);
  t.same(stepsOf(segments, 300), [
    { kind: 'remove', at: 0 },
    { kind: 'remove', at: 0 },
  ]);
});

t.test('then the least dear class of all segments, oldest first, before the next dearer one', async (t) => {
  t.same(stepsOf([segment(full), segment(full), segment(full)], 260), [
    { kind: 'thin', at: 0, class: routine },
    { kind: 'thin', at: 1, class: routine },
    { kind: 'thin', at: 2, class: routine },
    { kind: 'thin', at: 0, class: visit },
    { kind: 'thin', at: 1, class: visit },
  ]);
  t.same(stepsOf([segment([1, 9, 0, 0]), segment([1, 9, 1, 0])], 9), [
    { kind: 'thin', at: 1, class: visit },
    { kind: 'thin', at: 0, class: alarm },
  ]);
});

t.test('a class that this code does not know goes before those that it knows', async (t) => {
  const facts = { bytes: 9, counts: [1, 1, 1, 1, 0, 0, 0, 4], acknowledged: false };
  t.match(nextStep([facts], { maxRecords: 6, maxBytes: 1e9 }), { kind: 'thin', class: 7 });
});

t.test('too many bytes are too much as well', async (t) => {
  // 512 records of 700 bytes; 250 visits less, of which 89 bytes each stay, take 205,650.
  t.same(stepsOf([segment(full), segment(full)], 1e6, 206_000), [
    { kind: 'thin', at: 0, class: routine },
    { kind: 'thin', at: 1, class: routine },
    { kind: 'thin', at: 0, class: visit },
  ]);
  t.same(stepsOf([segment([500, 0, 0, 0])], 1e6, 1_000), [], 'nothing in it may go');
});

const counts = fc.tuple(fc.nat(9), fc.nat(9), fc.nat(300), fc.nat(9));
const segments = fc
  .tuple(fc.array(counts, { maxLength: 8 }), fc.array(counts, { maxLength: 12 }))
  .map(([acknowledged, open]) => [
    ...acknowledged.map((one) => segment(one, true)),
    ...open.map((one) => segment(one)),
  ]);

t.test('whatever is there: the order holds, the end is within the limits, and the chain stays', async () => {
  fc.assert(
    fc.property(
      segments,
      fc.nat(2_000),
      fc.integer({ min: 1_000, max: 1_000_000 }),
      (all, maxRecords, maxBytes) => {
        let left = all;
        let removed = 0;
        let dearest = Number.POSITIVE_INFINITY;
        for (const step of stepsOf(all, maxRecords, maxBytes)) {
          if (fits(left, { maxRecords, maxBytes })) return false;
          if (step.kind === 'remove') {
            removed += 1;
            if (step.at !== 0 || left[0]?.acknowledged !== true) return false;
          } else {
            if (left.some(({ acknowledged }) => acknowledged) || step.class === chain) return false;
            // Nothing dearer goes while anything less dear is left, and nothing newer before what is older.
            if (
              step.class > dearest ||
              left.some(({ counts }) => counts.slice(step.class + 1).some((n) => n > 0))
            )
              return false;
            if (left.slice(0, step.at).some(({ counts }) => (counts[step.class] ?? 0) > 0)) return false;
            dearest = step.class;
          }
          left = after(left, step);
        }
        const chains = (list: readonly SegmentFacts[]) => list.map(({ counts }) => counts[chain]);
        const isDone = fits(left, { maxRecords, maxBytes }) || left.every((facts) => droppable(facts) === 0);
        return isDone && JSON.stringify(chains(left)) === JSON.stringify(chains(all.slice(removed)));
      },
    ),
    { numRuns: 300 },
  );
});
