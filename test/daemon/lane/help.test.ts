import t from 'tap';
import { LaneBench } from './bench.js';
import { CENTRAL_PASS, decided, NOTHING, TAPPED, tell } from './story.js';

const HEARD = ['call-staff help.pressed lasting', 'help', 'alarm help.pressed'];
const OPENED = ['pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on'];

tell('help: a person is called first, then whoever pressed is answered, then it is written', {}, [
  [(b) => b.help(true), HEARD],
  [(b) => b.wait(200).help(false).wait(29_799), NOTHING],
  [(b) => b.wait(1), ['call over']],
]);

const STATES: readonly (readonly [string, (b: LaneBench) => unknown])[] = [
  ['idle', (b) => b],
  ['while a card is read', (b) => b.found()],
  ['while a verdict is awaited', (b) => b.card('a')],
  ['while the disk is waited for', (b) => b.card('a').verdict(1, 'pass')],
  ['while green is shown', (b) => b.card('a').durable(1).verdict(1, 'pass')],
  ['while red is shown', (b) => b.card('a').verdict(1, 'refuse')],
  ['after a read that failed', (b) => b.found().failed(true)],
  ['at a forced door', (b) => b.door(true)],
];

for (const [name, come] of STATES) {
  t.test(`help works ${name}, and changes nothing else`, async (t) => {
    const [bench, other] = [new LaneBench(), new LaneBench()];
    for (const lane of [bench, other]) {
      come(lane);
      lane.take();
    }
    t.same(bench.press().take(), HEARD);
    const goOn = (lane: LaneBench) => lane.durable(1).verdict(1, 'pass').wait(29_000).card('b').take();
    t.same(goOn(bench), goOn(other));
  });
}

tell('help at an open gate opens nothing more, and leaves its lamp', {}, [
  [(b) => b.card('a').durable(1).verdict(1, 'pass'), [...TAPPED, ...OPENED]],
  [(b) => b.press(), HEARD],
  [(b) => b.wait(3000), ['idle']],
]);

tell('pressed again and again: each press is answered, and the call goes on; told of every 10 s', {}, [
  [(b) => b.press(), HEARD],
  [(b) => b.wait(3000).press().wait(3000).press(), ['help', 'help']],
  [
    (b) => b.wait(4000).press(),
    ['call-staff help.pressed lasting', 'help', 'alarm help.pressed after 2 more'],
  ],
  [(b) => b.wait(29_999), NOTHING],
  [(b) => b.wait(1), ['call over']],
]);

tell('a button that is stuck calls once, and is told of as stuck; let go, it works again', {}, [
  [(b) => b.help(true).wait(59_999), [...HEARD, 'call over']],
  [(b) => b.wait(1), ['alarm help.stuck']],
  [(b) => b.wait(3600_000), NOTHING],
  [(b) => b.help(false).press(), HEARD],
]);
