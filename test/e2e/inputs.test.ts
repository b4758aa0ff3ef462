import t from 'tap';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { type EventLine, Site } from './support/site.js';

const [green, red] = [elder(350, { healthCode: 'green' }), elder(351, { healthCode: 'red' })];
const site = await Site.open(t, { people: [green, red] });
const INPUTS = { help: 'help', fire: { line: 'fire', activeLow: true }, passage: 'passage', door: 'door' };

const told = (device: string, alarm: string) =>
  site.service.line(
    new RegExp(`warn +alarm device=${device} record=\\S+ alarm=${alarm.replace('.', '\\.')}`),
  );

/** What central printed of that kind, once there are so many. */
const printed = (device: string, kind: string, count: number) =>
  site.record(
    device,
    (lines) => {
      const found = lines.filter((line) => line.kind === kind);
      return found.length >= count && found;
    },
    `${count} of ${kind}`,
  );
const alarmsOf = (lines: readonly EventLine[]) => lines.map(({ alarm }) => alarm);

t.test('help: the bell at the desk rings, central is told, and nothing opens', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-1', inputs: INPUTS });
  await gate.input('help', 1);
  await gate.edges.edge('staff', 1, 0);
  await gate.input('help', 0);
  await told('gate-1', 'help.pressed');
  t.match(await printed('gate-1', 'alarm', 1), [{ alarm: 'help.pressed' }]);
  t.same(gate.edges.since(0, 'gate'), []);
  t.match(gate.process.stderr, /warn +call staff reason=help\.pressed/);
  await gate.process.end('SIGTERM');
});

t.test('fire: the gate is held until it is over, cards are registered, a stop lets go', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-2', inputs: INPUTS });
  await gate.input('fire', 0);
  await gate.edges.edge('gate', 1, 0);
  await gate.edges.becomes('green', '1');
  await told('gate-2', 'fire.active');
  gate.put(red);
  const decided = await gate.decided(0);
  t.match(decided, { outcome: 'refuse', action: 'open' });
  t.equal(decided.reasons[0], 'fire.active');
  gate.lift();
  t.same(gate.lamps(0), ['green'], 'no red');
  t.same(
    gate.edges.since(0, 'gate').map(({ value }) => value),
    [1],
    'held, with no pulse',
  );
  await gate.input('fire', 1);
  await gate.edges.edge('gate', 0, 0);
  await told('gate-2', 'fire.over');
  t.same(alarmsOf(await printed('gate-2', 'alarm', 2)), ['fire.active', 'fire.over']);

  await gate.input('fire', 0);
  await gate.edges.edge('gate', 1, 0, 2);
  await gate.process.end('SIGTERM');
  t.equal(gate.edges.level('gate'), '0', 'at rest: the wires of the fire alarm hold it now');
  gate.startAgain();
  await gate.edges.edge('gate', 1, 0, 3);
  await gate.ready();
  t.equal(gate.edges.level('gate'), '1', 'held from the start');
  await gate.process.end('SIGTERM');
});

t.test('a passage is registered with its tap, and ends what was shown for it', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-3', inputs: INPUTS, lane: { dwellMs: 30_000 } });
  const { tap } = await gate.visit(green, 'green');
  await gate.edges.edge('gate', 0, 0);
  await gate.input('door', 1);
  await gate.input('passage', 1);
  await gate.edges.becomes('green', '0');
  await gate.input('passage', 0);
  await gate.input('door', 0);
  const [passage] = await printed('gate-3', 'passage', 1);
  const { at, ...said } = passage ?? { at: '' };
  t.ok(Date.parse(at));
  t.match(said, { device: 'gate-3', kind: 'passage', tap: tap.seq, direction: 'entry' });
  t.same(Object.keys(said).toSorted(), ['device', 'direction', 'epoch', 'kind', 'seq', 'tap']);
  await gate.process.end('SIGTERM');
  t.notMatch(gate.process.stderr, / alarm alarm=/, 'nothing of that is an alarm');
});

t.test('whoever passes without a tap is told of', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-4', inputs: INPUTS });
  await gate.input('passage', 1);
  await told('gate-4', 'passage.unauthorized');
  const [passage] = await printed('gate-4', 'passage', 1);
  t.equal(passage?.tap, undefined);
  await gate.process.end('SIGTERM');
});

t.test('a door that is forced, and one that stays open, are told of until they are closed', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-5', inputs: INPUTS, lane: { doorHeldMs: 5_000 } });
  await gate.input('door', 1);
  await gate.edges.edge('yellow', 1, 0);
  await gate.edges.edge('staff', 1, 0);
  await told('gate-5', 'door.forced');
  await told('gate-5', 'door.held');
  await gate.input('door', 0);
  await told('gate-5', 'door.closed');
  await gate.edges.becomes('yellow', '0');
  t.same(alarmsOf(await printed('gate-5', 'alarm', 3)), ['door.forced', 'door.held', 'door.closed']);
  t.same(gate.edges.since(0, 'gate'), [], 'the relay has nothing to do with it');
  await gate.process.end('SIGTERM');
});
