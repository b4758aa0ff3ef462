import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import {
  encodeFrame,
  encodeLinkFrame,
  framesInOrder,
  isFrameBeginning,
  LINK_FRAME_BYTES,
  MAX_RECORD_BYTES,
  scanFrames,
} from '../../../protocol/journal/frame.js';
import { bytesOf } from '../wire/samples.js';

const HEADER_BYTES = 44;
const bodies = fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 6 });
const previousOf = (index: number) => bytesOf(`head ${index}`, 32);

const framesOf = (list: readonly Uint8Array[]) =>
  list.map((body, index) => encodeFrame(previousOf(index), body));
const found = (bytes: Buffer) => scanFrames(bytes).frames.map(({ body }) => body.toString('hex'));
const hexes = (list: readonly Uint8Array[]) => list.map((body) => Buffer.from(body).toString('hex'));

/** Where each frame ends. */
function endsOf(frames: readonly Buffer[]): number[] {
  let end = 0;
  return frames.map((frame) => {
    end += frame.length;
    return end;
  });
}

t.test('frames read back in order, with their heads and places, and nothing is damaged', async (t) => {
  fc.assert(
    fc.property(bodies, (list) => {
      const frames = framesOf(list);
      const scan = scanFrames(Buffer.concat(frames));
      const ends = endsOf(frames);
      t.equal(scan.damaged.length, 0);
      t.equal(scan.frames.length, list.length);
      return scan.frames.every(
        ({ from, to, previous, body }, index) =>
          from === (ends[index - 1] ?? 0) &&
          to === ends[index] &&
          previous.equals(previousOf(index)) &&
          Buffer.compare(body, list[index] ?? Buffer.alloc(0)) === 0,
      );
    }),
    { numRuns: 50 },
  );
});

t.test('cut anywhere, all frames before the cut are there and the rest is one damaged tail', async (t) => {
  const list = [Buffer.from('one'), Buffer.alloc(0), Buffer.from('CPJ1 three'), bytesOf('four', 200)];
  const frames = framesOf(list);
  const whole = Buffer.concat(frames);
  const ends = endsOf(frames);
  for (let length = 0; length <= whole.length; length++) {
    const scan = scanFrames(whole.subarray(0, length));
    const kept = ends.filter((end) => end <= length).length;
    const goodTo = ends[kept - 1] ?? 0;
    t.equal(scan.frames.length, kept);
    t.same(scan.damaged, goodTo === length ? [] : [{ from: goodTo, to: length }]);
  }
});

t.test('one byte changed costs the frame that it is in and no other', async () => {
  fc.assert(
    fc.property(bodies, fc.nat(), fc.integer({ min: 1, max: 255 }), (list, place, mask) => {
      const frames = framesOf(list);
      const bytes = Buffer.concat(frames);
      const at = place % bytes.length;
      bytes[at] = (bytes[at] ?? 0) ^ mask;
      const hit = endsOf(frames).findIndex((end) => at < end);
      const expected = hexes(list.toSpliced(hit, 1));
      return JSON.stringify(found(bytes)) === JSON.stringify(expected);
    }),
    { numRuns: 500 },
  );
});

t.test('garbage before, between and behind frames costs no frame', async () => {
  const garbage = fc.uint8Array({ maxLength: 50 });
  fc.assert(
    fc.property(bodies, fc.array(garbage, { minLength: 7, maxLength: 7 }), (list, between) => {
      const bytes = Buffer.concat(
        framesOf(list).flatMap((frame, index) => [between[index] ?? Buffer.alloc(0), frame]),
      );
      const scan = scanFrames(bytes);
      const covered = [...scan.frames, ...scan.damaged].toSorted((a, b) => a.from - b.from);
      // Frames and damage together are the whole file, without gap or overlap.
      const seamless = covered.every(({ from }, index) => from === (covered[index - 1]?.to ?? 0));
      return JSON.stringify(found(bytes)) === JSON.stringify(hexes(list)) && seamless;
    }),
  );
});

t.test('a body that holds the magic, or a whole frame, is one body', async (t) => {
  const inner = encodeFrame(previousOf(0), Buffer.from('inner'));
  for (const body of [Buffer.from('CPJ1CPJ1'), inner, Buffer.concat([inner, inner])]) {
    const bytes = Buffer.concat(framesOf([body, Buffer.from('next')]));
    t.same(found(bytes), hexes([body, Buffer.from('next')]));
  }
});

t.test('the magic right behind a torn frame is still found', async (t) => {
  const [torn, next] = framesOf([bytesOf('torn', 100), Buffer.from('next')]);
  if (torn === undefined || next === undefined) throw new Error('two frames were made');
  for (let length = 0; length < torn.length; length++) {
    const bytes = Buffer.concat([torn.subarray(0, length), next]);
    t.same(found(bytes), hexes([Buffer.from('next')]));
  }
});

/** A frame whose CRC fits its content, whatever its length field says. */
function claiming(length: number, body: Buffer): Buffer {
  const frame = encodeFrame(previousOf(0), body);
  frame.writeUInt32BE(length, 4);
  return frame;
}

for (const length of [4, 6, MAX_RECORD_BYTES + 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
  t.test(`a frame of 5 bytes that claims ${length} is damage, and the next one is found`, async (t) => {
    const bytes = Buffer.concat([claiming(length, Buffer.from('short')), ...framesOf([Buffer.from('next')])]);
    t.same(found(bytes), hexes([Buffer.from('next')]));
  });
}

t.test('a body longer than a record may be is damage even when its CRC fits', async (t) => {
  t.same(found(encodeFrame(previousOf(0), Buffer.alloc(MAX_RECORD_BYTES))).length, 1);
  t.same(found(encodeFrame(previousOf(0), Buffer.alloc(MAX_RECORD_BYTES + 1))), []);
});

t.test('the layout: magic, length, CRC-32 over head and body, head, body', async (t) => {
  const previous = previousOf(0);
  const body = Buffer.from('body');
  const frame = encodeFrame(previous, body);
  t.equal(frame.toString('latin1', 0, 4), 'CPJ1');
  t.equal(frame.readUInt32BE(4), 4);
  t.equal(frame.readUInt32BE(8), crc32(Buffer.concat([previous, body])));
  t.same(frame.subarray(12, HEADER_BYTES), previous);
  t.same(frame.subarray(HEADER_BYTES), body);
});

t.test('no bytes make it throw', async () => {
  const bytes = fc.array(
    fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(Buffer.from('CPJ1\0\0\0\x01', 'latin1'))),
  );
  fc.assert(
    fc.property(bytes, (parts) => {
      scanFrames(Buffer.concat(parts));
    }),
  );
});

t.test('a frame cut off anywhere is the beginning of one; what was altered is not', async (t) => {
  const frame = encodeFrame(previousOf(0), bytesOf('body', 20));
  const beginning = (bytes: Buffer) => isFrameBeginning(bytes.subarray(0, HEADER_BYTES), bytes.length);
  for (let length = 0; length < frame.length; length++) {
    if (!beginning(frame.subarray(0, length))) t.fail(`${length} bytes`);
  }
  t.equal(beginning(frame), false, 'it is there to its end');
  t.equal(beginning(Buffer.concat([frame, Buffer.alloc(1)])), false);
  t.equal(beginning(Buffer.from('CPJ2')), false);
  const long = Buffer.from(frame);
  long.writeUInt32BE(MAX_RECORD_BYTES + 1, 4);
  t.equal(beginning(long), false, 'no frame is so long');
});

const LINK = { epoch: 7, seq: 12_345_678_901, class: 2, digest: bytesOf('digest', 32) };

t.test('what is left of a dropped record lies between whole ones, and reads back', async (t) => {
  const frames = framesOf([Buffer.from('one'), Buffer.from('three')]);
  const link = encodeLinkFrame(previousOf(5), LINK);
  t.equal(link.length, LINK_FRAME_BYTES);
  const bytes = Buffer.concat([frames[0] ?? link, link, frames[1] ?? link, link]);
  const scan = scanFrames(bytes);
  t.same(scan.damaged, []);
  t.same(
    scan.links.map(({ link, previous }) => ({ link, previous })),
    [
      { link: LINK, previous: previousOf(5) },
      { link: LINK, previous: previousOf(5) },
    ],
  );
  t.same(
    framesInOrder(scan).map((frame) => ('link' in frame ? 'link' : frame.body.toString())),
    ['one', 'link', 'three', 'link'],
  );
});

t.test('a link of which any bit is turned is damage, and costs nothing behind it', async (t) => {
  const [good = Buffer.alloc(0)] = framesOf([Buffer.from('good')]);
  const link = encodeLinkFrame(previousOf(5), LINK);
  for (let bit = 0; bit < link.length * 8; bit++) {
    const spoiled = Buffer.from(link);
    spoiled.writeUInt8(spoiled.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    const scan = scanFrames(Buffer.concat([spoiled, good]));
    const isFound = scan.links.length === 0 && scan.frames.length === 1;
    if (!isFound || scan.damaged[0]?.to !== link.length) t.fail(`bit ${bit}`);
  }
});

t.test('cut anywhere, a link is the beginning of one', async (t) => {
  const link = encodeLinkFrame(previousOf(5), LINK);
  for (let length = 1; length < link.length; length++) {
    const cut = link.subarray(0, length);
    t.same(scanFrames(cut).damaged, [{ from: 0, to: length }]);
    if (!isFrameBeginning(cut.subarray(0, HEADER_BYTES), length)) t.fail(`${length} bytes`);
  }
  t.equal(isFrameBeginning(link.subarray(0, HEADER_BYTES), link.length), false, 'whole, and does not check');
});
