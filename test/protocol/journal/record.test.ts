import fc from 'fast-check';
import t from 'tap';
import {
  type ChainLink,
  classNameOf,
  droppedFacts,
  encodeRecord,
  epochBase,
  type JournalRecord,
  keyFacts,
  linkOf,
  nextHead,
  outlineOf,
  parseRecord,
  RECORD_CLASSES,
  RECORD_KINDS,
  type StartFacts,
  startFacts,
} from '../../../protocol/journal/record.js';
import { flipped } from '../flip.js';
import { assertNeverThrows, mistyped, notRefused, spoiled } from '../wire/hostile.js';
import { hexOf } from '../wire/samples.js';
import { DEVICE, RECORD, records, SEALED_RECORD, START } from './samples.js';

const asWire = (bytes: Buffer): Record<string, unknown> => JSON.parse(bytes.toString('utf8'));
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

t.test('a record reads back as it was written', async (t) => {
  t.same(parseRecord(encodeRecord(RECORD)), { ok: true, value: RECORD });
  t.same(parseRecord(encodeRecord(SEALED_RECORD)), { ok: true, value: SEALED_RECORD });
});

t.test('a record is written as any JSON writer would write it, whatever stands in the clear', async () => {
  const written = (record: JournalRecord) => {
    const { sealed, ...open } = record;
    return sealed === undefined
      ? open
      : { ...open, sealed: { ...sealed, box: sealed.box.toString('base64') } };
  };
  fc.assert(
    fc.property(
      fc.option(fc.dictionary(fc.string(), fc.jsonValue()), { nil: undefined }),
      fc.option(fc.uint8Array({ maxLength: 99 }), { nil: undefined }),
      fc.nat(),
      fc.boolean(),
      (clear, box, wallMs, trusted) => {
        const { clear: _, ...bare } = RECORD;
        const record: JournalRecord = {
          ...{ ...bare, wallMs, trusted },
          ...(clear === undefined ? {} : { clear }),
          ...(box === undefined ? {} : { sealed: { key: 2, step: 7, box: Buffer.from(box) } }),
        };
        return encodeRecord(record).equals(json(written(record)));
      },
    ),
  );
});

t.test('a record of another shape is refused with a reason', async (t) => {
  for (const record of [RECORD, SEALED_RECORD]) {
    const document = asWire(encodeRecord(record));
    const optional = ['without clear', 'without sealed'];
    t.same(
      notRefused(parseRecord, spoiled(document)).filter((what) => !optional.includes(what)),
      [],
    );
    // What stands in the clear is looked at by kind, in `startFacts` and `keyFacts`; here it may be any object.
    const clear = ['{}', '{"a":1}', '[]', '[[]]'].map((value) => `clear = ${value}`);
    const right = ['trusted = true', ...clear];
    t.same(notRefused(parseRecord, mistyped(document, right)), []);
  }
});

t.test(
  'a kind that this reader does not know is kept: it is proved and passed on like the others',
  async (t) => {
    const later = { ...SEALED_RECORD, kind: 'passage', class: 2 };
    t.same(parseRecord(encodeRecord(later)), { ok: true, value: later });
  },
);

for (const [what, change] of [
  ['kind in capitals', { kind: 'Tap' }],
  ['kind of 25 characters', { kind: 'x'.repeat(25) }],
  ['class 10', { class: 10 }],
  ['number 0', { seq: 0 }],
  ['number beyond 2^53', { seq: 2 ** 53 }],
  ['sealed by step -1', { sealed: { key: 2, step: -1, box: '' } }],
  ['sealed without key', { sealed: { step: 1, box: '' } }],
] as const) {
  t.test(`${what}: refused`, async (t) => {
    t.notOk(parseRecord(json({ ...asWire(encodeRecord(SEALED_RECORD)), ...change })).ok);
  });
}

t.test('no bytes make the parser throw', async () => {
  assertNeverThrows(parseRecord, Object.keys({ ...RECORD, sealed: 0 }));
});

t.test('what cannot be read without comes first, routine last', async (t) => {
  const { chain, alarm, visit, routine } = RECORD_CLASSES;
  t.same(
    [chain, alarm, visit, routine].toSorted((a, b) => a - b),
    [chain, alarm, visit, routine],
  );
  const visits = { tap: visit, 'tap-void': visit, verdict: visit, passage: visit };
  t.same(RECORD_KINDS, {
    start: chain,
    key: chain,
    head: chain,
    clock: chain,
    dropped: chain,
    ...visits,
    alarm,
  });
});

t.test('facts are taken from a record of their own kind only, and only whole', async (t) => {
  t.same(startFacts(RECORD), START);
  t.equal(startFacts({ ...RECORD, kind: 'key' }), undefined);
  t.equal(startFacts({ ...RECORD, clear: { ...START, nonce: 'x' } }), undefined);
  t.equal(startFacts({ ...RECORD, clear: { ...START, more: 1 } }), undefined);
  t.equal(startFacts(SEALED_RECORD), undefined);
  const facts = { ledgerKey: hexOf('ledger', 8), wrapped: `04${hexOf('wrapped', 128)}` };
  const key = { ...RECORD, kind: 'key', clear: facts };
  t.same(keyFacts(key), facts);
  t.equal(keyFacts({ ...key, kind: 'start' }), undefined);
  t.equal(keyFacts({ ...key, clear: { ...facts, wrapped: facts.wrapped.slice(2) } }), undefined);
});

t.test('what was dropped is counted by class, in one range', async (t) => {
  const facts = { epoch: 3, first: 7, last: 300, counts: { visit: 250, alarm: 2 }, reason: 'room' };
  const dropped = { ...RECORD, kind: 'dropped', clear: facts };
  t.same(droppedFacts(dropped), facts);
  t.equal(droppedFacts({ ...dropped, kind: 'key' }), undefined);
  for (const wrong of [{ first: 0 }, { counts: { visit: 0 } }, { counts: { 'A B': 1 } }, { more: 1 }])
    t.equal(droppedFacts({ ...dropped, clear: { ...facts, ...wrong } }), undefined);
  t.same([0, 1, 2, 3, 7].map(classNameOf), ['chain', 'alarm', 'visit', 'routine', 'class-7']);
});

t.test('an outline is what the whole record says, of any record and of no other bytes', async (t) => {
  for (const record of [RECORD, SEALED_RECORD]) {
    const { epoch, seq } = record;
    const body = encodeRecord(record);
    t.match(outlineOf(body), { epoch, seq, class: record.class });
    const turned = JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(body.toString())).reverse()));
    t.match(
      outlineOf(Buffer.from(turned)),
      { epoch, seq, class: record.class },
      'in another order of its fields',
    );
  }
  t.equal(outlineOf(Buffer.from('{"v":1,"epoch":1}')), undefined);
  t.equal(outlineOf(Buffer.alloc(0)), undefined);
});

const BASE = epochBase(4, START);
const LINKS = records(6).map(({ record, body }) => linkOf(record, body));
const headOf = (links: readonly ChainLink[], base: Buffer = BASE) =>
  links.reduce((head, link) => nextHead(head, link), base).toString('hex');
const HEAD = headOf(LINKS);

t.test('the base of an epoch binds device, epoch, its random bytes and the place before', async (t) => {
  const others: [number, StartFacts][] = [
    [5, START],
    [4, { ...START, device: 'gz-bus-a2' }],
    [4, { ...START, nonce: hexOf('other', 8) }],
    [4, { ...START, previous: null }],
    [4, { ...START, previous: { epoch: 2, seq: 41, head: hexOf('head', 32) } }],
    [4, { ...START, previous: { epoch: 3, seq: 40, head: hexOf('head', 32) } }],
    [4, { ...START, previous: { epoch: 3, seq: 41, head: hexOf('other', 32) } }],
  ];
  const bases = [[4, START] as const, ...others].map(([epoch, start]) =>
    epochBase(epoch, start).toString('hex'),
  );
  t.equal(new Set(bases).size, bases.length);
  t.equal(START.device, DEVICE);
});

t.test('the same records give the same head', async (t) => t.equal(headOf([...LINKS]), HEAD));

t.test('a record altered by one bit gives another head', async () => {
  const all = records(6);
  fc.assert(
    fc.property(fc.nat({ max: 5 }), fc.nat(), (which, at) => {
      const links = all.map(({ record, body }, index) =>
        linkOf(record, index === which ? flipped(body, at) : body),
      );
      return headOf(links) !== HEAD;
    }),
  );
});

t.test('a record removed, put in twice or moved gives another head', async (t) => {
  const heads = new Set([HEAD]);
  const tries: ChainLink[][] = [];
  for (let i = 0; i < LINKS.length; i++) {
    tries.push(LINKS.toSpliced(i, 1));
    tries.push(LINKS.toSpliced(i, 0, ...LINKS.slice(i, i + 1)));
    for (let j = i + 1; j < LINKS.length; j++) {
      const [a, b] = [LINKS.at(i), LINKS.at(j)];
      if (a !== undefined && b !== undefined) tries.push(LINKS.with(i, b).with(j, a));
    }
  }
  for (const links of tries) heads.add(headOf(links));
  t.equal(heads.size, tries.length + 1);
});

t.test('another number or another class on a link gives another head', async (t) => {
  for (const [index, link] of LINKS.entries()) {
    t.not(headOf(LINKS.with(index, { ...link, seq: link.seq + 100 })), HEAD);
    t.not(headOf(LINKS.with(index, { ...link, class: link.class + 1 })), HEAD);
  }
});

t.test('on another base the same records give another head', async (t) => {
  t.not(headOf(LINKS, epochBase(5, START)), HEAD);
});
