import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import {
  type LedgerPart,
  ledgerFileName,
  ledgerFiles,
  readLedger,
} from '../../../central/ledger/ledgerFile.js';
import { encodeFrame } from '../../../protocol/journal/frame.js';

async function read(path: string, fromByte = 0): Promise<LedgerPart[]> {
  const parts: LedgerPart[] = [];
  for await (const part of readLedger(path, fromByte)) parts.push(part);
  return parts;
}

/** Three megabytes of frames of many lengths, so that windows end everywhere in them. */
const BODIES = Array.from({ length: 200 }, (_, at) => randomBytes(1 + ((at * 977) % 32_000)));
const FRAMES = BODIES.map((body) => encodeFrame(Buffer.alloc(32), body));

t.test('a file longer than memory windows is read whole, from any frame on', async (t) => {
  const path = join(t.testdir({}), 'a.cpj');
  writeFileSync(path, Buffer.concat(FRAMES));
  const parts = await read(path);
  t.same(
    parts.map((part) => part.kind === 'frame' && part.frame.body),
    BODIES,
  );
  const [, , third] = parts;
  t.equal((await read(path, third?.from)).length, 198);
  t.same(await read(join(t.testdir({}), 'none.cpj')), []);
});

t.test('damage costs the frames that it hits, a torn tail is the last part', async (t) => {
  const path = join(t.testdir({}), 'a.cpj');
  const bytes = Buffer.concat(FRAMES);
  const hit = FRAMES.slice(0, 70).reduce((sum, { length }) => sum + length, 0);
  bytes.fill(0xff, hit + 20, hit + 44);
  writeFileSync(path, bytes.subarray(0, bytes.length - 5));
  const parts = await read(path);
  t.equal(parts.filter(({ kind }) => kind === 'frame').length, 198);
  const damage = parts.filter(({ kind }) => kind === 'damage');
  t.match(damage[0], { from: hit, to: hit + (FRAMES[70]?.length ?? 0) });
  t.match(damage.at(-1), { to: bytes.length - 5 });
  t.equal(parts.at(-1), damage.at(-1));
});

t.test('a megabyte of garbage between frames is passed', async (t) => {
  const path = join(t.testdir({}), 'a.cpj');
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = FRAMES;
  writeFileSync(path, Buffer.concat([first, Buffer.alloc(2_500_000, 'CPJ1'), second]));
  const frames = (await read(path)).filter(({ kind }) => kind === 'frame');
  t.equal(frames.length, 2);
});

t.test('file names: device and fork, nothing else', async (t) => {
  t.same(
    ledgerFiles(['b.fork-2.cpj', 'a.cpj', 'b.cpj', 'b.fork-0.cpj', '.a.cpj', 'A.cpj', 'a.json', '../a.cpj']),
    [
      { name: 'a.cpj', device: 'a', fork: 0 },
      { name: 'b.cpj', device: 'b', fork: 0 },
      { name: 'b.fork-2.cpj', device: 'b', fork: 2 },
    ],
  );
  t.same([ledgerFileName('a', 0), ledgerFileName('a', 3)], ['a.cpj', 'a.fork-3.cpj']);
});
