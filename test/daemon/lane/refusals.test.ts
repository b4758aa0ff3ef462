import { CENTRAL_PASS, decided, OFFLINE_OPEN, TAPPED, tapped, tell } from './story.js';

/** Tap 1, refused by central. */
const REFUSED = [
  ...TAPPED,
  'refuse',
  'call-staff refuse',
  decided(1, 'central refuse hold+call-staff test.refuse'),
  'uploads on',
];

/** Who was refused a while ago, offline now. */
const metByPerson = (tap: number) => [
  ...tapped(tap),
  'attend',
  'call-staff attend',
  decided(tap, 'local attend call-staff sys.offline+sys.refused-before'),
  'uploads on',
];

tell('a refusal: red, shut, and a person comes', {}, [
  [(b) => b.card('a').durable(1).verdict(1, 'refuse'), REFUSED],
]);

tell('a refusal at an exit opens', { direction: 'exit' }, [
  [
    (b) => b.card('a').durable(1).verdict(1, 'refuse'),
    [...TAPPED, 'registered', 'open 1', decided(1, 'central refuse open test.refuse'), 'uploads on'],
  ],
]);

tell('refused, then the network is cut: for 15 minutes a person comes instead of an open gate', {}, [
  [
    (b) =>
      b
        .card('a')
        .verdict(1, 'refuse')
        .wait(14 * 60_000),
    [...REFUSED, 'idle'],
  ],
  [(b) => b.card('a').unavailable(2), metByPerson(2)],
  [(b) => b.wait(60_000), ['idle']],
  [
    (b) => b.card('a').durable(3).unavailable(3),
    [...tapped(3), 'registered', 'open 3', decided(3, OFFLINE_OPEN), 'uploads on'],
  ],
]);

tell('a pass by central ends the memory of a refusal', {}, [
  [(b) => b.card('a').verdict(1, 'refuse').wait(4000), [...REFUSED, 'idle']],
  [
    (b) => b.card('a').durable(2).verdict(2, 'pass').wait(4000),
    [...tapped(2), 'pass', 'open 2', decided(2, CENTRAL_PASS), 'uploads on', 'idle'],
  ],
  [
    (b) => b.card('a').durable(3).unavailable(3),
    [...tapped(3), 'registered', 'open 3', decided(3, OFFLINE_OPEN), 'uploads on'],
  ],
]);

tell('a refusal that comes after its deadline is remembered all the same', {}, [
  [
    (b) => b.card('a').durable(1).wait(1500),
    [
      ...TAPPED,
      'forget 1 timed-out',
      'registered',
      'open 1',
      decided(1, 'local undetermined open sys.timeout'),
      'uploads on',
    ],
  ],
  [(b) => b.late(1, 'refuse').wait(4000), ['idle']],
  [(b) => b.card('a').durable(2).unavailable(2), metByPerson(2)],
]);

tell('a refusal for a tap that a newer card had ended is remembered all the same', {}, [
  [(b) => b.card('a').durable(1), TAPPED],
  [(b) => b.wait(200).card('b').durable(2), ['reading', 'checking', 'tap 2', 'ask 2 within 1500']],
  [(b) => b.verdict(1, 'refuse'), [decided(1, 'central refuse none test.refuse')]],
  [
    (b) => b.verdict(2, 'pass').wait(4000),
    ['pass', 'open 2', decided(2, CENTRAL_PASS), 'uploads on', 'idle'],
  ],
  [(b) => b.card('a').durable(3).unavailable(3), metByPerson(3)],
]);

tell('somebody else refused is no reason to look at this person twice', {}, [
  [(b) => b.card('a').verdict(1, 'refuse'), REFUSED],
  [
    (b) => b.card('b').durable(2).unavailable(2),
    [...tapped(2), 'registered', 'open 2', decided(2, OFFLINE_OPEN), 'uploads on'],
  ],
]);
