import t from 'tap';
import { Twins } from '../../../daemon/link/twins.js';
import { ManualClock } from '../../../platform/clock.js';
import type { State } from '../../../protocol/wire/messages.js';

const MINUTE_MS = 60_000;
const OTHER = 'bbbbbbbbbbbbbbbb';
const lost = (connection: number, boot = OTHER): State => ({ state: 'lost', connection, boot });

function open() {
  const clock = new ManualClock();
  const told: (string | undefined)[] = [];
  const changes: boolean[] = [];
  const twins = new Twins({
    clock,
    onTwin: (boot) => told.push(boot),
    onChange: (holds) => {
      if (holds !== changes.at(-1)) changes.push(holds);
    },
  });
  return { clock, told, changes, twins };
}

const CASES: readonly [string, (bench: ReturnType<typeof open>) => void, readonly (string | undefined)[]][] =
  [
    ['another start says that it is up while we are', ({ twins }) => twins.alive(OTHER), [OTHER]],
    ['what the process before us has left is no sign', ({ twins }) => twins.found(lost(7), false), []],
    ['found once after words of ours', ({ twins }) => twins.found(lost(2), true), []],
    [
      'found twice after words of ours',
      ({ twins }) => {
        twins.found(lost(2), true);
        twins.found(lost(3), true);
      },
      [OTHER],
    ],
    [
      'the same old words again and again: a broker that starts from an old snapshot',
      ({ twins }) => {
        twins.found(lost(2), false);
        for (let i = 0; i < 5; i++) twins.found(lost(2), true);
      },
      [],
    ],
    [
      'found twice, with more than ten minutes between',
      ({ twins, clock }) => {
        twins.found(lost(2), true);
        clock.advance(10 * MINUTE_MS);
        twins.found(lost(3), true);
      },
      [],
    ],
    ['taken over once', ({ twins }) => twins.takenOver(), []],
    [
      'taken over twice: the broker does not say by whom',
      ({ twins }) => {
        twins.takenOver();
        twins.takenOver();
      },
      [undefined],
    ],
    [
      'taken over twice, with more than ten minutes between',
      ({ twins, clock }) => {
        twins.takenOver();
        clock.advance(10 * MINUTE_MS);
        twins.takenOver();
      },
      [],
    ],
    [
      'taken over, found, taken over: by whom is known',
      ({ twins }) => {
        twins.takenOver();
        twins.found(lost(2), true);
        twins.takenOver();
      },
      [OTHER],
    ],
  ];

for (const [name, play, expected] of CASES) {
  t.test(name, async (t) => {
    const bench = open();
    play(bench);
    t.same(bench.told, expected);
    t.same(bench.changes, expected.length === 0 ? [] : [true]);
  });
}

t.test('it is said once in ten minutes, and over when there was no sign for so long', async (t) => {
  const { twins, clock, told, changes } = open();
  for (let minute = 0; minute < 15; minute++) {
    twins.alive(OTHER);
    clock.advance(MINUTE_MS);
  }
  t.equal(told.length, 2);
  t.same(changes, [true]);
  clock.advance(9 * MINUTE_MS - 1);
  t.same(changes, [true]);
  clock.advance(1);
  t.same(changes, [true, false]);
  twins.alive(OTHER);
  t.same(changes, [true, false, true]);
});
