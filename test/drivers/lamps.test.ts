import fc from 'fast-check';
import t from 'tap';
import { type LampPattern, Lamps } from '../../drivers/lamps.js';
import { ManualClock } from '../../platform/clock.js';
import { RecordedLine } from './recordedLine.js';

function wired(...names: string[]) {
  const clock = new ManualClock();
  const lines = Object.fromEntries(names.map((name) => [name, new RecordedLine(name, clock)]));
  const line = (name: string): RecordedLine => lines[name] ?? new RecordedLine('none', clock);
  return { clock, lamps: new Lamps(lines, clock), line };
}

const steady = (lamp: string): LampPattern => ({ lamp, light: 'steady' });
const blink = (lamp: string, blinkHz: number): LampPattern => ({ lamp, light: { blinkHz } });

t.test('a steady lamp stays lit, and goes out when another is shown', async (t) => {
  const { clock, lamps, line } = wired('green', 'red');
  lamps.show([steady('green')]);
  clock.advance(10_000);
  t.equal(line('green').drawn, '+0');
  lamps.show([steady('red')]);
  t.equal(line('green').drawn, '+0 -10000');
  t.equal(line('red').drawn, '+10000');
});

t.test('the same light shown again does not flicker', async (t) => {
  const { clock, lamps, line } = wired('green', 'yellow');
  lamps.show([steady('green'), blink('yellow', 1)]);
  clock.advance(700);
  lamps.show([steady('green'), blink('yellow', 1)]);
  clock.advance(800);
  t.equal(line('green').drawn, '+0');
  t.equal(line('yellow').drawn, '+0 -500 +1000 -1500', 'nor does a blinking one begin anew');
});

for (const { hz, drawn } of [
  { hz: 0.5, drawn: '+0 -1000 +2000' },
  { hz: 1, drawn: '+0 -500 +1000 -1500 +2000' },
  { hz: 1000, drawn: '+0 -200 +400 -600 +800 -1000 +1200 -1400 +1600 -1800 +2000' },
  { hz: 2, drawn: '+0 -250 +500 -750 +1000 -1250 +1500 -1750 +2000' },
]) {
  t.test(`a lamp told to blink at ${hz} Hz starts lit and is lit half the time`, async (t) => {
    const { clock, lamps, line } = wired('yellow');
    lamps.show([blink('yellow', hz)]);
    clock.advance(2000);
    t.equal(line('yellow').drawn, drawn);
  });
}

t.test('a lamp that is not wired is replaced by its fallback, or left out', async (t) => {
  const { lamps, line } = wired('yellow');
  lamps.show([{ lamp: 'white', light: 'steady', instead: 'yellow' }]);
  t.equal(line('yellow').isOn, true);
  lamps.show([steady('white')]);
  t.equal(line('yellow').isOn, false);
  lamps.show([{ lamp: 'white', light: 'steady', instead: 'blue' }]);
  t.equal(line('yellow').isOn, false);
});

t.test('a wired lamp leaves its fallback dark', async (t) => {
  const { lamps, line } = wired('white', 'yellow');
  lamps.show([{ lamp: 'white', light: 'steady', instead: 'yellow' }]);
  t.same([line('white').isOn, line('yellow').isOn], [true, false]);
});

t.test('of two patterns for one lamp the first counts', async (t) => {
  const { clock, lamps, line } = wired('yellow');
  lamps.show([steady('yellow'), { lamp: 'white', light: { blinkHz: 2 }, instead: 'yellow' }]);
  clock.advance(3000);
  t.equal(line('yellow').drawn, '+0');
});

t.test('safe leaves every lamp dark for good', async (t) => {
  const { clock, lamps, line } = wired('green', 'yellow');
  lamps.show([steady('green'), blink('yellow', 2)]);
  clock.advance(100);
  lamps.safe();
  clock.advance(5000);
  t.same([line('green').drawn, line('yellow').drawn], ['+0 -100', '+0 -100']);
});

t.test('a rate that is no rate is shown as steady light', async (t) => {
  for (const hz of [0, -1, Number.NaN]) {
    const { clock, lamps, line } = wired('yellow');
    lamps.show([blink('yellow', hz)]);
    clock.advance(5000);
    t.equal(line('yellow').drawn, '+0');
  }
});

t.test('blinking gives way to steady light without a dark moment', async (t) => {
  const { clock, lamps, line } = wired('green');
  lamps.show([blink('green', 1)]);
  clock.advance(1200);
  lamps.show([steady('green')]);
  clock.advance(5000);
  t.equal(line('green').drawn, '+0 -500 +1000');
});

t.test('no lamp flashes faster than 2.5 Hz, whatever is asked of it', async () => {
  const names = ['green', 'yellow'];
  const light = fc.oneof(
    fc.constant('steady' as const),
    fc.double({ min: 0.01, max: 1000, noNaN: true }).map((blinkHz) => ({ blinkHz })),
    fc.constant({ blinkHz: Number.POSITIVE_INFINITY }),
  );
  const pattern = fc.record({
    lamp: fc.constantFrom(...names, 'white'),
    light,
    instead: fc.constantFrom(...names),
  });
  const step = fc.tuple(fc.array(pattern, { maxLength: 3 }), fc.integer({ min: 0, max: 900 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const { clock, lamps, line } = wired(...names);
      for (const [patterns, waitMs] of steps) {
        lamps.show(patterns);
        clock.advance(waitMs);
      }
      clock.advance(2000);
      for (const name of names) {
        const rises = line(name).edges.filter(({ on }) => on);
        for (const [index, { atMs }] of rises.entries()) {
          const before = rises[index - 1];
          if (before !== undefined && atMs - before.atMs < 400 - 1e-6) {
            throw new Error(`${name} rose at ${before.atMs} and again at ${atMs}`);
          }
        }
      }
    }),
  );
});

t.test('a lamp whose rise had to wait is lit all the same', async () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 399 }), { maxLength: 20 }), (waits) => {
      const { clock, lamps, line } = wired('green');
      for (const waitMs of waits) {
        lamps.safe();
        lamps.show([steady('green')]);
        clock.advance(waitMs);
      }
      lamps.show([steady('green')]);
      clock.advance(400);
      if (!line('green').isOn) throw new Error('the lamp stayed dark');
    }),
  );
});
