import t from 'tap';
import { LaneBench } from './bench.js';
import { CENTRAL_PASS, decided, NOTHING, TAPPED, tell } from './story.js';

/** Tapped in a fire: recorded and asked, and nothing shown. */
const REGISTERED = ['uploads paused', 'tap 1', 'ask 1 within 1500'];
const BEGUN = ['hold', 'fire', 'alarm fire.active'];
const OVER = ['release', 'idle', 'alarm fire.over'];

tell('fire holds the lane free at once, tells it, and records it; so does its end', {}, [
  [(b) => b.fire(true), BEGUN],
  [(b) => b.fire(true).wait(3600_000), NOTHING],
  [(b) => b.fire(false), OVER],
  [(b) => b.fire(false).wait(3600_000), NOTHING],
]);

tell('where the relay is not to be held, all the rest is the same', { holdsOnFire: false }, [
  [(b) => b.fire(true), ['fire', 'alarm fire.active']],
  [
    (b) => b.card('a').durable(1).verdict(1, 'refuse'),
    [...REGISTERED, 'open 1', decided(1, 'central refuse open fire.active+test.refuse'), 'uploads on'],
  ],
  [(b) => b.fire(false), ['idle', 'alarm fire.over']],
]);

for (const outcome of ['pass', 'attend', 'undetermined', 'refuse'] as const) {
  for (const mode of ['standard', 'assisted', 'closed'] as const) {
    tell(`in a fire a card is registered and nobody is stopped: ${outcome}, ${mode}`, { mode }, [
      [(b) => b.fire(true), BEGUN],
      [
        (b) => b.card('a').durable(1).verdict(1, outcome),
        [
          ...REGISTERED,
          'open 1',
          decided(1, `central ${outcome} open fire.active+test.${outcome}`),
          'uploads on',
        ],
      ],
      [(b) => b.wait(20_000), NOTHING],
    ]);
  }
}

tell('in a fire without a network and without a disk, the same', {}, [
  [(b) => b.fire(true), BEGUN],
  [
    (b) => b.card('a').notDurable(1).unavailable(1),
    [...REGISTERED, 'open 1', decided(1, 'local undetermined open fire.active+sys.offline'), 'uploads on'],
  ],
]);

tell('fire while a verdict is awaited: whoever is on the pad passes, whatever it says', {}, [
  [(b) => b.card('a').durable(1), TAPPED],
  [(b) => b.fire(true), BEGUN],
  [
    (b) => b.verdict(1, 'refuse'),
    ['open 1', decided(1, 'central refuse open fire.active+test.refuse'), 'uploads on'],
  ],
]);

tell('fire while the disk is waited for: the record says that the gate was open', {}, [
  [(b) => b.card('a').verdict(1, 'pass'), [...TAPPED, 'pass', 'uploads on']],
  [(b) => b.fire(true), BEGUN],
  [(b) => b.wait(500), ['open 1', decided(1, CENTRAL_PASS)]],
]);

tell('fire while somebody is refused: the red lamp goes', {}, [
  [
    (b) => b.card('a').verdict(1, 'refuse'),
    [
      ...TAPPED,
      'refuse',
      'call-staff refuse',
      decided(1, 'central refuse hold+call-staff test.refuse'),
      'uploads on',
    ],
  ],
  [(b) => b.fire(true).wait(60_000), BEGUN],
]);

tell('in a fire a card that cannot be read is no reason to stop', {}, [
  [(b) => b.fire(true), BEGUN],
  [(b) => b.found().failed(true), ['uploads paused', 'uploads on']],
  [(b) => b.found().failed(true).wait(60_000), ['uploads paused', 'uploads on']],
]);

tell('a fire that is over leaves no memory: the next card is decided as ever', {}, [
  [(b) => b.fire(true).fire(false), [...BEGUN, ...OVER]],
  [
    (b) => b.card('a').verdict(1, 'refuse'),
    [
      ...TAPPED,
      'refuse',
      'call-staff refuse',
      decided(1, 'central refuse hold+call-staff test.refuse'),
      'uploads on',
    ],
  ],
]);

tell('fire over while a card is on the pad: it is decided as ever', {}, [
  [(b) => b.fire(true).card('a').durable(1), [...BEGUN, ...REGISTERED]],
  [(b) => b.fire(false), OVER],
  [(b) => b.verdict(1, 'pass'), ['pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on']],
]);

tell('the help button works in a fire', {}, [
  [(b) => b.fire(true), BEGUN],
  [(b) => b.press(), ['call-staff help.pressed lasting', 'alarm help.pressed']],
]);

tell('in a fire nobody who passes is an intruder, nor for a while behind it; they are counted', {}, [
  [(b) => b.fire(true), BEGUN],
  [(b) => b.pass().wait(299).pass(), ['passage of nobody known']],
  [(b) => b.wait(1).pass(), ['passage of nobody known']],
  [(b) => b.fire(false), OVER],
  [(b) => b.wait(7999).pass(), ['passage of nobody known']],
  [(b) => b.wait(1).pass(), ['alarm passage.unauthorized', 'passage of nobody known']],
]);

tell('in a fire a door may stand open; behind it, as long as ever', { doorHeldMs: 20_000 }, [
  [(b) => b.fire(true), BEGUN],
  [(b) => b.door(true).wait(3600_000), NOTHING],
  [
    (b) => b.fire(false).wait(20_000),
    [...OVER, 'door-open', 'call-staff door.held lasting', 'alarm door.held'],
  ],
]);

tell('a contact that chatters moves the relay each time, is told of now and then, and how it ends', {}, [
  [(b) => b.fire(true).wait(100).fire(false), [...BEGUN, ...OVER]],
  [(b) => b.wait(100).fire(true).wait(100).fire(false), ['hold', 'fire', 'release', 'idle']],
  [(b) => b.wait(100).fire(true), ['hold', 'fire']],
  [(b) => b.wait(9600), ['alarm fire.active after 1 more']],
  [(b) => b.wait(60_000).fire(false), ['release', 'idle', 'alarm fire.over']],
]);

tell('a stop lets go of the relay: the wires of the fire alarm hold the gate alone', {}, [
  [(b) => b.fire(true), BEGUN],
  [(b) => b.card('a').stop(), [...REGISTERED, 'release', decided(1, 'local undetermined none sys.stopped')]],
]);

t.test('in a fire nothing is shown but that, whatever happens', async (t) => {
  const bench = new LaneBench().fire(true);
  bench.take();
  bench.found().failed(true).found().failed(true).card('a').durable(1).verdict(1, 'refuse');
  bench.press().door(true).pass().wait(60_000).card('b').wait(60_000);
  t.same(
    bench.trace.flatMap(({ effect }) => (effect.type === 'signal' ? [effect.signal] : [])),
    ['fire'],
  );
});
