import t from 'tap';
import { type Condition, Conditions, noteAlarm, standingOf } from '../../daemon/conditions.js';

const CASES: readonly [readonly Condition[], string][] = [
  [[], 'ready'],
  [['reader.lost'], 'degraded'],
  [['journal.failing'], 'degraded'],
  [['reader.lost', 'journal.failing'], 'degraded'],
  [['central.silent'], 'alert'],
  [['identity.duplicate'], 'alert'],
  [['reader.lost', 'central.silent'], 'alert'],
  [['identity.duplicate', 'journal.failing'], 'alert'],
  [['help.stuck'], 'degraded'],
  [['fire.active'], 'alert'],
  [['door.forced'], 'alert'],
  [['door.held', 'help.stuck'], 'alert'],
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

t.test('what the lane tells of its inputs holds until it tells of the end', async (t) => {
  const conditions = new Conditions();
  for (const [alarm, holding] of [
    ['help.pressed', ''],
    ['passage.unauthorized', ''],
    ['fire.active', 'fire.active'],
    ['help.stuck', 'fire.active,help.stuck'],
    ['fire.over', 'help.stuck'],
    ['help.pressed', ''],
    ['door.forced', 'door.forced'],
    ['door.held', 'door.forced,door.held'],
    ['door.closed', ''],
  ] as const) {
    noteAlarm(conditions, alarm);
    t.equal(conditions.holding.join(), holding, alarm);
  }
});
