import fc from 'fast-check';
import t from 'tap';
import type { SamDamage } from '../../../drivers/simulated/samModule.js';
import { Bench, CARD, OTHER_CARD, of } from './bench.js';

t.test('a card left on the pad is read once by a module that hides it', async (t) => {
  const bench = new Bench({ refind: 'until-lifted' });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(3000);
  t.same(bench.take(), ['found', 'text', 'whole', 'absent']);
  bench.module.lift();
  await bench.run(400);
  bench.module.put(CARD);
  await bench.run(700);
  t.same(bench.take(), ['found', 'text', 'whole', 'absent'], 'lifted and put down, it is read again');
  await bench.reader.stop();
});

t.test('a module that finds it again tells the card at every poll, and found only once', async (t) => {
  const bench = new Bench({ refind: 'always', pollMs: 300 });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(950);
  t.same(bench.take(), ['found', 'text', 'whole', 'text', 'whole', 'text', 'whole']);
  bench.module.lift();
  await bench.run(700);
  t.same(bench.take(), ['absent']);
  await bench.reader.stop();
});

t.test('the text is told while the photo is still arriving', async (t) => {
  const bench = new Bench({ baud: 115_200 });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(700);
  const [text] = of(bench.events, 'text');
  const [whole] = of(bench.events, 'whole');
  if (text === undefined || whole === undefined) throw new Error('the card was not read');
  t.ok(whole.atMs - text.atMs > 80, '1,024 bytes of photo take 89 ms at 115,200 baud');
  t.equal(whole.lastByteMs, whole.atMs, 'told with its last byte');
  t.equal(text.card.reveal().number, CARD);
  t.equal(whole.card.reveal().number, CARD);
  t.match(whole, { reads: 1, confirmed: false });
  await bench.reader.stop();
});

t.test('a reply that arrives all at once is told as text, then whole', async (t) => {
  const bench = new Bench();
  await bench.start();
  bench.module.put(CARD);
  await bench.run(350);
  t.same(bench.take(), ['found', 'text', 'whole']);
  await bench.reader.stop();
});

t.test('one byte at a time', async (t) => {
  const bench = new Bench({
    onReply: (bytes, send) => {
      for (const byte of bytes) send(Uint8Array.of(byte));
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(350);
  t.same(bench.take(), ['found', 'text', 'whole']);
  t.same(bench.reader.counters.discarded, { noise: 0, 'bad-length': 0, 'bad-checksum': 0, incomplete: 0 });
  await bench.reader.stop();
});

t.test('however the bytes are cut, and with noise around them, a card is read once', async (t) => {
  const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(cuts, fc.boolean(), async (sizes, noisy) => {
      const bench = new Bench({
        onReply: (bytes, send) => {
          for (let offset = 0, turn = 0; offset < bytes.length; turn++) {
            const size = sizes[turn % sizes.length] ?? 1;
            send(bytes.subarray(offset, offset + size));
            offset += size;
          }
        },
      });
      bench.module.noise(noisy);
      await bench.start();
      bench.module.put(CARD);
      await bench.run(900);
      t.same(bench.take(), ['found', 'text', 'whole', 'absent']);
      await bench.reader.stop();
    }),
    { numRuns: 25 },
  );
});

const VOIDED: readonly SamDamage[] = ['checksum', 'photo', 'truncate'];
for (const damage of VOIDED) {
  t.test(
    `a frame whose photo is damaged voids its text, and a second try reads it (${damage})`,
    async (t) => {
      const bench = new Bench({ refind: 'always', baud: 115_200 });
      await bench.start();
      bench.module.damage(damage);
      bench.module.put(CARD);
      await bench.run(2000);
      t.same(bench.take().slice(0, 5), ['found', 'text', 'failed', 'text', 'whole']);
      await bench.reader.stop();
    },
  );
}

t.test('the failure that voids a text says so, and that it is not the last word', async (t) => {
  const bench = new Bench({ refind: 'always', baud: 115_200 });
  await bench.start();
  bench.module.damage('photo');
  bench.module.put(CARD);
  await bench.run(700);
  t.match(of(bench.events, 'failed'), [{ reason: 'damaged', afterText: true, final: false }]);
  t.same(bench.reader.counters.readsFailed, { damaged: 1 });
  await bench.reader.stop();
});

t.test('a module that hides the card after a damaged frame makes it the turn of the elder', async (t) => {
  const bench = new Bench({ refind: 'until-lifted', baud: 115_200 });
  await bench.start();
  bench.module.damage('photo');
  bench.module.put(CARD);
  await bench.run(1500);
  t.match(of(bench.events, 'failed'), [
    { reason: 'damaged', afterText: true, final: false },
    { reason: 'damaged', afterText: false, final: true },
  ]);
  t.same(bench.take(), ['found', 'text', 'failed', 'failed', 'absent']);
  await bench.reader.stop();
});

for (const { damage, what, reason } of [
  { damage: 'text', what: 'two flipped bits that the checksum cannot see are', reason: 'contradictory' },
  { damage: 'insert', what: 'a byte too many in the text is', reason: 'damaged' },
] as const) {
  t.test(`${what} never told as a person`, async (t) => {
    const bench = new Bench({ refind: 'always', baud: 115_200 });
    await bench.start();
    bench.module.damage(damage);
    bench.module.put(CARD);
    await bench.run(800);
    t.same(bench.take().slice(0, 3), ['found', 'text', 'whole']);
    t.same(bench.reader.counters.readsFailed, { [reason]: 1 });
    await bench.reader.stop();
  });
}

t.test('a false header before a good frame costs nothing', async (t) => {
  const bench = new Bench({ baud: 115_200 });
  await bench.start();
  bench.module.damage('false-header');
  bench.module.put(CARD);
  await bench.run(800);
  t.same(bench.take(), ['found', 'text', 'whole', 'absent']);
  await bench.reader.stop();
});

t.test('a card that cannot be read is complained of once, until it is lifted or read', async (t) => {
  let broken = true;
  const bench = new Bench({
    refind: 'always',
    onReply: (bytes, send) => {
      const copy = Uint8Array.from(bytes);
      if (broken && copy.length > 1000) copy[700] = (copy[700] ?? 0) ^ 1;
      // In two parts, so that the text could be told before the damage is seen.
      send(copy.subarray(0, 600));
      send(copy.subarray(600));
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(3000);
  t.same(bench.take(), ['found', 'text', 'failed', 'text', 'failed', 'text', 'failed']);
  t.equal(bench.requests.filter(({ command }) => command === '3001').length > 5, true, 'it goes on trying');
  broken = false;
  await bench.run(600);
  t.same(bench.take().slice(0, 2), ['text', 'whole'], 'and is told once it succeeds');
  broken = true;
  bench.module.lift();
  await bench.run(400);
  bench.module.put(CARD);
  await bench.run(1000);
  t.same(bench.take().slice(0, 3), ['absent', 'found', 'text'], 'lifted, it counts as new');
  await bench.reader.stop();
});

t.test('the last of the failures is the final one', async (t) => {
  const bench = new Bench({
    refind: 'always',
    readRetries: 2,
    onRequest: (command, send) => {
      if (command !== '3001') return false;
      send(Buffer.from('aaaaaa9669000400004145', 'hex'));
      return true;
    },
  });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(400);
  t.match(of(bench.events, 'failed'), [
    { reason: 'lifted', status: 'read-failed', afterText: false, final: true },
  ]);
  t.same(
    bench.requests.filter(({ atMs }) => atMs > 50).map(({ command }) => command),
    ['2001', '2002', '3001', '2001', '2002', '3001', '2001', '2002', '3001'],
    'three whole tries at once',
  );
  await bench.reader.stop();
});

t.test('a second person is told as the second person', async (t) => {
  const bench = new Bench({ baud: 115_200 });
  await bench.start();
  bench.module.put(CARD);
  await bench.run(600);
  bench.module.put(OTHER_CARD);
  await bench.run(1000);
  t.same(
    of(bench.events, 'whole').map(({ card }) => card.reveal().number),
    [CARD, OTHER_CARD],
  );
  await bench.reader.stop();
});

t.test('nothing that an event turns into as text names a person', async (t) => {
  const bench = new Bench();
  await bench.start();
  bench.module.put(CARD);
  await bench.run(400);
  t.equal(of(bench.events, 'whole').length, 1);
  t.notMatch(JSON.stringify(bench.events), CARD);
  t.notMatch(JSON.stringify(bench.reader.counters), CARD);
  await bench.reader.stop();
});
