import t from 'tap';
import { CardRead } from '../../../drivers/readers/cardRead.js';
import { newReaderCounters } from '../../../drivers/readers/readerCounters.js';
import type { ReaderEvent } from '../../../drivers/readers/readerEvents.js';
import type { OnText, SamAnswer } from '../../../drivers/readers/samExchange.js';
import { makeCard } from '../../../drivers/simulated/cards.js';
import { ManualClock } from '../../../platform/clock.js';
import { encodeIdCard } from '../../../protocol/card/idCard.js';
import type { SamCommandName } from '../../../protocol/reader/samCommands.js';
import { CARD, OTHER_CARD, of } from './bench.js';

const LENGTHS = Uint8Array.of(1, 0, 4, 0);

/** A whole answer; without a number one that carries no card. */
function answer(number?: string): SamAnswer {
  const card =
    number === undefined ? [] : [...LENGTHS, ...encodeIdCard(makeCard(number)), ...new Uint8Array(1024)];
  const payload = Uint8Array.of(0, 0, 0x90, ...card);
  return { kind: 'ok', payload, data: payload.subarray(3), lastByteMs: 0 };
}

t.test('a frame vouches only for the very text that was told early', async (t) => {
  const events: ReaderEvent[] = [];
  const early = [OTHER_CARD, CARD];
  const read = new CardRead({
    ask: async (name: SamCommandName, onText?: OnText) => {
      if (name !== 'read') return answer();
      onText?.(encodeIdCard(makeCard(early.shift() ?? '')));
      return answer(CARD);
    },
    clock: new ManualClock(),
    counters: newReaderCounters(),
    retries: 1,
    secondRead: () => false,
    mayGoOn: () => true,
    emit: (event) => events.push(event),
  });
  t.equal(await read.read({ quietly: false }), true);
  t.same(
    events.map(({ type }) => type),
    ['text', 'failed', 'text', 'whole'],
  );
  t.match(of(events, 'failed'), [{ reason: 'damaged', afterText: true, final: false }]);
  t.same(
    of(events, 'whole').map(({ card }) => card.reveal().number),
    [CARD],
  );
});
