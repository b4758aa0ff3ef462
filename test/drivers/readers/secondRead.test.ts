import t from 'tap';
import { Bench, CARD, of, reply } from './bench.js';

const always = () => true;

t.test('what would accuse somebody is told only after a second identical read', async (t) => {
  const bench = new Bench({ refind: 'always', baud: 115_200, secondRead: always });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(700);
  const [text] = of(bench.events, 'text');
  const [whole] = of(bench.events, 'whole');
  t.match(whole, { reads: 2, confirmed: true });
  t.equal(text?.atMs, whole?.atMs, 'no early text');
  t.ok((whole?.atMs ?? 0) - (whole?.lastByteMs ?? 0) > 100, 'counted from the first frame');
  t.same(bench.take().slice(0, 3), ['found', 'text', 'whole']);
  await bench.reader.stop();
});

t.test('a second read that differs confirms nothing', async (t) => {
  let frames = 0;
  const bench = new Bench({
    refind: 'always',
    secondRead: always,
    onReply: (bytes, send) => {
      const copy = Uint8Array.from(bytes);
      if (copy.length > 1000 && frames++ % 2 === 1) {
        // The same bit twice: the checksum stays right. Byte 14 + 52 begins the address.
        for (const place of [66, 68]) copy[place] = (copy[place] ?? 0) ^ 1;
      }
      send(copy);
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(350);
  t.match(of(bench.events, 'whole'), [{ reads: 2, confirmed: false }]);
  await bench.reader.stop();
});

t.test('a second read that cannot be had confirms nothing, and the card is told all the same', async (t) => {
  let reads = 0;
  const bench = new Bench({
    refind: 'until-lifted',
    secondRead: always,
    onRequest: (command, send) => {
      if (command !== '3001' || ++reads === 1) return false;
      send(reply(0x41));
      return true;
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(400);
  t.match(of(bench.events, 'whole'), [{ reads: 1, confirmed: false }]);
  t.same(bench.take(), ['found', 'text', 'whole']);
  await bench.reader.stop();
});

t.test('where the module wants it, the second read begins with find and select', async (t) => {
  let reads = 0;
  const bench = new Bench({
    refind: 'always',
    secondRead: always,
    onRequest: (command, send) => {
      if (command !== '3001' || ++reads !== 2) return false;
      send(reply(0x41));
      return true;
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(350);
  t.match(of(bench.events, 'whole'), [{ reads: 2, confirmed: true }]);
  t.same(
    bench.requests.slice(-7).map(({ command }) => command),
    ['2001', '2002', '3001', '3001', '2001', '2002', '3001'],
  );
  await bench.reader.stop();
});

t.test('a card of which nothing needs confirming is told early', async (t) => {
  const asked: string[] = [];
  const bench = new Bench({
    baud: 115_200,
    secondRead: (card) => {
      asked.push(card.reveal().kind);
      return false;
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(700);
  t.same(asked, ['resident']);
  t.match(of(bench.events, 'whole'), [{ reads: 1, confirmed: false }]);
  t.equal(bench.requests.filter(({ command }) => command === '3001').length, 1);
  await bench.reader.stop();
});
