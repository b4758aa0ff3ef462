import { CENTRAL_PASS, decided, NOTHING, OFFLINE_OPEN, TAPPED, tapped, tell } from './story.js';

tell('a verdict that is faster than the card frame waits for it', {}, [
  [(b) => b.found().text('a').durable(1).verdict(1, 'pass'), TAPPED],
  [(b) => b.wait(300).whole(), ['pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on']],
]);

tell('a frame that fails after its text: void, nobody was there, and the card may come again at once', {}, [
  [(b) => b.found().text('a').durable(1).verdict(1, 'pass'), TAPPED],
  [(b) => b.failed(false), ['forget 1', 'void 1 card.damaged']],
  [(b) => b.verdict(1, 'pass'), NOTHING],
  [
    (b) => b.text('a').whole().durable(2).verdict(2, 'pass'),
    ['checking', 'tap 2', 'ask 2 within 1500', 'pass', 'open 2', decided(2, CENTRAL_PASS), 'uploads on'],
  ],
]);

tell('a frame that fails for good: the elder is asked to try again, the second time a person comes', {}, [
  [(b) => b.found().failed(true), ['reading', 'uploads paused', 'uploads on', 'read-again']],
  [(b) => b.wait(3000), ['idle']],
  [(b) => b.found().failed(false), ['reading', 'uploads paused']],
  [(b) => b.failed(true), ['uploads on', 'attend', 'call-staff card.unreadable']],
]);

tell('a read that failed a minute ago was somebody else', {}, [
  [
    (b) => b.found().failed(true).wait(60_000),
    ['reading', 'uploads paused', 'uploads on', 'read-again', 'idle'],
  ],
  [(b) => b.found().failed(true), ['reading', 'uploads paused', 'uploads on', 'read-again']],
]);

tell('a card that was read in between: the failures before it no longer count', {}, [
  [(b) => b.found().failed(true), ['reading', 'uploads paused', 'uploads on', 'read-again']],
  [
    (b) => b.card('a').durable(1).unavailable(1),
    [...TAPPED, 'registered', 'open 1', decided(1, OFFLINE_OPEN), 'uploads on'],
  ],
  [(b) => b.found().failed(true), ['reading', 'uploads paused', 'uploads on', 'read-again']],
]);

tell('text that fails for good is a failed read too', {}, [
  [
    (b) => b.found().text('a').failed(true),
    [...TAPPED, 'forget 1', 'void 1 card.damaged', 'uploads on', 'read-again'],
  ],
]);

tell('text whose frame fails, and then the second try too: the elder is asked to try again', {}, [
  [(b) => b.found().text('a').failed(false), [...TAPPED, 'forget 1', 'void 1 card.damaged']],
  [(b) => b.failed(true), ['uploads on', 'read-again']],
]);

tell('a read card that is lifted under the module: its owner was told already, nobody says "again"', {}, [
  [
    (b) => b.card('a').durable(1).verdict(1, 'pass'),
    [...TAPPED, 'pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on'],
  ],
  [(b) => b.wait(300).failed(true).absent(), NOTHING],
]);

tell('a read card lifted while its verdict is out: nobody says "again", and uploads go on waiting', {}, [
  [(b) => b.card('a').durable(1), TAPPED],
  [(b) => b.wait(100).failed(true).absent(), NOTHING],
  [(b) => b.verdict(1, 'pass'), ['pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on']],
]);

tell('a card that is found and then neither read nor lost holds uploads up for 10 s at most', {}, [
  [(b) => b.found().wait(9999), ['reading', 'uploads paused']],
  [(b) => b.wait(1), ['uploads on']],
]);

tell('a card that is found and lifted unread lets uploads go on', {}, [
  [(b) => b.found().absent(), ['reading', 'uploads paused', 'uploads on']],
]);

tell('a card seen again right after a void lets uploads go on', {}, [
  [
    (b) => b.card('a').durable(1).unavailable(1),
    [...TAPPED, 'registered', 'open 1', decided(1, OFFLINE_OPEN), 'uploads on'],
  ],
  [(b) => b.found().text('b').failed(false), [...tapped(2), 'forget 2', 'void 2 card.damaged']],
  [(b) => b.text('a'), ['uploads on']],
]);

tell('another reader finishing its card does not vouch for this one', {}, [
  [(b) => b.found(0).text('a', {}, 0).durable(1).verdict(1, 'pass').whole(1), TAPPED],
  [(b) => b.failed(false, 1), NOTHING],
  [(b) => b.whole(0), ['pass', 'open 1', decided(1, CENTRAL_PASS), 'uploads on']],
]);
