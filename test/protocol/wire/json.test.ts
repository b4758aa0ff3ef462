import fc from 'fast-check';
import t from 'tap';
import * as v from 'valibot';
import {
  base64,
  count,
  hex,
  MAX_PAYLOAD_BYTES,
  parseJson,
  toJson,
  toPaddedJson,
} from '../../../protocol/wire/json.js';

const read = (schema: v.GenericSchema, value: unknown) => parseJson(toJson(value), schema);
const Base64 = base64(16);

t.test('bytes in base64 read back as they were', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 16 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64');
      const result = parseJson(toJson(text), Base64);
      return result.ok && Buffer.compare(result.value, bytes) === 0;
    }),
  );
});

for (const [what, text] of [
  ['white space', 'AAAA AAAA'],
  ['a line end', 'AAAA\n'],
  ['the URL alphabet', 'AA-_'],
  ['missing padding', 'AA'],
  ['padding alone', '===='],
  ['too much padding', 'A==='],
  ['padding in the middle', 'AA==AAAA'],
  ['bits to spare, two of them', 'AAB='],
  ['bits to spare, four of them', 'AB=='],
  ['more than the field may hold', 'AAAA'.repeat(7)],
  ['a NUL', 'AAA\0'],
] as const) {
  t.test(`base64 with ${what} is refused`, async (t) => {
    t.same(read(Base64, text), { ok: false, reason: 'wrong-shape' });
  });
}

t.test('of two texts in base64 no two stand for the same bytes', async () => {
  const near = fc.stringMatching(/^[A-Za-z0-9+/]{2}[A-Za-z0-9+/=]{2}$/);
  fc.assert(
    fc.property(near, (text) => {
      const result = parseJson(toJson(text), Base64);
      return !result.ok || result.value.toString('base64') === text;
    }),
    { numRuns: 1000 },
  );
});

t.test('the largest field is read without running out of stack', async (t) => {
  const text = Buffer.alloc(90_000, 7).toString('base64');
  t.ok(parseJson(toJson(text), base64(90_000)).ok);
});

for (const [text, right] of [
  ['00ff', true],
  ['00FF', false],
  ['00f', false],
  ['00ff00', false],
  ['00fg', false],
  ['00ff\n', false],
  ['', false],
] as const) {
  t.test(`${JSON.stringify(text)} ${right ? 'is' : 'is not'} two bytes in hex`, async (t) => {
    t.equal(read(hex(2), text).ok, right);
  });
}

for (const [value, right] of [
  [0, true],
  [2 ** 53 - 1, true],
  [2 ** 53, false],
  [-1, false],
  [0.5, false],
  ['1', false],
  [null, false],
  [true, false],
] as const) {
  t.test(`${JSON.stringify(value)} ${right ? 'is' : 'is not'} a count`, async (t) => {
    t.equal(read(count(), value).ok, right);
  });
}

t.test('a number that only looks finite in text is no count', async (t) => {
  t.notOk(parseJson(Buffer.from('1e999'), count()).ok);
});

for (const [what, bytes, reason] of [
  ['nothing', Buffer.alloc(0), 'not-json'],
  ['half a document', Buffer.from('{"a":'), 'not-json'],
  ['two documents', Buffer.from('1 2'), 'not-json'],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'not-json'],
  ['too many bytes', Buffer.alloc(MAX_PAYLOAD_BYTES + 1, 0x20), 'too-long'],
  ['lists in lists without end', Buffer.from('['.repeat(100_000)), 'not-json'],
  ['lists in lists, closed', Buffer.from('['.repeat(60_000) + ']'.repeat(60_000)), 'wrong-shape'],
] as const) {
  t.test(`${what}: refused as ${reason}`, async (t) => {
    t.same(parseJson(bytes, v.strictObject({})), { ok: false, reason });
  });
}

t.test('padding fills up to a whole block and is white space to any reader', async () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.integer({ min: 1, max: 600 }), (value, block) => {
      const padded = toPaddedJson(value, block);
      const unpadded = toJson(value);
      return (
        padded.length % block === 0 &&
        padded.length - unpadded.length < block &&
        padded.toString('utf8').trimEnd() === unpadded.toString('utf8')
      );
    }),
  );
});
