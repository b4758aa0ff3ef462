import fc from 'fast-check';
import t from 'tap';
import {
  ACTIONS,
  openContent,
  parseAlarmContent,
  parsePassageContent,
  parseTapContent,
  parseVerdictContent,
  parseVoidContent,
  RecordKey,
  sealContent,
  type VerdictContent,
} from '../../../protocol/journal/seal.js';
import { DECIDERS, OUTCOMES } from '../../../protocol/verdict.js';
import { flipped } from '../flip.js';
import { assertNeverThrows, mistyped, notRefused, spoiled } from '../wire/hostile.js';
import { bytesOf } from '../wire/samples.js';
import { ALARM, DEVICE, PASSAGE, TAP, VERDICT, VOID } from './samples.js';

const FIRST = bytesOf('record key', 32);
const IV = bytesOf('iv', 12);
const ADDRESS = { device: DEVICE, epoch: 4, seq: 3, kind: 'tap' };

const keyAt = (step: number): RecordKey => {
  const key = new RecordKey(FIRST);
  for (let i = 0; i < step; i++) key.moveOn();
  return key;
};

t.test('sealed content opens to itself at its own address and step', async (t) => {
  const key = keyAt(0);
  for (let step = 0; step < 5; step++) {
    const sealed = sealContent(key, 2, { ...ADDRESS, seq: 3 + step }, IV, TAP);
    t.match(sealed, { key: 2, step });
    const plain = openContent(keyAt(step).current(), { ...ADDRESS, seq: 3 + step }, sealed.box);
    t.ok(plain);
    t.same(parseTapContent(plain ?? Buffer.alloc(0)), { ok: true, value: TAP });
  }
});

t.test('after sealing, the key that sealed is gone: the same object opens nothing of before', async (t) => {
  const key = keyAt(0);
  const { box } = sealContent(key, 2, ADDRESS, IV, TAP);
  t.equal(key.step, 1);
  t.equal(openContent(key.current(), ADDRESS, box), undefined);
});

t.test('each step has keys of its own, for cipher and for MAC', async (t) => {
  const keys = Array.from({ length: 20 }, (_, step) => keyAt(step).current());
  const parts = keys.flatMap(({ cipherKey, macKey }) => [
    Buffer.from(cipherKey).toString('hex'),
    Buffer.from(macKey).toString('hex', 0, 16),
  ]);
  t.equal(new Set(parts).size, 40);
});

t.test('the key as it was wrapped is copied, not kept: the caller may erase it', async (t) => {
  const first = Buffer.from(FIRST);
  const key = new RecordKey(first);
  first.fill(0);
  t.same(key.current(), keyAt(0).current());
});

for (const length of [0, 16, 31, 33]) {
  t.test(`${length} bytes are no record key`, async (t) => {
    t.throws(() => new RecordKey(Buffer.alloc(length)), RangeError);
  });
}

const { box: BOX } = sealContent(keyAt(0), 2, ADDRESS, IV, TAP);

for (const [what, address] of [
  ['another device', { ...ADDRESS, device: 'gz-bus-a2' }],
  ['another epoch', { ...ADDRESS, epoch: 5 }],
  ['another number', { ...ADDRESS, seq: 4 }],
  ['another kind', { ...ADDRESS, kind: 'verdict' }],
] as const) {
  t.test(`moved to ${what}, it does not open`, async (t) => {
    t.equal(openContent(keyAt(0).current(), address, BOX), undefined);
  });
}

t.test('one bit turned or one byte cut, and it does not open', async (t) => {
  const keys = keyAt(0).current();
  fc.assert(fc.property(fc.nat(), (at) => openContent(keys, ADDRESS, flipped(BOX, at)) === undefined));
  for (let length = 0; length < BOX.length; length++) {
    t.equal(openContent(keys, ADDRESS, BOX.subarray(0, length)), undefined);
  }
});

t.test('a verdict is as long in the journal whatever it says', async (t) => {
  const reasons = fc.array(fc.stringMatching(/^[a-z]{3,8}\.[a-z]{3,11}$/), { maxLength: 4 });
  const content = fc.record({
    tap: fc.record({ epoch: fc.integer({ min: 1, max: 9999 }), seq: fc.integer({ min: 1, max: 999_999 }) }),
    outcome: fc.constantFrom(...OUTCOMES),
    reasons,
    action: fc.constantFrom(...ACTIONS),
    decidedBy: fc.constantFrom(...DECIDERS),
    tookMs: fc.integer({ min: 0, max: 50_000 }).map((tenths) => tenths / 10),
  });
  const lengthOf = (verdict: VerdictContent) =>
    sealContent(keyAt(0), 2, { ...ADDRESS, kind: 'verdict' }, IV, verdict).box.length;
  const expected = lengthOf(VERDICT);
  fc.assert(fc.property(content, (verdict) => lengthOf(verdict) === expected));
  t.equal(expected, 12 + 32 + 256);
});

t.test('a tap is as long in the journal whoever it was', async (t) => {
  for (const medium of ['id-card', 'social-security', 'code'] as const) {
    for (const token of ['1234', 'x'.repeat(40)]) {
      const { box } = sealContent(keyAt(0), 2, ADDRESS, IV, { ...TAP, medium, token });
      t.equal(box.length, BOX.length);
    }
  }
});

t.test('contents of another shape are refused with a reason', async (t) => {
  for (const [parse, value, right] of [
    [parseTapContent, TAP, []],
    [parseVerdictContent, VERDICT, ['reasons = []', 'tookMs = 0.5', `tookMs = ${2 ** 60}`]],
    [parseVoidContent, VOID, []],
  ] as const) {
    t.same(notRefused(parse, spoiled(value)), []);
    t.same(notRefused(parse, mistyped(value, right)), []);
    assertNeverThrows(parse, Object.keys(value));
  }
});

t.test('a verdict that took for ever is refused', async (t) => {
  const text = JSON.stringify(VERDICT).replace('41.5', '1e999');
  t.notOk(parseVerdictContent(Buffer.from(text)).ok);
});

t.test('an alarm may say a few short words more, and nothing that a person could be found by', async (t) => {
  const parse = (value: unknown) => parseAlarmContent(Buffer.from(JSON.stringify(value)));
  t.same(parse(ALARM), { ok: true, value: ALARM });
  t.ok(parse({ alarm: 'central.silent' }).ok);
  t.ok(parse({ alarm: 'door.held-open' }).ok, 'a code of a later version');
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`n${'x'.repeat(index)}`, 'a']));
  for (const [what, content] of [
    ['no code', { detail: {} }],
    ['a code in words', { alarm: 'Somebody was here' }],
    ['an ID number', { alarm: 'a.b', detail: { who: '11010519491231002x' } }],
    ['a name', { alarm: 'a.b', detail: { who: '王淑芬' } }],
    ['a sentence', { alarm: 'a.b', detail: { why: 'it is so' } }],
    ['a number', { alarm: 'a.b', detail: { count: 3 } }],
    ['a name of its own making', { alarm: 'a.b', detail: { 'it is': 'so' } }],
    ['nine details', { alarm: 'a.b', detail: many }],
    ['another field', { alarm: 'a.b', at: 1 }],
  ] as const) {
    t.notOk(parse(content).ok, what);
  }
  assertNeverThrows(parseAlarmContent, Object.keys(ALARM));
});

t.test('a passage without a tap is one of nobody known', async (t) => {
  const parse = (value: unknown) => parsePassageContent(Buffer.from(JSON.stringify(value)));
  t.same(parse({ direction: 'exit' }), { ok: true, value: { direction: 'exit' } });
  t.notOk(parse({ tap: null, direction: 'exit' }).ok);
  t.notOk(parse({ direction: 'out' }).ok);
  t.same(notRefused(parsePassageContent, spoiled(PASSAGE)), ['without tap']);
  t.same(notRefused(parsePassageContent, mistyped(PASSAGE, [])), []);
  assertNeverThrows(parsePassageContent, Object.keys(PASSAGE));
});

t.test('an alarm is as long as a visit', async (t) => {
  const { box } = sealContent(keyAt(0), 2, ADDRESS, IV, ALARM);
  t.equal(box.length, sealContent(keyAt(0), 2, ADDRESS, IV, VERDICT).box.length);
});
