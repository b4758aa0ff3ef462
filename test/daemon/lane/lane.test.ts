import { BARRED, CENTRAL_PASS, decided, NOTHING, OFFLINE_OPEN, TAPPED, tapped, tell } from './story.js';

tell('a pass opens once the tap is on disk; the lane goes dark after the dwell', {}, [
  [(b) => b.found(), ['reading', 'uploads paused']],
  [(b) => b.wait(100).text('a'), ['checking', 'tap 1', 'ask 1 within 1500']],
  [(b) => b.durable(1).whole(), NOTHING],
  [(b) => b.wait(40).verdict(1, 'pass'), ['pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on']],
  [(b) => b.wait(2999), NOTHING],
  [(b) => b.wait(1), ['idle']],
  [(b) => b.wait(60_000), NOTHING],
]);

tell('light and tone follow the verdict at once; only the relay waits for the disk', {}, [
  [(b) => b.card('a').verdict(1, 'pass'), [...TAPPED, 'pass', 'uploads on']],
  [(b) => b.wait(499).durable(1), ['open 1', decided(1, CENTRAL_PASS)]],
  [(b) => b.durable(1), NOTHING],
]);

tell(
  'a disk that is too slow at an entry: a person comes, and the gate stays shut even if it answers late',
  {},
  [
    [(b) => b.card('a').verdict(1, 'pass').wait(499), [...TAPPED, 'pass', 'uploads on']],
    [(b) => b.wait(1), ['undetermined', 'call-staff journal.not-durable', decided(1, BARRED)]],
    [(b) => b.durable(1).wait(2999), NOTHING],
    [(b) => b.wait(1), ['idle']],
  ],
);

tell('a disk that says no at an entry: the same, at once', {}, [
  [
    (b) => b.card('a').verdict(1, 'pass').notDurable(1),
    [...TAPPED, 'pass', 'uploads on', 'undetermined', 'call-staff journal.not-durable', decided(1, BARRED)],
  ],
]);

tell(
  'a disk that has said no before the verdict comes: no green is shown that the gate would not follow',
  {},
  [
    [
      (b) => b.card('a').notDurable(1).verdict(1, 'pass'),
      [...TAPPED, 'undetermined', 'call-staff journal.not-durable', decided(1, BARRED), 'uploads on'],
    ],
    [(b) => b.durable(1), NOTHING],
  ],
);

tell('a disk that has said no at an exit: it opens with the verdict', { direction: 'exit' }, [
  [
    (b) => b.card('a').notDurable(1).verdict(1, 'refuse'),
    [...TAPPED, 'registered', 'open 1', decided(1, 'central refuse open test.refuse'), 'uploads on'],
  ],
]);

tell('a disk that is too slow at an exit: it opens, once', { direction: 'exit' }, [
  [(b) => b.card('a').verdict(1, 'pass').wait(499), [...TAPPED, 'pass', 'uploads on']],
  [(b) => b.wait(1), ['open 1', decided(1, CENTRAL_PASS)]],
  [(b) => b.durable(1).notDurable(1), NOTHING],
]);

tell('a disk that is too slow where the configuration opens all the same', { whenNotDurable: 'open' }, [
  [
    (b) => b.card('a').verdict(1, 'pass').wait(500),
    [...TAPPED, 'pass', 'uploads on', 'open 1', decided(1, CENTRAL_PASS)],
  ],
]);

tell('no answer in time: the lane decides, and asks with less patience until an answer comes', {}, [
  [(b) => b.card('a').durable(1).wait(1499), TAPPED],
  [
    (b) => b.wait(1),
    [
      'forget 1 timed-out',
      'registered',
      'open 1',
      decided(1, 'local undetermined open sys.timeout'),
      'uploads on',
    ],
  ],
  [(b) => b.verdict(1, 'refuse'), NOTHING],
]);

tell('after a time-out 300 ms are enough; after any answer it is the whole deadline again', {}, [
  [
    (b) => b.card('a').durable(1).wait(4500),
    [
      ...TAPPED,
      'forget 1 timed-out',
      'registered',
      'open 1',
      decided(1, 'local undetermined open sys.timeout'),
      'uploads on',
      'idle',
    ],
  ],
  [(b) => b.card('b').durable(2), tapped(2, 300)],
  [
    (b) => b.wait(300),
    [
      'forget 2 timed-out',
      'registered',
      'open 2',
      decided(2, 'local undetermined open sys.timeout'),
      'uploads on',
    ],
  ],
  [(b) => b.card('c').durable(3), tapped(3, 300)],
  [(b) => b.wait(200).verdict(3, 'pass'), ['pass', 'open 3', decided(3, CENTRAL_PASS), 'uploads on']],
  [(b) => b.card('d'), tapped(4)],
]);

tell('an answer that came too late ends the impatience as well', {}, [
  [
    (b) => b.card('a').durable(1).wait(4500),
    [
      ...TAPPED,
      'forget 1 timed-out',
      'registered',
      'open 1',
      decided(1, 'local undetermined open sys.timeout'),
      'uploads on',
      'idle',
    ],
  ],
  [(b) => b.late(1).card('b'), tapped(2)],
]);

tell('having no session is no time-out: the next card has the whole deadline', {}, [
  [
    (b) => b.card('a').durable(1).unavailable(1),
    [...TAPPED, 'registered', 'open 1', decided(1, OFFLINE_OPEN), 'uploads on'],
  ],
  [(b) => b.card('b'), tapped(2)],
]);

tell('without central an expired card is met by a person, never by red', {}, [
  [
    (b) => b.found().text('a', { validity: 'expired' }).whole().unavailable(1),
    [
      ...TAPPED,
      'undetermined',
      'call-staff undetermined',
      decided(1, 'local undetermined call-staff sys.offline'),
      'uploads on',
    ],
  ],
]);

tell('the same card again within 3 s is nobody new, and the 3 s begin again', {}, [
  [
    (b) => b.card('a').durable(1).unavailable(1),
    [...TAPPED, 'registered', 'open 1', decided(1, OFFLINE_OPEN), 'uploads on'],
  ],
  [(b) => b.wait(2999).card('a'), ['reading', 'uploads paused', 'uploads on']],
  [(b) => b.wait(2999).text('a').whole(), ['idle']],
  [(b) => b.wait(3000).text('a'), ['uploads paused', 'checking', 'tap 2', 'ask 2 within 1500']],
]);

tell('a card that rests is nobody new, however slowly it is read, and comes anew once it was away', {}, [
  [
    (b) => b.card('a').durable(1).unavailable(1),
    [...TAPPED, 'registered', 'open 1', decided(1, OFFLINE_OPEN), 'uploads on'],
  ],
  [(b) => b.wait(10_000).resting('a').whole(), ['idle']],
  [(b) => b.wait(10_000).resting('a').whole(), NOTHING],
  [(b) => b.absent().wait(2999).card('a'), ['reading', 'uploads paused', 'uploads on']],
  [(b) => b.absent().wait(3000).card('a'), tapped(2)],
]);

tell('a card that rests, and that the lane has no longer in mind, is still nobody new', { sameCardMs: 0 }, [
  [
    (b) => b.card('a').durable(1).unavailable(1),
    [...TAPPED, 'registered', 'open 1', decided(1, OFFLINE_OPEN), 'uploads on'],
  ],
  [(b) => b.wait(1).resting('a').whole(), NOTHING],
]);

tell('the next person ends what the one before was shown, at once, and has a pulse of their own', {}, [
  [
    (b) => b.card('a').durable(1).verdict(1, 'pass'),
    [...TAPPED, 'pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on'],
  ],
  [(b) => b.wait(500).card('b').durable(2), tapped(2)],
  [
    (b) => b.wait(10).verdict(2, 'refuse'),
    ['refuse', 'call-staff refuse', decided(2, 'central refuse hold+call-staff test.refuse'), 'uploads on'],
  ],
  // The dwell of the first would have ended here.
  [(b) => b.wait(2999), NOTHING],
  [(b) => b.wait(1), ['idle']],
]);

tell('a verdict for the card before is recorded once and opens nothing', {}, [
  [(b) => b.card('a').durable(1), TAPPED],
  [(b) => b.wait(200).card('b').durable(2), ['reading', 'checking', 'tap 2', 'ask 2 within 1500']],
  [(b) => b.verdict(1, 'pass'), [decided(1, 'central pass none test.pass')]],
  [(b) => b.verdict(1, 'pass').unavailable(1).durable(1), NOTHING],
  [(b) => b.verdict(2, 'pass'), ['pass', 'open 2', decided(2, CENTRAL_PASS), 'uploads on']],
]);

tell('a card before whose verdict never comes is recorded as timed out', {}, [
  [(b) => b.card('a').durable(1), TAPPED],
  [
    (b) => b.wait(200).card('b').durable(2).verdict(2, 'attend'),
    [
      'reading',
      'checking',
      'tap 2',
      'ask 2 within 1500',
      'attend',
      'call-staff attend',
      decided(2, 'central attend call-staff test.attend'),
      'uploads on',
    ],
  ],
  [(b) => b.wait(1300), ['forget 1 timed-out', decided(1, 'local undetermined none sys.timeout')]],
]);

tell('a tap that waits for the disk when the next card comes is never opened for', {}, [
  [(b) => b.card('a').verdict(1, 'pass'), [...TAPPED, 'pass', 'uploads on']],
  [
    (b) => b.card('b').durable(1).wait(500),
    [
      'reading',
      'uploads paused',
      decided(1, 'central pass none test.pass'),
      'checking',
      'tap 2',
      'ask 2 within 1500',
    ],
  ],
]);

tell('verdicts for taps that never were change nothing', {}, [
  [(b) => b.verdict(1, 'pass').durable(1).unavailable(7).notDurable(7).whole().wait(5000), NOTHING],
]);

tell('new settings count from the next decision on', {}, [
  [
    (b) =>
      b
        .card('a')
        .durable(1)
        .input({ type: 'configured', settings: { ...b.state.settings, direction: 'exit' } }),
    TAPPED,
  ],
  [
    (b) => b.verdict(1, 'refuse'),
    ['registered', 'open 1', decided(1, 'central refuse open test.refuse'), 'uploads on'],
  ],
]);

tell('the first answer counts: neither a second verdict nor the deadline changes it', {}, [
  [(b) => b.found().text('a').durable(1).verdict(1, 'pass').verdict(1, 'refuse'), TAPPED],
  [(b) => b.wait(2000).verdict(1, 'refuse').unavailable(1), NOTHING],
  [(b) => b.whole(), ['pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on']],
]);

tell('the dwell of the card before does not end while the next one is checked', {}, [
  [
    (b) => b.card('a').unavailable(1).durable(1),
    [...TAPPED, 'registered', 'uploads on', 'open 1', decided(1, OFFLINE_OPEN)],
  ],
  [(b) => b.wait(2500).card('b'), tapped(2)],
  [(b) => b.wait(1000), NOTHING],
]);

tell('a stop leaves no tap without an end, and opens nothing', {}, [
  [(b) => b.card('a').durable(1), TAPPED],
  [
    (b) => b.wait(200).card('b').verdict(2, 'pass'),
    ['reading', 'checking', 'tap 2', 'ask 2 within 1500', 'pass', 'uploads on'],
  ],
  [
    (b) => b.stop(),
    [decided(1, 'local undetermined none sys.stopped'), decided(2, 'central pass none test.pass')],
  ],
  [(b) => b.durable(2).verdict(1, 'pass').wait(60_000), ['idle']],
]);

tell('a stop in the middle of a card voids it', {}, [
  [(b) => b.found().text('a').durable(1), TAPPED],
  [(b) => b.stop(), ['void 1 sys.stopped']],
  [(b) => b.whole().verdict(1, 'pass'), NOTHING],
]);

tell('a stop of a lane that has decided adds nothing', {}, [
  [
    (b) => b.card('a').durable(1).verdict(1, 'pass'),
    [...TAPPED, 'pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on'],
  ],
  [(b) => b.stop(), NOTHING],
]);
