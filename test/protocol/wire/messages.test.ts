import fc from 'fast-check';
import t from 'tap';
import { OUTCOMES, worse } from '../../../protocol/verdict.js';
import {
  encodeAck,
  encodeBatch,
  encodeQuestion,
  encodeState,
  encodeVerdict,
  parseAck,
  parseBatch,
  parseQuestion,
  parseState,
  parseVerdict,
} from '../../../protocol/wire/messages.js';
import { assertNeverThrows, mistyped, notRefused, spoiled } from './hostile.js';
import { BATCH, PLACE, QUESTION, STATE, VERDICT } from './samples.js';

const asWire = (bytes: Buffer): Record<string, unknown> => JSON.parse(bytes.toString('utf8'));
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

const MESSAGES = [
  { name: 'question', value: QUESTION, bytes: encodeQuestion(QUESTION), parse: parseQuestion, right: [] },
  // Only "show" may be left out.
  {
    name: 'verdict',
    value: VERDICT,
    bytes: encodeVerdict(VERDICT),
    parse: parseVerdict,
    right: ['reasons = []'],
  },
  { name: 'batch', value: BATCH, bytes: encodeBatch(BATCH), parse: parseBatch, right: [] },
  {
    name: 'ack',
    value: { re: 7, place: PLACE },
    bytes: encodeAck({ re: 7, place: PLACE }),
    parse: parseAck,
    right: ['place = null'],
  },
  { name: 'state', value: STATE, bytes: encodeState(STATE), parse: parseState, right: [] },
] as const;

for (const { name, value, bytes, parse, right } of MESSAGES) {
  t.test(`a ${name} reads back as it was written`, async (t) => t.same(parse(bytes), { ok: true, value }));

  t.test(`a ${name} of any other shape is refused with a reason`, async (t) => {
    const document = asWire(bytes);
    const optional = ['without show'];
    t.same(
      notRefused(parse, spoiled(document)).filter((what) => !optional.includes(what)),
      [],
    );
    t.same(notRefused(parse, mistyped(document, right)), []);
  });

  t.test(`no bytes make the parser of a ${name} throw`, async () => {
    assertNeverThrows(parse, Object.keys(asWire(bytes)));
  });
}

const verdictWith = (change: object) => parseVerdict(json({ ...VERDICT, ...change })).ok;
const questionWith = (change: object) => parseQuestion(json({ ...QUESTION, ...change })).ok;

for (const [what, change, right] of [
  ['16 reasons', { reasons: Array(16).fill('health.green') }, true],
  ['17 reasons', { reasons: Array(17).fill('health.green') }, false],
  ['a reason with a space', { reasons: ['health green'] }, false],
  ['a reason in capitals', { reasons: ['Health.green'] }, false],
  ['a reason that ends in a dot', { reasons: ['health.'] }, false],
  ['an empty reason', { reasons: [''] }, false],
  ['a reason of 49 characters', { reasons: ['x'.repeat(49)] }, false],
  ['an outcome of its own', { outcome: 'green' }, false],
  ['an outcome that every object has', { outcome: 'constructor' }, false],
  ['a diagnosis', { show: { ...VERDICT.show, diagnosis: 'x' } }, false],
  ['a whole number to show', { show: { name: '王**', tail: '11010519491231002X' } }, false],
  ['a tap number beyond 2^53', { tap: { epoch: 1, seq: 2 ** 53 } }, false],
  ['tap number 0', { tap: { epoch: 1, seq: 0 } }, false],
] as const) {
  t.test(`a verdict with ${what} is ${right ? 'read' : 'refused'}`, async (t) => {
    t.equal(verdictWith(change), right);
  });
}

for (const [what, change, right] of [
  ['a 15-character number', { token: 'FRA123456789012' }, true],
  ['a token with a hyphen', { token: '1101-0519' }, false],
  ['a token of 41 characters', { token: '1'.repeat(41) }, false],
  ['no scheme', { schemes: [] }, false],
  ['9 schemes', { schemes: Array(9).fill('meal@1') }, false],
  ['a scheme without version', { schemes: ['meal'] }, false],
  ['a lane name with a line end', { lane: 'A1\n' }, false],
  ['a site with a slash', { site: 'gz/bus' }, false],
  ['a number for a direction', { direction: 0 }, false],
] as const) {
  t.test(`a question with ${what} is ${right ? 'read' : 'refused'}`, async (t) => {
    t.equal(questionWith(change), right);
  });
}

t.test('a batch holds 1 to 512 records', async (t) => {
  const records = (count: number) => ({ ...BATCH, records: Array(count).fill('AAAA') });
  t.notOk(parseBatch(json(records(0))).ok);
  t.ok(parseBatch(json(records(512))).ok);
  t.notOk(parseBatch(json(records(513))).ok);
});

t.test('batches of any size have few lengths', async (t) => {
  const lengths = new Set<number>();
  for (let bytes = 1; bytes < 4096; bytes += 7) {
    const encoded = encodeBatch({ ...BATCH, records: [Buffer.alloc(bytes)] });
    t.equal(encoded.length % 512, 0);
    lengths.add(encoded.length);
  }
  t.ok(lengths.size <= 12, `${lengths.size}`);
});

t.test('a state message is short', async (t) => {
  t.notOk(parseState(Buffer.concat([encodeState(STATE), Buffer.alloc(1024, 0x20)])).ok);
});

t.test('a verdict is as long whatever it says', async (t) => {
  const reasons = fc.array(fc.stringMatching(/^[a-z]{3,8}\.[a-z]{3,11}$/), { maxLength: 8 });
  fc.assert(
    fc.property(fc.constantFrom(...OUTCOMES), reasons, fc.boolean(), (outcome, why, shown) => {
      const { show, ...rest } = VERDICT;
      const verdict = { ...rest, outcome, reasons: why, ...(shown && show !== undefined ? { show } : {}) };
      t.equal(encodeVerdict(verdict).length, 512);
    }),
    { numRuns: 50 },
  );
});

t.test('a question is as long whoever it is about', async (t) => {
  for (const medium of ['id-card', 'social-security', 'typed'] as const) {
    for (const token of ['1234', '11010519491231002X', 'x'.repeat(40)]) {
      t.equal(encodeQuestion({ ...QUESTION, medium, token }).length, 512);
    }
  }
});

t.test('of two outcomes the worse counts: refuse, undetermined, attend, pass', async (t) => {
  const worstFirst = ['refuse', 'undetermined', 'attend', 'pass'] as const;
  for (const [i, a] of worstFirst.entries()) {
    for (const [j, b] of worstFirst.entries()) t.equal(worse(a, b), i <= j ? a : b);
  }
});
