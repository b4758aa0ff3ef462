import t from 'tap';
import { type Beat, Buzzer } from '../../drivers/buzzer.js';
import { ManualClock } from '../../platform/clock.js';
import { RecordedLine } from './recordedLine.js';

function wired() {
  const clock = new ManualClock();
  const line = new RecordedLine('buzzer', clock);
  return { clock, line, buzzer: new Buzzer(line, clock) };
}

const beat = (onMs: number, gapMs: number): Beat => ({ onMs, gapMs });

for (const { name, rhythm, drawn } of [
  { name: 'one short tone', rhythm: [beat(100, 0)], drawn: '+0 -100' },
  { name: 'two tones', rhythm: [beat(300, 200), beat(300, 0)], drawn: '+0 -300 +500 -800' },
  {
    name: 'three tones of different length',
    rhythm: [beat(300, 300), beat(600, 300), beat(100, 300)],
    drawn: '+0 -300 +600 -1200 +1500 -1600',
  },
  { name: 'tones without a gap are one tone', rhythm: [beat(100, 0), beat(200, 0)], drawn: '+0 -300' },
  { name: 'nothing', rhythm: [], drawn: '' },
  {
    name: 'times become multiples of 100 ms',
    rhythm: [beat(149, 151), beat(10, 0)],
    drawn: '+0 -100 +300 -400',
  },
  { name: 'no tone is longer than 5 s', rhythm: [beat(60_000, 0)], drawn: '+0 -5000' },
  { name: 'times that are none', rhythm: [beat(Number.NaN, -5)], drawn: '+0 -100' },
]) {
  t.test(name, async (t) => {
    const { clock, line, buzzer } = wired();
    buzzer.play(rhythm);
    clock.advance(20_000);
    t.equal(line.drawn, drawn);
  });
}

t.test('a new rhythm ends the old one at once', async (t) => {
  const { clock, line, buzzer } = wired();
  buzzer.play([beat(500, 300), beat(500, 300), beat(500, 0)]);
  clock.advance(600);
  buzzer.play([beat(200, 0)]);
  clock.advance(5000);
  t.equal(line.drawn, '+0 -500 +600 -800');
});

t.test('an empty rhythm ends the tone that is sounding', async (t) => {
  const { clock, line, buzzer } = wired();
  buzzer.play([beat(500, 0)]);
  clock.advance(200);
  buzzer.play([]);
  clock.advance(5000);
  t.equal(line.drawn, '+0 -200');
});

t.test('safe is silent at once, with nothing to follow', async (t) => {
  const { clock, line, buzzer } = wired();
  buzzer.play([beat(500, 500), beat(500, 500), beat(500, 0)]);
  clock.advance(1200);
  buzzer.safe();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -500 +1000 -1200');
});
