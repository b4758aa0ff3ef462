import { CENTRAL_PASS, decided, NOTHING, OFFLINE_OPEN, TAPPED, tapped, tell } from './story.js';

const OPENED = [...TAPPED, 'pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on'];
const FORCED = ['door-open', 'call-staff door.forced lasting', 'alarm door.forced'];
const HELD = ['door-open', 'call-staff door.held lasting', 'alarm door.held'];
const CLOSED = ['idle', 'alarm door.closed'];

tell('somebody passes through a gate with a door: nothing is wrong', {}, [
  [(b) => b.card('a').durable(1).verdict(1, 'pass'), OPENED],
  [(b) => b.wait(800).door(true).wait(900).pass(), ['passage 1', 'idle']],
  [(b) => b.wait(900).door(false).wait(60_000), NOTHING],
]);

tell('a passage belongs to its tap, and ends its dwell; a second one belongs to nobody', {}, [
  [(b) => b.card('a').durable(1).verdict(1, 'pass'), OPENED],
  [(b) => b.wait(1000).pass(), ['passage 1', 'idle']],
  [(b) => b.wait(100).pass(), ['alarm passage.unauthorized', 'passage of nobody known']],
]);

tell('two people in a row: each passage belongs to the tap of its turn, and the second stays told', {}, [
  [(b) => b.card('a').durable(1).verdict(1, 'pass'), OPENED],
  [
    (b) => b.wait(500).card('b').durable(2).unavailable(2),
    [...tapped(2), 'registered', 'open 2', decided(2, OFFLINE_OPEN), 'uploads on'],
  ],
  [(b) => b.wait(500).pass(), ['passage 1']],
  [(b) => b.wait(500).pass(), ['passage 2', 'idle']],
]);

tell('a passage while the next card is checked leaves that one alone', {}, [
  [(b) => b.card('a').durable(1).verdict(1, 'pass'), OPENED],
  [(b) => b.wait(500).card('b').durable(2), tapped(2)],
  [(b) => b.pass(), ['passage 1']],
  [(b) => b.unavailable(2), ['registered', 'open 2', decided(2, OFFLINE_OPEN), 'uploads on']],
]);

tell('who waits too long is not the one for whom the gate was opened', { passageMs: 8000 }, [
  [(b) => b.card('a').durable(1).verdict(1, 'pass').wait(7999), [...OPENED, 'idle']],
  [(b) => b.wait(1).pass(), ['alarm passage.unauthorized', 'passage of nobody known']],
]);

tell('a passage without a tap: told and recorded, every 10 s at most, with how many there were', {}, [
  [(b) => b.pass(), ['alarm passage.unauthorized', 'passage of nobody known']],
  [(b) => b.wait(500).pass().wait(500).pass(), NOTHING],
  [(b) => b.wait(9000).pass(), ['alarm passage.unauthorized after 2 more', 'passage of nobody known']],
]);

tell('a refused person who walks through is told of', {}, [
  [
    (b) => b.card('a').durable(1).verdict(1, 'refuse').pass(),
    [
      ...TAPPED,
      'refuse',
      'call-staff refuse',
      decided(1, 'central refuse hold+call-staff test.refuse'),
      'uploads on',
      'alarm passage.unauthorized',
      'passage of nobody known',
    ],
  ],
]);

tell('a door that the gate did not open is forced, until it is closed', {}, [
  [(b) => b.door(true), FORCED],
  [(b) => b.door(true).wait(5000), NOTHING],
  [(b) => b.door(false), CLOSED],
  [(b) => b.wait(25_000), ['call over']],
]);

tell('a forced door that stays open is told of again as held', { doorHeldMs: 20_000 }, [
  [(b) => b.door(true), FORCED],
  [(b) => b.wait(20_000), HELD.slice(1)],
  [(b) => b.wait(40_000).door(false), ['call over', ...CLOSED]],
]);

tell('a door that stays open is held; nothing shuts it', { doorHeldMs: 20_000 }, [
  [(b) => b.card('a').durable(1).verdict(1, 'pass'), OPENED],
  [(b) => b.wait(1000).door(true).wait(19_999), ['idle']],
  [(b) => b.wait(1), HELD],
  [(b) => b.wait(3600_000), ['call over']],
  [(b) => b.door(false), CLOSED],
]);

tell('one after the other through an open door: each has the whole time', { doorHeldMs: 20_000 }, [
  [(b) => b.card('a').durable(1).verdict(1, 'pass'), OPENED],
  [(b) => b.wait(1000).door(true).wait(15_000), ['idle']],
  [
    (b) => b.card('b').durable(2).unavailable(2),
    [...tapped(2), 'registered', 'open 2', decided(2, OFFLINE_OPEN), 'uploads on'],
  ],
  [(b) => b.wait(19_999), ['idle']],
  [(b) => b.wait(1), HELD],
]);

tell('a door that stood open at the start is not forced; it is held, when it stays so', {}, [
  [(b) => b.input({ type: 'door', isOpen: true, wasFound: true }), NOTHING],
  [(b) => b.wait(20_000), HELD],
]);

tell('a forced door is shown when the tap that is being told is over', {}, [
  [(b) => b.card('a'), TAPPED],
  [(b) => b.door(true), ['call-staff door.forced lasting', 'alarm door.forced']],
  [
    (b) => b.verdict(1, 'refuse'),
    ['refuse', 'call-staff refuse', decided(1, 'central refuse hold+call-staff test.refuse'), 'uploads on'],
  ],
  [(b) => b.wait(3000), ['door-open']],
]);

tell('a door contact that chatters is told of now and then, and how it ends', {}, [
  [(b) => b.door(true).wait(50).door(false), [...FORCED, ...CLOSED]],
  [(b) => b.wait(50).door(true).wait(50).door(false), ['door-open', 'idle']],
  [(b) => b.wait(50).door(true), ['door-open']],
  [(b) => b.wait(9800), ['call-staff door.forced lasting', 'alarm door.forced after 1 more']],
]);
