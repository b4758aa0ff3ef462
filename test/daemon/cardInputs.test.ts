import { inspect } from 'node:util';
import t from 'tap';
import { CardInputs, saysExpired } from '../../daemon/cardInputs.js';
import type { LaneInput } from '../../daemon/lane/state.js';
import type { ReaderEvent } from '../../drivers/readers/readerEvents.js';
import { ManualClock } from '../../platform/clock.js';
import type { IdCard } from '../../protocol/card/idCard.js';
import { Personal } from '../../protocol/personal.js';

const NUMBER = '11010519491231002X';
const PERSON: IdCard = {
  kind: 'resident',
  name: '测一',
  sex: 'female',
  birth: '19491231',
  nation: '01',
  address: '某地',
  number: NUMBER,
  authority: '某局',
  validFrom: '20200101',
  validTo: '20400101',
};
const VALID = new Personal(PERSON);
const EXPIRED_OTHER = new Personal({ ...PERSON, number: '110105194912310038', validTo: '20250101' });
const EXPIRED = new Personal({ ...PERSON, validTo: '20250101' });

const atMs = 0;
const text = (card: Personal<IdCard>): ReaderEvent => ({ type: 'text', card, atMs });
const whole = (card: Personal<IdCard>, confirmed = false): ReaderEvent => ({
  type: 'whole',
  card,
  reads: confirmed ? 2 : 1,
  confirmed,
  atMs,
  lastByteMs: 0,
});

/** Some time passes between any two looks at it, as on a board. */
class PassingClock extends ManualClock {
  override monotonicMs(): number {
    this.advance(1);
    return super.monotonicMs();
  }
}

function setUp(secret = Buffer.alloc(32, 1), clock = new ManualClock()) {
  const inputs: LaneInput[] = [];
  const day = { today: '20260601' };
  const reader = new CardInputs({
    source: 3,
    clock,
    today: () => day.today,
    identitySecret: secret,
    dispatch: (input) => inputs.push(input),
  });
  const types = () =>
    inputs.map((input) => (input.type === 'card' ? `card ${input.credential.validity}` : input.type));
  const identity = () => inputs.flatMap((input) => (input.type === 'card' ? [input.identity] : []))[0];
  return { inputs, day, reader, types, identity };
}

t.test('the text of a card in date goes to the lane while the photo still arrives', async (t) => {
  const { reader, inputs, types } = setUp();
  reader.onEvent(text(VALID));
  t.same(types(), ['card valid']);
  reader.onEvent(whole(VALID));
  t.same(types(), ['card valid', 'whole']);
  const [card] = inputs;
  if (card?.type !== 'card') throw new Error('a card comes first');
  t.match(card, { source: 3, credential: { medium: 'id-card', assurance: 'sam' } });
  t.equal(card.credential.token.reveal(), NUMBER);
});

t.test(
  'no input is of a time before the one in front of it: a decision would take less than no time',
  async (t) => {
    for (const card of [VALID, EXPIRED]) {
      const { reader, inputs } = setUp(undefined, new PassingClock());
      for (const event of [{ type: 'found' as const, atMs }, text(card), whole(card, true)])
        reader.onEvent(event);
      const timesMs = inputs.map(({ nowMs }) => nowMs);
      t.same(
        timesMs,
        [...timesMs].sort((a, b) => a - b),
      );
      t.equal(timesMs.length, 3);
    }
  },
);

t.test('an expired card waits for what the second read says', async (t) => {
  for (const [confirmed, validity] of [
    [true, 'expired'],
    [false, 'unconfirmed'],
  ] as const) {
    const { reader, types } = setUp();
    reader.onEvent(text(EXPIRED));
    t.same(types(), []);
    reader.onEvent(whole(EXPIRED, confirmed));
    t.same(types(), [`card ${validity}`, 'whole']);
  }
});

t.test('a card that is not valid yet is told as such', async (t) => {
  const { reader, types } = setUp();
  reader.onEvent(text(new Personal({ ...PERSON, validFrom: '20270101' })));
  t.same(types(), ['card not-yet']);
});

t.test(
  'a day that ends, or a clock that is set, between text and frame loses no card and tells none twice',
  async (t) => {
    for (const [before, after] of [
      ['20260601', '20410101'],
      ['20410101', '20260601'],
    ] as const) {
      const { reader, day, types } = setUp();
      day.today = before;
      reader.onEvent(text(VALID));
      day.today = after;
      reader.onEvent(whole(VALID));
      t.same(types(), ['card valid', 'whole']);
    }
  },
);

t.test('one card after another, each is told once', async (t) => {
  const { reader, types } = setUp();
  for (const card of [VALID, EXPIRED, VALID]) {
    reader.onEvent(text(card));
    reader.onEvent(whole(card, true));
  }
  t.same(types(), ['card valid', 'whole', 'card expired', 'whole', 'card valid', 'whole']);
});

t.test('a card that was read whole and that nothing says was taken away is resting', async (t) => {
  const read = (card: Personal<IdCard>): ReaderEvent[] => [text(card), whole(card, true)];
  const failed: ReaderEvent = { type: 'failed', reason: 'lifted', afterText: false, final: true, atMs };
  const absent: ReaderEvent = { type: 'absent', atMs };
  const mute: ReaderEvent = { type: 'state', state: 'degraded', reason: 'sam.mute' };
  const rows: [string, ReaderEvent[], boolean][] = [
    ['read again', [], true],
    ['a read of it failed between', [failed], true],
    ['the pad was empty between', [absent], false],
    ['another card lay there between', read(EXPIRED_OTHER), false],
    ['the module was mute between: who knows what lay there', [mute], false],
  ];
  for (const [name, between, isResting] of rows) {
    const { reader, inputs } = setUp();
    for (const event of [...read(VALID), ...between, text(VALID)]) reader.onEvent(event);
    const last = inputs.at(-1);
    if (last?.type !== 'card') throw new Error('the card comes last');
    t.equal(last.isResting === true, isResting, name);
  }
  const { reader, inputs } = setUp();
  reader.onEvent(text(VALID));
  reader.onEvent({ ...failed, afterText: true });
  reader.onEvent(text(VALID));
  const isResting = inputs.flatMap((input) => (input.type === 'card' ? [input.isResting === true] : []));
  t.same(isResting, [false, false], 'one that was never read whole has not counted yet');
});

t.test('what else a reader tells goes on with its source; its state is none of the lane', async (t) => {
  const { reader, inputs } = setUp();
  reader.onEvent({ type: 'found', atMs });
  reader.onEvent({ type: 'failed', reason: 'damaged', afterText: true, final: false, atMs });
  reader.onEvent({ type: 'absent', atMs });
  reader.onEvent({ type: 'state', state: 'lost', reason: 'port.closed' });
  t.match(inputs, [
    { type: 'found', source: 3 },
    { type: 'failed', source: 3, reason: 'card.damaged', final: false },
    { type: 'absent', source: 3 },
  ]);
  t.equal(inputs.length, 3);
});

t.test('an identity tells two people apart within one run of the daemon, and nothing else', async (t) => {
  const [a, again, other, restarted] = [setUp(), setUp(), setUp(), setUp(Buffer.alloc(32, 2))];
  a.reader.onEvent(text(VALID));
  again.reader.onEvent(text(new Personal({ ...PERSON, address: '别处' })));
  other.reader.onEvent(text(new Personal({ ...PERSON, number: '110105194912310038' })));
  restarted.reader.onEvent(text(VALID));
  t.equal(a.identity(), again.identity());
  t.not(a.identity(), other.identity());
  t.not(a.identity(), restarted.identity());
  t.match(a.identity(), /^[0-9a-f]{64}$/);
});

t.test('nothing personal shows in what goes to the lane', async (t) => {
  const { reader, inputs } = setUp();
  reader.onEvent(text(VALID));
  t.notMatch(inspect(inputs, { depth: null }) + JSON.stringify(inputs), /1101|测一|某/);
});

t.test('only a date that has passed asks for a second read', async (t) => {
  t.equal(saysExpired(EXPIRED, '20260601'), true);
  t.equal(saysExpired(VALID, '20260601'), false);
  t.equal(saysExpired(VALID, '20400101'), false);
});
