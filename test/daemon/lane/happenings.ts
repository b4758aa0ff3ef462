import fc from 'fast-check';
import type { LaneSettings } from '../../../daemon/lane/state.js';
import { OUTCOMES } from '../../../protocol/verdict.js';
import { LaneBench, SETTINGS } from './bench.js';

/** What a lane may go through: cards at two readers, answers for any tap in any order, and time. */
export type Happening =
  | { readonly do: 'found' | 'whole' | 'failed' | 'given-up' | 'absent'; readonly source: number }
  | { readonly do: 'text'; readonly source: number; readonly identity: string; readonly inDate: boolean }
  | { readonly do: 'verdict' | 'late'; readonly ago: number; readonly outcome: (typeof OUTCOMES)[number] }
  | { readonly do: 'unavailable' | 'durable' | 'not-durable'; readonly ago: number }
  | { readonly do: 'help' | 'door' | 'fire'; readonly isOn: boolean }
  | { readonly do: 'pass' }
  | { readonly do: 'wait'; readonly ms: number };

const source = fc.constantFrom(0, 1);
const ago = fc.constantFrom(0, 0, 0, 1, 2, 5);
const ofTaps: readonly fc.Arbitrary<Happening>[] = [
  fc.record({ do: fc.constantFrom('found', 'whole', 'whole', 'failed', 'given-up', 'absent'), source }),
  fc.record({
    do: fc.constant('text' as const),
    source,
    identity: fc.constantFrom('a', 'b', 'c', 'd'),
    inDate: fc.boolean(),
  }),
  fc.record({
    do: fc.constantFrom('verdict', 'verdict', 'late'),
    ago,
    outcome: fc.constantFrom(...OUTCOMES),
  }),
  fc.record({ do: fc.constantFrom('unavailable', 'durable', 'durable', 'not-durable'), ago }),
  fc.record({
    do: fc.constant('wait' as const),
    ms: fc.constantFrom(1, 50, 299, 300, 500, 1500, 3000, 20_000),
  }),
];
const around: readonly fc.Arbitrary<Happening>[] = [
  fc.record({ do: fc.constantFrom('help', 'door'), isOn: fc.boolean() }),
  fc.constant({ do: 'pass' }),
];
const fire: fc.Arbitrary<Happening> = fc.record({ do: fc.constant('fire' as const), isOn: fc.boolean() });

const MOST = { maxLength: 60 };
/** Cards, and everything around them but a fire. */
export const happenings = fc.array(fc.oneof(...ofTaps, ...around), MOST);
/** With fires as well. */
export const fires = fc.array(fc.oneof(...ofTaps, ...around, fire), MOST);
/** Of a course, what happens to cards alone. */
export const cardsOf = (course: readonly Happening[]): readonly Happening[] =>
  course.filter((now) => now.do !== 'help' && now.do !== 'door' && now.do !== 'pass');

export const settings: fc.Arbitrary<LaneSettings> = fc.record({
  direction: fc.constantFrom('entry', 'exit'),
  mode: fc.constantFrom('standard', 'assisted', 'closed'),
  policy: fc.constant(SETTINGS.policy),
  deadlineMs: fc.constantFrom(300, 1500),
  shortDeadlineMs: fc.constant(300),
  dwellMs: fc.constantFrom(1000, 3000),
  sameCardMs: fc.constantFrom(1000, 3000),
  durableWaitMs: fc.constantFrom(100, 500),
  whenNotDurable: fc.constantFrom('call-staff', 'open'),
  refusalMemoryMs: fc.constant(SETTINGS.refusalMemoryMs),
  passageMs: fc.constantFrom(1000, 8000),
  doorHeldMs: fc.constantFrom(5000, 20_000),
  callMs: fc.constantFrom(10_000, 30_000),
  holdsOnFire: fc.boolean(),
});

/** A verdict that came after its deadline. */
export interface Late {
  /** How many orders there had been. */
  readonly at: number;
  readonly nowMs: number;
  readonly tap: number;
  readonly outcome: (typeof OUTCOMES)[number];
}

/** What came in for a tap, for a property to hold against what was ordered. */
export interface Course {
  readonly bench: LaneBench;
  /** For each order, in the bench's trace, the taps that were on disk by then. */
  readonly durableAt: readonly ReadonlySet<number>[];
  readonly lates: readonly Late[];
}

/** Goes through it all, then lets every frame come to its end and time pass until nothing is pending. */
export function live(given: LaneSettings, course: readonly Happening[]): Course {
  const bench = new LaneBench(given);
  /** A text is always followed by `whole` or `failed` of its reader, before its next text. */
  const arriving = new Set<number>();
  const durable = new Set<number>();
  const durableAt: ReadonlySet<number>[] = [];
  const lates: Late[] = [];
  const tapOf = (back: number) => Math.max(1, bench.state.nextTap - 1 - back);
  const finish = (at: number) => {
    if (arriving.delete(at)) bench.whole(at);
  };
  const go = (now: Happening) => {
    switch (now.do) {
      case 'found':
        return bench.found(now.source);
      case 'text':
        finish(now.source);
        arriving.add(now.source);
        return bench.text(now.identity, { validity: now.inDate ? 'valid' : 'expired' }, now.source);
      case 'whole':
        return finish(now.source);
      case 'failed':
      case 'given-up':
        arriving.delete(now.source);
        return bench.failed(now.do === 'given-up', now.source);
      case 'absent':
        finish(now.source);
        return bench.absent(now.source);
      case 'verdict':
        return bench.verdict(tapOf(now.ago), now.outcome);
      case 'unavailable':
        return bench.unavailable(tapOf(now.ago));
      case 'durable':
        durable.add(tapOf(now.ago));
        return bench.durable(tapOf(now.ago));
      case 'not-durable':
        return bench.notDurable(tapOf(now.ago));
      case 'late':
        // Nobody can be late for a tap that has not been.
        if (bench.state.nextTap === 1) return bench;
        lates.push({
          at: bench.trace.length,
          nowMs: bench.nowMs,
          tap: tapOf(now.ago),
          outcome: now.outcome,
        });
        return bench.late(tapOf(now.ago), now.outcome);
      case 'help':
        return bench.help(now.isOn);
      case 'door':
        return bench.door(now.isOn);
      case 'fire':
        return bench.fire(now.isOn);
      case 'pass':
        return bench.pass();
      case 'wait':
        return bench.wait(now.ms);
    }
  };
  const note = () => {
    while (durableAt.length < bench.trace.length) durableAt.push(new Set(durable));
  };
  for (const now of course) {
    go(now);
    note();
  }
  for (const at of [0, 1]) finish(at);
  bench.wait(3600_000);
  note();
  return { bench, durableAt, lates };
}
