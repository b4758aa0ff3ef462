import fc from 'fast-check';
import t from 'tap';
import { ALARM_EVERY_MS } from '../../../daemon/lane/alarms.js';
import { nextWakeMs } from '../../../daemon/lane/lane.js';
import type { LaneSettings } from '../../../daemon/lane/state.js';
import { LaneBench } from './bench.js';
import { type Course, cardsOf, fires, type Happening, happenings, live, settings } from './happenings.js';

/** Holds for every lane and everything that it may go through. */
type Holds = (course: Course, given: LaneSettings, lived: readonly Happening[]) => boolean;

function test(name: string, courses: fc.Arbitrary<readonly Happening[]>, holds: Holds): void {
  t.test(name, async () => {
    fc.assert(
      fc.property(settings, courses, (given, lived) => holds(live(given, lived), given, lived)),
      { numRuns: 300 },
    );
  });
}

/** For a lane without a fire. */
const always = (name: string, holds: Holds) => test(name, happenings, holds);
/** For one with fires, too. */
const alsoInFire = (name: string, holds: Holds) => test(name, fires, holds);

const tapsOf = ({ bench }: Course, ...types: readonly string[]): number[] =>
  bench.trace.flatMap(({ effect }) =>
    types.includes(effect.type) && 'tap' in effect && effect.tap !== undefined ? [effect.tap] : [],
  );
const isUnique = (list: readonly number[]) => new Set(list).size === list.length;

alsoInFire('the gate opens for the tap that is current, and once for it', (course) => {
  const current = course.bench.trace.every(
    ({ effect, state }) => effect.type !== 'open' || effect.tap === state.current?.tap,
  );
  return current && isUnique(tapsOf(course, 'open'));
});

always('an entry opens only for what is on disk, unless it was told otherwise', (course, given) => {
  if (given.direction === 'exit' || given.whenNotDurable === 'open') return true;
  return course.bench.trace.every(
    ({ effect }, index) => effect.type !== 'open' || course.durableAt[index]?.has(effect.tap) === true,
  );
});

alsoInFire('every tap ends in one verdict or one void, after it was written', (course) => {
  const written = tapsOf(course, 'append-tap');
  const ended = tapsOf(course, 'append-verdict', 'append-void');
  const inOrder = course.bench.trace.every(
    ({ effect }, index) =>
      (effect.type !== 'append-verdict' && effect.type !== 'append-void') ||
      course.bench.trace.findIndex((o) => o.effect.type === 'append-tap' && o.effect.tap === effect.tap) <
        index,
  );
  return inOrder && isUnique(ended) && written.toSorted().join() === ended.toSorted().join();
});

alsoInFire('every question is asked once, for a tap that was written first', (course) => {
  const asked = tapsOf(course, 'ask');
  return isUnique(asked) && asked.join() === tapsOf(course, 'append-tap').join();
});

alsoInFire('the record says that the gate opened for those for whom it did, and for no others', (course) => {
  const recorded = course.bench.trace.flatMap(({ effect }) =>
    effect.type === 'append-verdict' && effect.action === 'open' ? [effect.tap] : [],
  );
  return recorded.toSorted().join() === tapsOf(course, 'open').toSorted().join();
});

always(
  'whom central refused in the last 15 minutes no local rule lets in, however late the word came',
  (course, given) => {
    if (given.direction === 'exit' || given.mode !== 'standard') return true;
    const { trace } = course.bench;
    const whoIs = new Map(
      trace.flatMap(({ effect, state }) =>
        effect.type === 'append-tap' ? [[effect.tap, state.current?.identity] as const] : [],
      ),
    );
    const voided = tapsOf(course, 'append-void');
    return trace.every(({ effect, nowMs }, index) => {
      if (effect.type !== 'append-verdict' || effect.decidedBy !== 'local' || effect.action !== 'open')
        return true;
      const words = [
        ...trace.flatMap(({ effect: word, nowMs: atMs }, at) =>
          word.type === 'append-verdict' && word.decidedBy === 'central'
            ? [{ at, nowMs: atMs, tap: word.tap, outcome: word.outcome }]
            : [],
        ),
        ...course.lates.map((late) => ({ ...late, at: late.at - 0.5 })),
      ].filter(
        ({ at, tap }) => at < index && whoIs.get(tap) === whoIs.get(effect.tap) && !voided.includes(tap),
      );
      const newest = words.toSorted((a, b) => a.at - b.at).at(-1);
      return newest?.outcome !== 'refuse' || nowMs - newest.nowMs >= given.refusalMemoryMs;
    });
  },
);

always('an entry never opens for whom central refused', (course, given) => {
  if (given.direction === 'exit') return true;
  const refused = course.bench.trace.flatMap(({ effect }) =>
    effect.type === 'append-verdict' && effect.outcome === 'refuse' ? [effect.tap] : [],
  );
  return tapsOf(course, 'open').every((tap) => !refused.includes(tap));
});

always('an exit opens for every tap that it decides, unless a newer card came first', (course, given) => {
  if (given.direction !== 'exit') return true;
  return course.bench.trace.every(
    ({ effect }) => effect.type !== 'append-verdict' || effect.action === 'none' || effect.action === 'open',
  );
});

always('green is shown for an open, red for a refusal that stays shut, and never the other way', (course) => {
  const { trace } = course.bench;
  const verdictOn = (tap: number | undefined) =>
    trace
      .flatMap(({ effect }) => (effect.type === 'append-verdict' && effect.tap === tap ? [effect] : []))
      .at(0);
  return trace.every(({ effect, state }) => {
    if (effect.type !== 'signal') return true;
    const verdict = verdictOn(state.current?.tap);
    const green = effect.signal === 'pass' || effect.signal === 'registered';
    // A newer card or a slow disk may still come between the lamp and the relay; the record says which.
    if (green) {
      return (
        verdict?.action === 'open' ||
        verdict?.action === 'none' ||
        verdict?.reasons.includes('journal.not-durable') === true
      );
    }
    return effect.signal !== 'refuse' || (verdict?.outcome === 'refuse' && verdict.action !== 'open');
  });
});

always('a closed entry opens for nobody', (course, given) => {
  return given.direction === 'exit' || given.mode !== 'closed' || tapsOf(course, 'open').length === 0;
});

alsoInFire('uploads are paused and let go by turns, and let go in the end', ({ bench }) => {
  const turns = bench.trace.flatMap(({ effect }) => (effect.type === 'uploads' ? [effect.paused] : []));
  return turns.every((paused, index) => paused === (index % 2 === 0)) && turns.at(-1) !== true;
});

always('while a tap waits for its answer no upload goes on, for 10 s at most', ({ bench }) => {
  return bench.trace.every(({ nowMs, effect, state }) => {
    const { current } = state;
    if (effect.type !== 'uploads' || effect.paused || current === undefined) return true;
    return current.concluded !== undefined || nowMs >= current.startedMs + 10_000;
  });
});

always(
  'when nothing more happens, nothing is pending and nothing is remembered that could grow',
  ({ bench }) => {
    const { ended, seen, refused } = bench.state;
    return nextWakeMs(bench.state) === undefined && ended.length === 0 && seen.size <= 4 && refused.size <= 4;
  },
);

const OF_TAPS = ['open', 'append-tap', 'append-verdict', 'append-void', 'ask', 'forget', 'uploads'];

always('help, passages and doors change nothing for a tap', ({ bench }, given, lived) => {
  const ofTaps = ({ trace }: Course['bench']) =>
    trace.flatMap(({ nowMs, effect }) => (OF_TAPS.includes(effect.type) ? [{ nowMs, effect }] : []));
  const apart = live(given, cardsOf(lived)).bench;
  return JSON.stringify(ofTaps(bench)) === JSON.stringify(ofTaps(apart));
});

alsoInFire(
  'the relay is held while there is a fire, and no longer; nor behind a stop',
  ({ bench }, given) => {
    bench.stop();
    const holds = bench.trace.flatMap(({ effect, state }) =>
      effect.type === 'hold' ? [{ isHeld: effect.isHeld, inFire: state.fire.isActive }] : [],
    );
    if (!given.holdsOnFire) return holds.length === 0;
    const byTurns = holds.every(({ isHeld }, index) => isHeld === (index % 2 === 0));
    return byTurns && holds.every(({ isHeld, inFire }) => isHeld === inFire) && holds.at(-1)?.isHeld !== true;
  },
);

alsoInFire('in a fire nobody is refused, and nothing else is told', ({ bench }) => {
  return bench.trace.every(({ effect, state }) => {
    if (!state.fire.isActive) return true;
    if (effect.type === 'signal') return effect.signal === 'fire';
    return effect.type !== 'append-verdict' || effect.action === 'open' || effect.action === 'none';
  });
});

alsoInFire('no alarm comes twice in 10 s, whatever a wire does', ({ bench }) => {
  const lastMs = new Map<string, number>();
  return bench.trace.every(({ effect, nowMs }) => {
    if (effect.type !== 'alarm') return true;
    const beforeMs = lastMs.get(effect.alarm) ?? Number.NEGATIVE_INFINITY;
    lastMs.set(effect.alarm, nowMs);
    return nowMs - beforeMs >= ALARM_EVERY_MS;
  });
});

alsoInFire('when all is over, what was told last of fire and door is what is so', ({ bench }) => {
  const lastOf = (...names: readonly string[]) =>
    bench.trace
      .flatMap(({ effect }) =>
        effect.type === 'alarm' && names.includes(effect.alarm) ? [effect.alarm] : [],
      )
      .at(-1);
  const { fire, door } = bench.state;
  const fireTold =
    (lastOf('fire.active', 'fire.over') ?? 'fire.over') === (fire.isActive ? 'fire.active' : 'fire.over');
  const doorTold = lastOf('door.forced', 'door.held', 'door.closed') ?? 'door.closed';
  return fireTold && doorTold === (door.wrong ?? 'door.closed');
});

alsoInFire(
  'each passage is of a tap for which the gate was opened not long before, once',
  ({ bench }, given) => {
    const openedMs = new Map<number, number>();
    return bench.trace.every(({ effect, nowMs }) => {
      if (effect.type === 'open') openedMs.set(effect.tap, nowMs);
      if (effect.type !== 'append-passage' || effect.tap === undefined) return true;
      const atMs = openedMs.get(effect.tap);
      openedMs.delete(effect.tap);
      return atMs !== undefined && nowMs - atMs < given.passageMs;
    });
  },
);

alsoInFire(
  'every press of the help button has a person called, until the call is over',
  ({ bench }, given) => {
    let calledMs: number | undefined;
    const fits = bench.trace.every(({ effect, nowMs }) => {
      if (effect.type === 'call-staff' && effect.isLasting === true) calledMs = nowMs;
      if (effect.type === 'signal' && effect.signal === 'help' && calledMs === undefined) return false;
      if (effect.type === 'alarm' && effect.alarm === 'help.pressed' && calledMs !== nowMs) return false;
      if (effect.type !== 'call-over') return true;
      const isOut = calledMs !== undefined && nowMs - calledMs >= given.callMs;
      calledMs = undefined;
      return isOut;
    });
    return fits && calledMs === undefined;
  },
);

t.test('a crowd that nobody answers for: memory stays bounded and each is recorded', async (t) => {
  const bench = new LaneBench({ deadlineMs: 5000 });
  for (let person = 1; person <= 100; person++) {
    bench.wait(100).card(`person ${person}`);
    t.ok(bench.state.ended.length <= 16);
    t.ok(bench.state.seen.size <= 31);
  }
  bench.wait(10_000);
  const verdicts = bench.take().filter((line) => line.startsWith('verdict'));
  t.equal(verdicts.length, 100);
  t.ok(verdicts.includes('verdict 1 local undetermined none sys.superseded'));
});

t.test('a thousand refusals: the newest 256 are remembered', async (t) => {
  const bench = new LaneBench();
  for (let person = 1; person <= 1000; person++)
    bench.card(`person ${person}`).verdict(person, 'refuse').wait(10);
  t.equal(bench.state.refused.size, 256);
  t.ok(bench.state.refused.has('person 1000'));
  t.notOk(bench.state.refused.has('person 744'));
});
