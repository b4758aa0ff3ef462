import fc from 'fast-check';
import t from 'tap';
import { CardpadError } from '../../../protocol/errors.js';
import {
  encodeSamFrame,
  MAX_FRAME_BYTES,
  PREAMBLE,
  type SamParsed,
  SamParser,
} from '../../../protocol/reader/samFrame.js';
import { hex, samFrames } from './vectors.js';

const FIND = encodeSamFrame(Uint8Array.of(0x20, 0x01));

/** Pushes each chunk, then gives up. */
function parse(...chunks: readonly Uint8Array[]): SamParsed[] {
  const parser = new SamParser();
  return [...chunks.flatMap((chunk) => parser.push(chunk)), ...parser.giveUp()];
}

function payloads(parsed: readonly SamParsed[]): string[] {
  return parsed.flatMap((item) => (item.type === 'frame' ? [item.payload.toString('hex')] : []));
}

function accounted(parsed: readonly SamParsed[]): number {
  return parsed.reduce(
    (sum, item) => sum + (item.type === 'frame' ? item.payload.length + 8 : item.bytes),
    0,
  );
}

function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let offset = 0;
  for (let turn = 0; offset < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    chunks.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return chunks;
}

const header = (len: number) => Buffer.concat([PREAMBLE, Uint8Array.of(len >> 8, len & 0xff)]);
const discarded = (reason: string, bytes: number) => ({ type: 'discarded', reason, bytes });

t.test('every published frame is read, and written the same again', async (t) => {
  const frames = [...samFrames.requests, ...samFrames.replies].map(({ frame }) => frame);
  for (const frame of [...frames, ...samFrames.vendorRequests]) {
    const payload = hex(frame).subarray(7, -1);
    t.same(payloads(parse(hex(frame))), [payload.toString('hex')], frame);
    t.equal(encodeSamFrame(payload).toString('hex'), frame.toLowerCase());
  }
});

t.test('a frame with a wrong checksum, as seen in the wild, is no frame', async (t) => {
  for (const { title, frame } of samFrames.badChecksum) {
    t.same(parse(hex(frame)), [discarded('bad-checksum', frame.length / 2)], title);
  }
});

t.test('a good frame right behind a damaged one is read', async (t) => {
  const damaged = Buffer.from(FIND);
  damaged[8] = 0x00;
  t.same(payloads(parse(Buffer.concat([damaged, FIND]))), ['2001']);
});

t.test('a good frame inside the extent of a damaged one is read', async (t) => {
  const damaged = Buffer.concat([header(30), Buffer.alloc(3), FIND, Buffer.alloc(40)]);
  t.same(payloads(parse(damaged)), ['2001']);
});

t.test('a false header that claims 65,535 bytes does not delay the frame behind it', async (t) => {
  const parser = new SamParser();
  t.same(parser.push(header(0xffff)), [discarded('bad-length', 7)]);
  t.same(payloads(parser.push(FIND)), ['2001']);
});

t.test('a LEN is refused as soon as it is read when no module sends such a frame', async (t) => {
  for (const len of [0, 1, 2, 0x090b, 0x7fff]) {
    t.same(new SamParser().push(header(len)), [discarded('bad-length', 7)], `LEN ${len}`);
  }
  for (const len of [3, 0x0508, 0x090a]) t.same(new SamParser().push(header(len)), [], `LEN ${len}`);
});

t.test('the longest reply, of 2,321 bytes, is read', async (t) => {
  const payload = Buffer.alloc(MAX_FRAME_BYTES - 8, 0x5a);
  t.equal(MAX_FRAME_BYTES, 2321);
  t.same(payloads(parse(encodeSamFrame(payload))), [payload.toString('hex')]);
});

t.test('a payload that fits in no frame is refused with a stable code', async (t) => {
  for (const bytes of [0, 1, MAX_FRAME_BYTES - 7]) {
    t.throws(() => encodeSamFrame(new Uint8Array(bytes)), { code: 'sam.payload-length' }, `${bytes} bytes`);
  }
  t.throws(() => encodeSamFrame(new Uint8Array(0)), CardpadError);
});

t.test('a stray 00 behind a reply is noise and costs nothing', async (t) => {
  const parsed = parse(Buffer.concat([FIND, Uint8Array.of(0), FIND]));
  t.same(payloads(parsed), ['2001', '2001']);
  t.same(parsed[1], discarded('noise', 1));
});

t.test('one AA too many before a frame is noise and the frame is read', async (t) => {
  const parsed = parse(Buffer.concat([Uint8Array.of(0xaa, 0xaa), FIND]));
  t.same(parsed[0], discarded('noise', 2));
  t.same(payloads(parsed), ['2001']);
});

t.test('noise is reported once a push, however much it is', async (t) => {
  t.same(new SamParser().push(Buffer.alloc(100_000, 0x55)), [discarded('noise', 100_000)]);
});

t.test('while a frame arrives its payload so far is to be seen, without header', async (t) => {
  const parser = new SamParser();
  const seen = [...FIND].map((byte) => {
    parser.push(Uint8Array.of(byte));
    return Buffer.from(parser.pending()).toString('hex');
  });
  t.same(seen, ['', '', '', '', '', '', '', '20', '2001', '']);
});

t.test('nothing is pending in noise', async (t) => {
  const parser = new SamParser();
  parser.push(Buffer.from('no frame at all'));
  t.equal(parser.pending().length, 0);
});

t.test('giving up drops the frame waited for and finds a good one that it had swallowed', async (t) => {
  const parser = new SamParser();
  t.same(parser.push(Buffer.concat([header(0x0508), Buffer.alloc(10), FIND, Buffer.alloc(5)])), []);
  const parsed = parser.giveUp();
  t.same(payloads(parsed), ['2001']);
  t.same(parsed[0], discarded('incomplete', 17));
  t.equal(parser.pending().length, 0);
});

t.test('giving up twice drops nothing twice', async (t) => {
  const parser = new SamParser();
  parser.push(header(0x0508));
  t.same(parser.giveUp(), [discarded('incomplete', 7)]);
  t.same(parser.giveUp(), []);
});

t.test('what a later frame brings does not change a payload handed out earlier', async (t) => {
  const parser = new SamParser();
  const [first] = parser.push(FIND);
  parser.push(Buffer.alloc(20_000, 0xff));
  t.same(payloads(first === undefined ? [] : [first]), ['2001']);
});

t.test('a stream that announces a long frame every seven bytes is dropped as fast as it comes', async (t) => {
  const parser = new SamParser();
  let waiting = 0;
  let most = 0;
  for (let turn = 0; turn < 2000; turn++) {
    const parsed = parser.push(header(0x090a));
    waiting += 7 - accounted(parsed);
    most = Math.max(most, waiting);
  }
  t.ok(most < MAX_FRAME_BYTES, 'less than one frame is ever kept');
  t.equal(accounted(parser.giveUp()), waiting);
});

const payload = fc.uint8Array({ minLength: 2, maxLength: 40 });
/** Without 0x69 no preamble can form, and none is completed by a frame that follows. */
const noise = fc
  .uint8Array({ maxLength: 40 })
  .map((bytes) => bytes.map((byte) => (byte === 0x69 ? 0x68 : byte)));
const chunkSizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 8 });

t.test('every good frame is found, whatever the chunks and whatever noise lies between', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(noise, payload), { maxLength: 6 }),
      noise,
      chunkSizes,
      (parts, tail, sizes) => {
        const stream = Buffer.concat([
          ...parts.flatMap(([garbage, sent]) => [garbage, encodeSamFrame(sent)]),
          tail,
        ]);
        const parsed = parse(...split(stream, sizes));
        const sent = parts.map(([, bytes]) => Buffer.from(bytes).toString('hex'));
        return payloads(parsed).join() === sent.join() && accounted(parsed) === stream.length;
      },
    ),
  );
});

t.test('every byte is accounted for once, whatever arrives', async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc.constantFrom(PREAMBLE, PREAMBLE.subarray(0, 3), FIND, FIND.subarray(0, 8)),
    fc.integer({ min: 0, max: 0xffff }).map(header),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), chunkSizes, (pieces, sizes) => {
      const stream = Buffer.concat(pieces);
      const parsed = parse(...split(stream, sizes));
      return accounted(parsed) === stream.length;
    }),
  );
});

t.test('the frames found do not depend on how the stream was cut', async () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 12 }),
    payload.map(encodeSamFrame),
    fc.integer({ min: 0, max: 60 }).map(header),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), chunkSizes, (pieces, sizes) => {
      const stream = Buffer.concat(pieces);
      return payloads(parse(stream)).join() === payloads(parse(...split(stream, sizes))).join();
    }),
  );
});
