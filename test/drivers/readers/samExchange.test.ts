import t from 'tap';
import { newReaderCounters } from '../../../drivers/readers/readerCounters.js';
import { SamExchange } from '../../../drivers/readers/samExchange.js';
import { makeCard } from '../../../drivers/simulated/cards.js';
import { portPair } from '../../../drivers/simulated/portPair.js';
import { ManualClock } from '../../../platform/clock.js';
import { encodeIdCard } from '../../../protocol/card/idCard.js';
import { CARD, OTHER_CARD, reply, turn } from './bench.js';

const carrying = (lengths: string, number: string, imageBytes: number) =>
  reply(
    0x90,
    Buffer.concat([Buffer.from(lengths, 'hex'), encodeIdCard(makeCard(number)), Buffer.alloc(imageBytes)]),
  );

t.test('a frame that answers another question ends a question whose text was told from it', async (t) => {
  const { near, far } = portPair();
  const counters = newReaderCounters();
  const exchange = new SamExchange(near, new ManualClock(), counters);
  let told = 0;
  const asked = exchange.ask('read', () => told++);
  await turn();
  // A reply to 30 10: it begins as one to 30 01 does, and its length tells them apart only at its end.
  const other = carrying('010004000400', OTHER_CARD, 2048);
  await far.write(other.subarray(0, 1000));
  await turn();
  t.equal(told, 1);
  await far.write(Buffer.concat([other.subarray(1000), carrying('01000400', CARD, 1024)]));
  t.match(await asked, { kind: 'damaged' });
  t.match(counters, { mismatched: 1, unsolicited: 1 });
});

t.test('before any text was told, such a frame is dropped and the answer waited for', async (t) => {
  const { near, far } = portPair();
  const exchange = new SamExchange(near, new ManualClock(), newReaderCounters());
  const asked = exchange.ask('find');
  await turn();
  await far.write(carrying('01000400', OTHER_CARD, 1024));
  await far.write(reply(0x80));
  t.match(await asked, { kind: 'status', status: { name: 'no-card' } });
});
