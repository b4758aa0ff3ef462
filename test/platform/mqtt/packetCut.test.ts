import * as fc from 'fast-check';
import t from 'tap';
import { PacketCut } from '../../../platform/mqtt/packetCut.js';

const MOST_BYTES = 300;

/** MQTT 5 clause 1.5.5. */
function remainingLength(length: number): number[] {
  const bytes = [];
  for (let rest = length; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 0x80);
  }
}
const packet = (type: number, body: Uint8Array) =>
  Buffer.from([type, ...remainingLength(body.length), ...body]);

const packets = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 255 }),
    fc.oneof(
      fc.uint8Array({ maxLength: 20 }),
      fc.integer({ min: MOST_BYTES - 2, max: 40_000 }).map((length) => new Uint8Array(length).fill(0xab)),
    ),
  ),
  { maxLength: 8 },
);

t.test(
  'long packets end after so many bytes, all others pass as they are, in whatever pieces they come',
  async () => {
    fc.assert(
      fc.property(packets, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (list, sizes) => {
        const bytes = Buffer.concat(list.map(([type, body]) => packet(type, body)));
        const wanted = Buffer.concat(list.map(([type, body]) => packet(type, body.subarray(0, MOST_BYTES))));
        const cut = new PacketCut(MOST_BYTES);
        const out: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          const size = sizes[turn % sizes.length] ?? 1;
          out.push(cut.pass(bytes.subarray(at, at + size)));
          at += size;
        }
        return Buffer.concat(out).equals(wanted);
      }),
    );
  },
);

t.test('a length that does not end is handed on, for the parser to refuse', async (t) => {
  const header = Buffer.from([0x30, 0xff, 0xff, 0xff, 0xff]);
  t.same(new PacketCut(MOST_BYTES).pass(header), header);
});

t.test('of 256 MB announced, nothing is held', async (t) => {
  const cut = new PacketCut(MOST_BYTES);
  t.same(cut.pass(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f])), Buffer.from([0x30, 0xac, 2]));
  let passed = 0;
  const piece = Buffer.alloc(65_535);
  for (let sent = 0; sent < 268_435_455; sent += piece.length)
    passed += cut.pass(piece.subarray(0, 268_435_455 - sent)).length;
  t.equal(passed, MOST_BYTES);
  t.same(cut.pass(Buffer.from([0xd0, 0])), Buffer.from([0xd0, 0]), 'and what comes behind it is seen');
});
