import fc from 'fast-check';
import t from 'tap';
import {
  DEFAULT_POLICY,
  decide,
  LANE_MODES,
  type PolicyRow,
  policyProblems,
  ROW_ACTIONS,
  type Situation,
} from '../../../daemon/lane/policy.js';
import { ASSURANCES, VALIDITIES } from '../../../protocol/credential.js';
import { DECIDERS, OUTCOMES } from '../../../protocol/verdict.js';
import { DIRECTIONS } from '../../../protocol/wire/messages.js';

const CENTRAL_PASS: Situation = {
  outcome: 'pass',
  decidedBy: 'central',
  assurance: 'sam',
  validity: 'valid',
  direction: 'entry',
  mode: 'standard',
};
const LOCAL = { decidedBy: 'local', outcome: 'undetermined' } as const;

/** Situation, then the action in a standard lane, an assisted lane and a closed one, all at an entry. */
const TABLE = [
  ['central says pass', {}, 'open', 'open', 'hold'],
  ['central says attend', { outcome: 'attend' }, 'call-staff', 'open', 'hold'],
  ['central says undetermined', { outcome: 'undetermined' }, 'call-staff', 'open', 'hold'],
  ['central says refuse', { outcome: 'refuse' }, 'hold+call-staff', 'call-staff', 'hold'],
  ['central says pass for a typed number', { assurance: 'typed' }, 'open', 'open', 'hold'],
  ['central says pass for an expired card', { validity: 'expired' }, 'open', 'open', 'hold'],
  ['no verdict, card by the module and in date', LOCAL, 'open', 'open', 'hold'],
  ['no verdict, card expired', { ...LOCAL, validity: 'expired' }, 'call-staff', 'open', 'hold'],
  ['no verdict, card not yet valid', { ...LOCAL, validity: 'not-yet' }, 'call-staff', 'open', 'hold'],
  ['no verdict, expiry unconfirmed', { ...LOCAL, validity: 'unconfirmed' }, 'call-staff', 'open', 'hold'],
  ['no verdict, no dates on the document', { ...LOCAL, validity: 'none' }, 'call-staff', 'open', 'hold'],
  ['no verdict, serial number only', { ...LOCAL, assurance: 'uid' }, 'call-staff', 'open', 'hold'],
  ['no verdict, typed', { ...LOCAL, assurance: 'typed' }, 'call-staff', 'open', 'hold'],
  ['no verdict, vouched for', { ...LOCAL, assurance: 'attendant' }, 'call-staff', 'open', 'hold'],
  ['no verdict, refused a moment ago', { ...LOCAL, outcome: 'attend' }, 'call-staff', 'open', 'hold'],
] as const;

for (const [what, change, standard, assisted, closed] of TABLE) {
  const situation: Situation = { ...CENTRAL_PASS, ...change };
  t.test(`${what}: ${standard} in a standard lane, ${assisted} in an assisted one`, async (t) => {
    t.equal(decide(DEFAULT_POLICY, situation), standard);
    t.equal(decide(DEFAULT_POLICY, { ...situation, mode: 'assisted' }), assisted);
    t.equal(decide(DEFAULT_POLICY, { ...situation, mode: 'closed' }), closed);
    for (const mode of LANE_MODES) {
      t.equal(decide(DEFAULT_POLICY, { ...situation, mode, direction: 'exit' }), 'open');
    }
  });
}

t.test('a situation that no row names calls a person', async (t) => {
  t.equal(decide([], CENTRAL_PASS), 'call-staff');
  t.equal(decide([{ mode: ['assisted'], action: 'open' }], CENTRAL_PASS), 'call-staff');
});

t.test('the first row that fits decides', async (t) => {
  t.equal(decide([{ action: 'hold' }, { action: 'open' }], CENTRAL_PASS), 'hold');
});

t.test('a row fits only when every field that it names fits', async (t) => {
  for (const [field, other] of Object.entries({
    outcome: 'refuse',
    decidedBy: 'local',
    assurance: 'uid',
    validity: 'none',
    direction: 'exit',
    mode: 'closed',
  })) {
    const right = { ...CENTRAL_PASS, action: 'open' };
    const row = Object.fromEntries(
      Object.entries(right).map(([name, value]) => [name, name === 'action' ? value : [value]]),
    ) as unknown as PolicyRow;
    t.equal(decide([row], CENTRAL_PASS), 'open');
    t.equal(decide([{ ...row, [field]: [other] }], CENTRAL_PASS), 'call-staff', field);
  }
});

const problemsOf = (...rows: PolicyRow[]) =>
  policyProblems([...rows, ...DEFAULT_POLICY]).map(({ code }) => code);

t.test('the default table has no problem', async (t) => t.same(problemsOf(), []));

for (const [what, rows, codes] of [
  ['an exit that holds', [{ direction: ['exit'], action: 'hold' }], ['policy.exit-held']],
  [
    'an exit that calls a person instead of opening',
    [{ direction: ['exit'], action: 'call-staff' }],
    ['policy.exit-held'],
  ],
  [
    'an exit that holds one assurance in one mode',
    [{ direction: ['exit'], mode: ['closed'], assurance: ['attendant'], action: 'hold' }],
    ['policy.exit-held'],
  ],
  [
    'a standard lane where nothing but pass leads anywhere',
    [
      {
        direction: ['entry'],
        mode: ['standard'],
        outcome: ['attend', 'undetermined', 'refuse'],
        action: 'hold',
      },
    ],
    ['policy.sole-credential'],
  ],
  [
    'an assisted lane where nothing but pass leads anywhere',
    [
      {
        direction: ['entry'],
        mode: ['assisted'],
        outcome: ['attend', 'undetermined', 'refuse'],
        action: 'hold',
      },
    ],
    ['policy.sole-credential'],
  ],
  ['a closed lane that holds everybody', [{ direction: ['entry'], mode: ['closed'], action: 'hold' }], []],
  [
    'a standard lane that holds, yet with a person called for a refusal',
    [
      { direction: ['entry'], mode: ['standard'], outcome: ['refuse'], action: 'hold+call-staff' },
      { direction: ['entry'], mode: ['standard'], outcome: ['attend', 'undetermined'], action: 'hold' },
    ],
    [],
  ],
  [
    'opening for a typed number when the network is gone',
    [{ direction: ['entry'], decidedBy: ['local'], assurance: ['typed'], action: 'open' }],
    ['policy.open-on-loss'],
  ],
  [
    'opening for whatever is undetermined, by whomever',
    [{ direction: ['entry'], outcome: ['undetermined'], action: 'open' }],
    ['policy.open-on-loss'],
  ],
  [
    'opening for an expired card of the module when the network is gone',
    [{ direction: ['entry'], decidedBy: ['local'], assurance: ['sam'], action: 'open' }],
    [],
  ],
  [
    'opening for whoever is not refused, network or none',
    [{ direction: ['entry'], mode: ['standard'], outcome: ['attend', 'undetermined'], action: 'open' }],
    [],
  ],
  [
    'a person, not a gate, for whoever needs looking at, in every lane',
    [{ direction: ['entry'], outcome: ['attend'], action: 'call-staff' }],
    [],
  ],
  [
    'an assisted lane that opens without central and not with it',
    [
      {
        direction: ['entry'],
        mode: ['assisted'],
        decidedBy: ['central'],
        outcome: ['undetermined'],
        action: 'call-staff',
      },
    ],
    ['policy.open-on-loss'],
  ],
  ['passing by a row of its own', [{ outcome: ['pass'], action: 'open' }], []],
  [
    'a lane that would call a person only for what cannot happen, a refusal without central',
    [
      { direction: ['entry'], mode: ['standard'], outcome: ['attend', 'undetermined'], action: 'hold' },
      {
        direction: ['entry'],
        mode: ['standard'],
        decidedBy: ['central'],
        outcome: ['refuse'],
        action: 'hold',
      },
    ],
    ['policy.sole-credential'],
  ],
  [
    'all three at once',
    [
      { mode: ['standard'], outcome: ['attend', 'undetermined', 'refuse'], action: 'hold' },
      { mode: ['assisted'], decidedBy: ['central'], action: 'call-staff' },
    ],
    ['policy.exit-held', 'policy.sole-credential', 'policy.open-on-loss'],
  ],
] as const satisfies readonly (readonly [string, readonly PolicyRow[], readonly string[]])[]) {
  t.test(`${what}: ${codes.length === 0 ? 'allowed' : codes.join(', ')}`, async (t) => {
    t.same(problemsOf(...rows), codes);
  });
}

const some = <T>(values: readonly T[]) =>
  fc.option(fc.subarray([...values], { minLength: 1 }), { nil: undefined });
const row = fc
  .record({
    outcome: some(OUTCOMES),
    decidedBy: some(DECIDERS),
    assurance: some(ASSURANCES),
    validity: some(VALIDITIES),
    direction: some(DIRECTIONS),
    mode: some(LANE_MODES),
    action: fc.constantFrom(...ROW_ACTIONS),
  })
  .map(
    (made) =>
      Object.fromEntries(
        Object.entries(made).filter(([, value]) => value !== undefined),
      ) as unknown as PolicyRow,
  );

t.test('a table without problems never holds an exit, whatever its rows', async () => {
  const decided = fc.oneof(
    fc.record({ decidedBy: fc.constant('central' as const), outcome: fc.constantFrom(...OUTCOMES) }),
    fc.record({
      decidedBy: fc.constant('local' as const),
      outcome: fc.constantFrom('undetermined' as const, 'attend' as const),
    }),
  );
  const place = fc.record({
    assurance: fc.constantFrom(...ASSURANCES),
    validity: fc.constantFrom(...VALIDITIES),
    direction: fc.constant('exit' as const),
    mode: fc.constantFrom(...LANE_MODES),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 4 }), decided, place, (rows, outcome, where) => {
      const table = [...rows, ...DEFAULT_POLICY];
      const held = policyProblems(table).some(({ code }) => code === 'policy.exit-held');
      return held || decide(table, { ...outcome, ...where }) === 'open';
    }),
    { numRuns: 100 },
  );
});
