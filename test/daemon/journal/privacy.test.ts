import t from 'tap';
import { MemoryDisk } from '../../support/memoryDisk.js';
import { NUMBER, openOn, tap, verdictOn } from './bench.js';

/** How a text may stand in a file: as it is, in 16 bits, in hex, and in base64 wherever it begins in a triple. */
function disguises(text: string): string[] {
  const utf8 = Buffer.from(text, 'utf8');
  const utf16 = Buffer.from(text, 'utf16le');
  const base64 = [utf8, utf16].flatMap((bytes) =>
    [0, 1, 2].map((before) => {
      const encoded = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
      // Characters that also hold bits of a neighbor are left out.
      return encoded.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
    }),
  );
  const plain = [utf8, utf16].flatMap((bytes) => [bytes.toString('latin1'), bytes.toString('hex')]);
  return [...plain, ...base64];
}

t.test('the search finds what it looks for', async (t) => {
  for (const before of ['', 'x', 'xx']) {
    const bytes = Buffer.from(`${before}${NUMBER} and more`);
    const found = disguises(NUMBER).filter((text) => bytes.toString('base64').includes(text));
    t.equal(found.length, 1, `base64, ${before.length} before it`);
  }
});

t.test('no file of the journal holds who came or what was decided', async (t) => {
  const disk = new MemoryDisk();
  const { journal, lines } = await openOn(disk);
  for (let i = 0; i < 40; i++) {
    const { id } = journal.append(tap);
    journal.append(verdictOn(id));
    journal.append({ kind: 'tap-void', content: { tap: id, reason: 'card.checksum' } });
  }
  await journal.close();
  const files = Buffer.concat(disk.names.map((name) => disk.bytesOf(name))).toString('latin1');
  // A record's sealed part is base64 in JSON, so a leak below it would be base64 twice over.
  const boxes = [...files.matchAll(/"box":"([^"]+)"/g)].map(([, box = '']) => Buffer.from(box, 'base64'));
  t.equal(boxes.length, 120);
  const everything = `${files}${Buffer.concat(boxes).toString('latin1')}${lines.join()}`;
  const secrets = [
    NUMBER,
    NUMBER.slice(6, 14),
    NUMBER.slice(0, 12),
    'id-card',
    'health.green',
    'health-code',
  ];
  for (const secret of secrets) {
    for (const text of disguises(secret)) t.notOk(everything.includes(text), secret);
  }
});

t.test('a record’s length does not tell a pass from a refusal', async (t) => {
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk);
  const lengths = new Set<number>();
  for (const outcome of ['pass', 'attend', 'undetermined', 'refuse'] as const) {
    const base = verdictOn({ epoch: 1, seq: 3 });
    const before = disk.bytesOf(disk.names[0] ?? '').length;
    await journal.append({ ...base, content: { ...base.content, reasons: [], outcome } }).durable;
    lengths.add(disk.bytesOf(disk.names[0] ?? '').length - before);
  }
  t.equal(lengths.size, 1);
});
