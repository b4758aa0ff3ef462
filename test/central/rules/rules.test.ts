import fc from 'fast-check';
import t from 'tap';
import { DEFAULT_RULES } from '../../../central/rules/defaultRules.js';
import { factsOf } from '../../../central/rules/facts.js';
import type { Person, Visit } from '../../../central/rules/people.js';
import { checkRules, FACTS, type Facts, judge, parseRules } from '../../../central/rules/rules.js';
import { Personal } from '../../../protocol/personal.js';
import { OUTCOMES } from '../../../protocol/verdict.js';
import { presented } from '../device.js';

const NOW_MS = Date.UTC(2026, 0, 1);
const person = (changes: Partial<Person> = {}): Person => ({
  idNumber: new Personal('11010519491231002X'),
  name: undefined,
  healthCode: 'green',
  validUntilMs: undefined,
  visits: [],
  ...changes,
});

t.test('the default table, case by case', async (t) => {
  const visit = (site: string, fromMs: number, toMs: number): Visit => ({ site, fromMs, toMs });
  const cases: [string, string, Person | undefined, Parameters<typeof presented>[0], string, string][] = [
    ['green passes', 'health-code@1', person(), {}, 'pass', 'health.green'],
    ['yellow is looked at', 'health-code@1', person({ healthCode: 'yellow' }), {}, 'attend', 'health.yellow'],
    ['red is refused', 'health-code@1', person({ healthCode: 'red' }), {}, 'refuse', 'health.red'],
    ['nobody we know', 'health-code@1', undefined, {}, 'attend', 'code.absent'],
    [
      'known, without a code',
      'health-code@1',
      person({ healthCode: undefined }),
      {},
      'attend',
      'code.absent',
    ],
    [
      'a code of yesterday',
      'health-code@1',
      person({ validUntilMs: NOW_MS - 1 }),
      {},
      'attend',
      'code.expired',
    ],
    [
      'a code of this very instant',
      'health-code@1',
      person({ validUntilMs: NOW_MS }),
      {},
      'pass',
      'health.green',
    ],
    [
      'a stale red accuses nobody',
      'health-code@1',
      person({ healthCode: 'red', validUntilMs: NOW_MS - 1 }),
      {},
      'attend',
      'code.expired',
    ],
    ['an expired document', 'health-code@1', person(), { validity: 'expired' }, 'attend', 'id.expired'],
    ['one read says expired', 'health-code@1', person(), { validity: 'unconfirmed' }, 'pass', 'health.green'],
    ['typed', 'health-code@1', person(), { assurance: 'typed' }, 'attend', 'health.green id.typed'],
    ['vouched for', 'health-code@1', person(), { assurance: 'attendant' }, 'pass', 'health.green'],
    [
      'typed and red',
      'health-code@1',
      person({ healthCode: 'red' }),
      { assurance: 'typed' },
      'refuse',
      'health.red',
    ],
    [
      'booked now',
      'visitor@1',
      person({ visits: [visit('gz-bus', NOW_MS, NOW_MS)] }),
      {},
      'pass',
      'visitor.booked',
    ],
    [
      'booked for tomorrow',
      'visitor@1',
      person({ visits: [visit('gz-bus', NOW_MS + 1, NOW_MS + 2)] }),
      {},
      'attend',
      'visitor.other-time',
    ],
    [
      'booked elsewhere',
      'visitor@1',
      person({ visits: [visit('gz-rail', NOW_MS, NOW_MS)] }),
      {},
      'attend',
      'visitor.unbooked',
    ],
    ['a visitor nobody knows', 'visitor@1', undefined, {}, 'attend', 'visitor.unbooked'],
    ['a scheme nobody knows', 'meal@1', person(), {}, 'undetermined', 'sys.policy'],
  ];
  for (const [name, scheme, who, changes, outcome, reasons] of cases) {
    const answer = judge(DEFAULT_RULES, [scheme], factsOf(presented(changes), who, NOW_MS));
    t.same([answer.outcome, answer.reasons.join(' ')], [outcome, reasons], name);
  }
});

t.test('of several schemes the worst counts, with all reasons once', async (t) => {
  const facts = factsOf(presented(), person({ healthCode: 'red' }), NOW_MS);
  const answer = judge(DEFAULT_RULES, ['visitor@1', 'meal@1', 'health-code@1', 'gym@1'], facts);
  t.same(answer, { outcome: 'refuse', reasons: ['visitor.unbooked', 'sys.policy', 'health.red'] });
  t.equal(judge(DEFAULT_RULES, ['meal@1', 'visitor@1'], facts).outcome, 'undetermined');
});

t.test('names from Object.prototype are no schemes', async (t) => {
  const facts = factsOf(presented(), person(), NOW_MS);
  t.same(judge({}, ['constructor@1'], facts).reasons, ['sys.policy']);
});

t.test('the default table is good, and every fact gets an answer from it', async (t) => {
  t.equal(checkRules(JSON.parse(JSON.stringify(DEFAULT_RULES))).ok, true);
  const arbitrary = fc.record(
    Object.fromEntries(Object.entries(FACTS).map(([name, values]) => [name, fc.constantFrom(...values)])),
  );
  fc.assert(
    fc.property(arbitrary, (drawn) => {
      const facts = drawn as unknown as Facts;
      const { outcome, reasons } = judge(DEFAULT_RULES, ['health-code@1', 'visitor@1'], facts);
      const redNow =
        facts.known && facts.healthCode === 'red' && facts.code !== 'expired' && facts.document !== 'expired';
      return OUTCOMES.includes(outcome) && reasons.length > 0 && (outcome === 'refuse') === redNow;
    }),
  );
});

t.test('a wrong table is refused with the path of each error', async (t) => {
  const end = { when: {}, outcome: 'attend', reasons: ['code.absent'] };
  const cases: [string, unknown, string, string][] = [
    ['no catch-all', { 'x@1': [{ ...end, when: { known: true } }] }, 'x@1', 'rules.open-end'],
    ['no rows', { 'x@1': [] }, 'x@1', 'rules.open-end'],
    ['a row after the catch-all', { 'x@1': [end, end] }, 'x@1[1]', 'rules.unreachable'],
    ['no version', { x: [end] }, 'x', 'rules.scheme'],
    ['no list', { 'x@1': end }, 'x@1', 'rules.shape'],
    ['a row that is none', { 'x@1': [7, end] }, 'x@1[0]', 'rules.shape'],
    ['an outcome that is none', { 'x@1': [{ ...end, outcome: 'open' }] }, 'x@1[0].outcome', 'rules.outcome'],
    ['no reason', { 'x@1': [{ ...end, reasons: [] }] }, 'x@1[0].reasons', 'rules.reasons'],
    ['a key that is none', { 'x@1': [{ ...end, Outcome: 1 }] }, 'x@1[0].Outcome', 'rules.unknown-key'],
    [
      'a fact that is none',
      { 'x@1': [{ ...end, when: { color: 'red' } }, end] },
      'x@1[0].when.color',
      'rules.fact',
    ],
    [
      'a value that is none',
      { 'x@1': [{ ...end, when: { healthCode: ['red', 'rad'] } }, end] },
      'x@1[0].when.healthCode',
      'rules.value',
    ],
    [
      'an empty list of values',
      { 'x@1': [{ ...end, when: { known: [] } }, end] },
      'x@1[0].when.known',
      'rules.value',
    ],
    ['nothing', {}, '', 'rules.shape'],
    ['a list', [], '', 'rules.shape'],
  ];
  for (const [name, table, path, code] of cases) {
    const checked = checkRules(table);
    t.equal(checked.ok, false, name);
    if (!checked.ok) t.match(checked.errors, [{ path, code }], name);
  }
  t.throws(() => parseRules(Buffer.from('{'), 'r.json'), { code: 'rules.bad' });
  t.throws(() => parseRules(Buffer.from('{"x@1":[]}'), 'r.json'), { message: /rules\.open-end/ });
});

t.test('a row may list several values of a fact', async (t) => {
  const table = {
    'x@1': [
      { when: { medium: ['senior', 'citizen'] as const }, outcome: 'pass' as const, reasons: ['a'] },
      { when: {}, outcome: 'attend' as const, reasons: ['b'] },
    ],
  };
  const of = (medium: Facts['medium']) =>
    judge(table, ['x@1'], factsOf(presented({ medium }), undefined, 0)).reasons;
  t.same([of('senior'), of('citizen'), of('code')], [['a'], ['a'], ['b']]);
});
