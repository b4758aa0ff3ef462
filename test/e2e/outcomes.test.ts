import { writeFile } from 'node:fs/promises';
import t from 'tap';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

const PULSE_MS = 300;
/** A timer never fires early by more than its rounding; late it may be on a busy machine. */
const PULSE_EARLY_MS = 2;
const PULSE_LATE_MS = 500;

const green = elder(1, { healthCode: 'green' });
const yellow = elder(2, { healthCode: 'yellow' });
const red = elder(3, { healthCode: 'red' });
const unknown = elder(4);
const later = [elder(5, { healthCode: 'green' }), elder(6, { healthCode: 'green' })];

const site = await Site.open(t, { people: [green, yellow, red, ...later] });
const gate = await TestGate.open(site, { device: 'gate-1', pulseMs: PULSE_MS });

t.test('green opens, with green', async (t) => {
  const from = gate.edges.count;
  const { tap, verdict } = await gate.visit(green, 'green');
  const opened = await gate.edges.edge('gate', 1, from);
  const shut = await gate.edges.edge('gate', 0, from);

  t.same(gate.lamps(from), ['green'], 'no other lamp');
  const pulseMs = Number(shut.ns - opened.ns) / 1e6;
  t.ok(pulseMs >= PULSE_MS - PULSE_EARLY_MS && pulseMs < PULSE_MS + PULSE_LATE_MS, `pulse of ${pulseMs} ms`);
  t.equal(gate.edges.level('gate'), '0');
  t.equal(gate.edges.since(from, 'gate').length, 2, 'one pulse');
  t.match(tap, { medium: 'id-card', assurance: 'sam', lane: 'A1', direction: 'entry' });
  t.match(verdict, { outcome: 'pass', reasons: ['health.green'], action: 'open', decidedBy: 'central' });
  t.equal(gate.edges.level('staff'), '0', 'nobody is called');
});

t.test('red neither opens nor shows green', async (t) => {
  const from = gate.edges.count;
  const { verdict } = await gate.visit(red, 'red');
  t.same(verdict.outcome, 'refuse');
  t.same(verdict.reasons, ['health.red']);
  t.equal(verdict.action, 'hold+call-staff');
  await gate.edges.edge('red', 0, from);
  t.same(gate.lamps(from), ['red']);
  t.same(gate.edges.since(from, 'gate'), [], 'the gate did not move, for as long as red was shown');
  t.ok(gate.edges.litSince(from).includes('staff'), 'a person is called');
});

for (const [who, person, reason] of [
  ['yellow', yellow, 'health.yellow'],
  ['unknown', unknown, 'code.absent'],
] as const) {
  t.test(`${who} calls staff and accuses nobody`, async (t) => {
    const from = gate.edges.count;
    const { tap, verdict } = await gate.visit(person, 'yellow');
    t.match(verdict, { outcome: 'attend', reasons: [reason], action: 'call-staff', decidedBy: 'central' });
    await gate.process.line(new RegExp(`call staff tap=${tap.epoch}/${tap.seq} `));
    // Central has the verdict: had the gate been told to move, it would have moved by now.
    t.same(gate.lamps(from), ['yellow'], 'never red, never green');
    t.same(gate.edges.since(from, 'gate'), []);
  });
}

t.test('an idle lane lights none of green, yellow, red, and calls nobody', async (t) => {
  // The yellow lamp blinks; that it is dark for good shows by the call that ends with it.
  await gate.edges.becomes('staff', '0');
  for (const lamp of ['green', 'yellow', 'red']) t.equal(gate.edges.level(lamp), '0', lamp);
});

t.test('a gate that runs never loads a bad configuration: it goes on as it was started', async (t) => {
  const { pid } = gate.process;
  for (const [index, garbage] of [
    '{"device": "gate-9", ',
    '{"outputs": {"gate": {"line": "red"}}}',
  ].entries()) {
    const person = later[index];
    if (person === undefined) throw new Error('more people are wanted');
    await writeFile(gate.config, garbage);
    const from = gate.edges.count;
    const { verdict } = await gate.visit(person, 'green');
    t.match(verdict, { device: 'gate-1', outcome: 'pass', action: 'open', decidedBy: 'central' }, garbage);
    await gate.edges.edge('gate', 0, from);
    t.equal(gate.edges.since(from, 'gate').length, 2, 'one pulse');
  }
  t.equal(gate.process.pid, pid, 'the same process');
});
