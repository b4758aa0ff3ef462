import t from 'tap';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { type EventLine, Site } from './support/site.js';

const before = elder(50, { healthCode: 'green' });
const refused = elder(51, { healthCode: 'red' });
const away = [elder(52, { healthCode: 'green' }), elder(53, { healthCode: 'red' }), elder(54)];
const after = elder(55, { healthCode: 'green' });
const expired = elder(56, { healthCode: 'green', validTo: '20240630' });

const site = await Site.open(t, { people: [before, refused, ...away, after, expired] });
const gate = await TestGate.open(site, { device: 'gate-1', reread: 'allowed' });
const opened = (from: number) => gate.edges.since(from, 'gate').filter(({ value }) => value === 1).length;

t.test('the network is gone', async (t) => {
  await gate.visit(before, 'green');
  await gate.visit(refused, 'red');
  const said = gate.process.written;
  await site.pullNetwork();
  await gate.process.line(/connection lost/, said);

  for (const [index, person] of away.entries()) {
    const from = gate.edges.count;
    gate.put(person);
    await gate.edges.edge('gate', 1, from);
    gate.lift();
    t.same(gate.lamps(from), ['green'], `person ${index + 1} is registered and let in`);
    await gate.edges.edge('gate', 0, from);
    t.equal(opened(from), 1);
  }

  await gate.edges.becomes('green', '0');
  const toExpired = gate.edges.count;
  gate.put(expired);
  await gate.edges.edge('yellow', 1, toExpired);
  gate.lift();
  await gate.process.line(/call staff /, said);
  t.equal(opened(toExpired), 0, 'a card that is out of date opens nothing by itself');
  t.same(gate.lamps(toExpired), ['yellow'], 'a person looks at it');
  await gate.edges.becomes('staff', '0');

  // The same identity counts again 3 s after it was last seen, and for so long the last lamp is shown.
  const from = gate.edges.count;
  gate.put(refused);
  await gate.edges.edge('yellow', 1, from);
  gate.lift();
  await gate.process.line(/call staff .*reason=attend/, said);
  t.equal(opened(from), 0, 'who was just refused is not let in by pulling a plug');
  t.same(gate.lamps(from), ['yellow'], 'and not accused either: a person looks');
});

t.test('the network is back: everything arrives, once, in order', async (t) => {
  const said = { gate: gate.process.written, central: site.service.written };
  await site.restoreNetwork();
  const has = (count: number) => (lines: readonly EventLine[]) =>
    lines.filter(({ kind }) => kind === 'verdict').length >= count;
  await site.record('gate-1', has(7), 'the verdicts of the time without network');
  await gate.process.line(/broker: connected/, said.gate);
  await site.service.line(/central ready/, said.central);
  const { verdict } = await gate.visit(after, 'green');
  t.match(verdict, { outcome: 'pass', decidedBy: 'central' }, 'central is asked again');

  const lines = await site.events('gate-1');
  const places = lines.map(({ epoch, seq }) => `${epoch}/${seq}`);
  t.equal(new Set(places).size, places.length, 'nothing twice');
  t.same(
    lines.map(({ seq }) => seq),
    lines.map(({ seq }) => seq).sort((a, b) => a - b),
    'in order',
  );
  const verdicts = lines.filter(({ kind }) => kind === 'verdict');
  const local = { outcome: 'undetermined', action: 'open', decidedBy: 'local' };
  t.match(verdicts, [
    { outcome: 'pass', decidedBy: 'central' },
    { outcome: 'refuse', decidedBy: 'central' },
    local,
    local,
    local,
    { ...local, action: 'call-staff' },
    { outcome: 'attend', action: 'call-staff', decidedBy: 'local' },
    { outcome: 'pass', decidedBy: 'central' },
  ]);
  t.equal(verdicts.length, 8);
  t.same(
    lines.filter(({ kind }) => kind === 'tap').map(({ seq }) => seq),
    verdicts.map(({ tap }) => tap),
    'a tap for each',
  );
  await site.service.line(/admitted without a verdict, would not have passed .*health\.red/, said.central);
  const { code, stdout } = await site.verify();
  t.equal(code, 0, stdout);
});
