import t from 'tap';
import { type Condition, Conditions, standingOf } from '../../daemon/conditions.js';

const CASES: readonly [readonly Condition[], string][] = [
  [[], 'ready'],
  [['reader.lost'], 'degraded'],
  [['journal.failing'], 'degraded'],
  [['reader.lost', 'journal.failing'], 'degraded'],
  [['central.silent'], 'alert'],
  [['identity.duplicate'], 'alert'],
  [['reader.lost', 'central.silent'], 'alert'],
  [['identity.duplicate', 'journal.failing'], 'alert'],
];

for (const [holding, standing] of CASES) {
  t.test(`${holding.join(' and ') || 'nothing wrong'}: ${standing}`, async (t) => {
    t.equal(standingOf(holding), standing);
  });
}

t.test('only what begins or ends is told', async (t) => {
  const conditions = new Conditions();
  const told: string[] = [];
  conditions.onChange = () => told.push(`${conditions.standing} ${conditions.holding.join()}`);
  conditions.set('reader.lost', false);
  conditions.set('reader.lost', true);
  conditions.set('reader.lost', true);
  conditions.set('central.silent', true);
  conditions.set('reader.lost', false);
  conditions.set('central.silent', false);
  t.same(told, [
    'degraded reader.lost',
    'alert reader.lost,central.silent',
    'alert central.silent',
    'ready ',
  ]);
});
