import { readFileSync } from 'node:fs';
import t from 'tap';
import { clockFacts } from '../../../protocol/journal/clockMark.js';
import { encodeRecord, parseRecord } from '../../../protocol/journal/record.js';
import { headBytes, headFacts } from '../../../protocol/journal/signedHead.js';
import { sm2Verify } from '../../../protocol/sm/sm2.js';
import { keyId } from '../../../protocol/sm/sm2Key.js';
import { hexOf } from '../wire/samples.js';
import { RECORD } from './samples.js';

interface HeadVectors {
  readonly device: string;
  readonly publicKey: string;
  readonly signedText: string;
  readonly record: string;
}

// The compiled tests lie in build/test/protocol; the vectors stay where they are.
const FILE = new URL('../../../../test/vectors/head.json', import.meta.url);
// Made once. A signature has random in it, so that only its check can be written down.
const VECTORS: HeadVectors = JSON.parse(readFileSync(FILE, 'utf8'));

const FACTS = { seq: 3, head: hexOf('head', 32), key: hexOf('key', 8), signature: hexOf('signature', 64) };
const HEAD = { ...RECORD, seq: 9, kind: 'head', clear: FACTS };
const CLOCK = { ...RECORD, seq: 3, kind: 'clock', trusted: true, clear: { source: 'central' } };

t.test('a head that was signed once still verifies, over the same text', async (t) => {
  const { device, publicKey, signedText, record } = VECTORS;
  const parsed = parseRecord(Buffer.from(record));
  if (!parsed.ok) throw new Error(parsed.reason);
  t.equal(encodeRecord(parsed.value).toString(), record);
  const facts = headFacts(parsed.value);
  if (facts === undefined) throw new Error('it is a head');
  const { seq, head, key, signature } = facts;
  const message = headBytes(device, { epoch: parsed.value.epoch, seq, head });
  t.equal(message.toString(), signedText);
  t.equal(key, keyId(publicKey));
  t.ok(sm2Verify(message, signature, publicKey));
  for (const place of [
    { epoch: parsed.value.epoch + 1, seq, head },
    { epoch: parsed.value.epoch, seq: seq + 1, head },
    { epoch: parsed.value.epoch, seq, head: hexOf('another head', 32) },
  ]) {
    t.notOk(sm2Verify(headBytes(device, place), signature, publicKey), 'another place');
  }
  t.notOk(sm2Verify(headBytes('gz-bus-a2', { epoch: 1, seq, head }), signature, publicKey), 'another device');
});

t.test('a head is whole, of its own kind, and of an earlier record', async (t) => {
  t.same(headFacts(HEAD), FACTS);
  for (const [what, record] of [
    ['another kind', { ...HEAD, kind: 'key' }],
    ['its own place', { ...HEAD, seq: 3 }],
    ['a later place', { ...HEAD, seq: 2 }],
    ['a signature too short', { ...HEAD, clear: { ...FACTS, signature: 'ab' } }],
    ['more than is asked', { ...HEAD, clear: { ...FACTS, more: 1 } }],
    ['nothing', { ...HEAD, clear: undefined }],
  ] as const) {
    t.equal(headFacts(record), undefined, what);
  }
});

t.test('a clock counts only where its own time is trusted', async (t) => {
  t.same(clockFacts(CLOCK), { source: 'central' });
  t.same(clockFacts({ ...CLOCK, clear: { source: 'gps' } }), { source: 'gps' }, 'sources to come');
  for (const [what, record] of [
    ['not trusted', { ...CLOCK, trusted: false }],
    ['another kind', { ...CLOCK, kind: 'head' }],
    ['no source', { ...CLOCK, clear: {} }],
    ['a source that is no word', { ...CLOCK, clear: { source: 'Central 1' } }],
  ] as const) {
    t.equal(clockFacts(record), undefined, what);
  }
});
