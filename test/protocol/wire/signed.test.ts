import fc from 'fast-check';
import t from 'tap';
import { encodeSigned, parseSigned, signedBytes, signedDigest } from '../../../protocol/wire/signed.js';
import { assertNeverThrows, mistyped, notRefused, spoiled } from './hostile.js';
import { hexOf } from './samples.js';

const KEY = hexOf('key', 8);
const SIGNATURE = hexOf('signature', 64);
const KINDS = ['hello', 'welcome', 'enrolment', 'config', 'command'] as const;
const DOCUMENT = JSON.parse(encodeSigned(KEY, Buffer.from('{"a":1}'), SIGNATURE).toString('utf8'));

t.test('the body comes out byte for byte as it went in, whatever it is', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (body) => {
      const parsed = parseSigned(encodeSigned(KEY, body, SIGNATURE));
      return parsed.ok && Buffer.compare(parsed.value.body, body) === 0;
    }),
  );
});

t.test('the longest body still fits, one byte group more does not', async (t) => {
  t.ok(parseSigned(encodeSigned(KEY, Buffer.alloc(64 * 1024), SIGNATURE)).ok);
  t.notOk(parseSigned(encodeSigned(KEY, Buffer.alloc(64 * 1024 + 3), SIGNATURE)).ok);
});

t.test('what is signed begins with the name of its kind', async (t) => {
  t.equal(signedBytes('command', Buffer.from('x')).toString(), 'cardpad/v1/command\nx');
});

t.test('one body has another digest under each kind', async (t) => {
  const body = Buffer.from('{}');
  t.equal(new Set(KINDS.map((kind) => signedDigest(kind, body).toString('hex'))).size, KINDS.length);
});

t.test('one bit more or less in the body, and the digest is another', async (t) => {
  t.notSame(signedDigest('hello', Buffer.from('a')), signedDigest('hello', Buffer.from('b')));
  t.notSame(signedDigest('hello', Buffer.from('a')), signedDigest('hello', Buffer.from('a ')));
});

t.test('anything but the exact shape is refused with a reason', async (t) => {
  t.same(notRefused(parseSigned, spoiled(DOCUMENT)), []);
  t.same(notRefused(parseSigned, mistyped(DOCUMENT, ['body = ""'])), []);
});

t.test('another version is refused', async (t) => {
  t.same(notRefused(parseSigned, [['v2', Buffer.from(JSON.stringify({ ...DOCUMENT, v: 2 }))]]), []);
});

t.test('no bytes make it throw', async () => assertNeverThrows(parseSigned, Object.keys(DOCUMENT)));
