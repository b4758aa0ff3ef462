import fc from 'fast-check';
import t from 'tap';
import { Debounced } from '../../../drivers/gpio/debounce.js';
import type { Level } from '../../../drivers/gpio/gpio.js';
import { ManualClock } from '../../../platform/clock.js';

function contact(quietMs = 20) {
  const clock = new ManualClock();
  let level: Level = 0;
  const changes: [number, Level][] = [];
  const input = new Debounced({
    clock,
    quietMs,
    read: () => level,
    onChange: (now) => changes.push([clock.monotonicMs(), now]),
  });
  const turn = (now: Level) => {
    level = now;
    input.edge();
  };
  return { clock, input, changes, turn };
}

t.test('a clean change counts once, when the line was quiet', async (t) => {
  const { clock, input, changes, turn } = contact();
  turn(1);
  t.equal(input.level, 0, 'not yet');
  clock.advance(1000);
  t.same(changes, [[20, 1]]);
  t.equal(input.level, 1);
});

t.test('a bouncing contact is one change', async (t) => {
  const { clock, changes, turn } = contact();
  for (const level of [1, 0, 1, 0, 1] as const) {
    turn(level);
    clock.advance(3);
  }
  clock.advance(1000);
  t.same(
    changes.map(([, level]) => level),
    [1],
  );
});

t.test('a disturbance shorter than the time is no change', async (t) => {
  const { clock, changes, turn } = contact();
  turn(1);
  clock.advance(5);
  turn(0);
  clock.advance(1000);
  t.same(changes, []);
});

t.test('a contact that never comes to rest counts all the same', async (t) => {
  const { clock, changes, turn } = contact();
  while (clock.monotonicMs() < 400) {
    turn(1);
    clock.advance(10);
    turn(0);
    clock.advance(1);
  }
  t.match(changes[0], [Number, 1], 'within the 400 ms of EN 60839-11-1');
});

t.test('after a stop nothing is told', async (t) => {
  const { clock, input, changes, turn } = contact();
  turn(1);
  input.stop();
  clock.advance(1000);
  t.same(changes, []);
});

t.test(
  'whatever happens: changes alternate, the last one is what the line shows, and 400 ms are never missed',
  async () => {
    const step = fc.record({ level: fc.constantFrom<Level>(0, 1), forMs: fc.integer({ min: 1, max: 600 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 0, max: 200 }), (steps, quietMs) => {
        const { clock, input, changes, turn } = contact(quietMs);
        for (const { level, forMs } of steps) {
          const fromMs = clock.monotonicMs();
          turn(level);
          clock.advance(forMs);
          if (forMs >= 400 && input.level !== level) throw new Error(`missed ${level} from ${fromMs}`);
        }
        clock.advance(400);
        const told = changes.map(([, level]) => level);
        const last = steps.at(-1)?.level ?? 0;
        return input.level === last && told.every((level, index) => level !== (told[index - 1] ?? 0));
      }),
    );
  },
);
