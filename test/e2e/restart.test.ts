import t from 'tap';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

const STOP_WITHIN_MS = 2_000;
const people = [80, 81, 82, 83].map((index) => elder(index, { healthCode: 'green' }));
const [before, struck, after, last] = people as [
  ReturnType<typeof elder>,
  ReturnType<typeof elder>,
  ReturnType<typeof elder>,
  ReturnType<typeof elder>,
];

const site = await Site.open(t, { people: [before, struck, after, last] });
// The longest pulse there is, so that the blow falls while the gate is open.
const gate = await TestGate.open(site, { device: 'gate-1', pulseMs: 1000 });

t.test('kill -9 at an open gate, and start again', async (t) => {
  const first = await gate.visit(before, 'green');
  await gate.edges.edge('gate', 0, 0);
  const from = gate.edges.count;
  gate.put(struck);
  await gate.edges.edge('gate', 1, from);
  t.same(await gate.process.end('SIGKILL'), { code: null, signal: 'SIGKILL' });
  t.equal(gate.edges.level('gate'), '1', 'without systemd the line stays as it was');
  gate.lift();

  const back = gate.edges.count;
  gate.startAgain();
  await gate.process.line(/gate started/);
  t.equal(gate.edges.level('gate'), '0', 'shut before anything else');
  t.equal(gate.edges.level('green'), '0');
  t.same(
    gate.edges.since(back, 'gate').map(({ value }) => value),
    [0],
  );

  await gate.ready();
  // Records come in order: with the new epoch's first, whatever the struck gate had still written is there.
  const epoch = (first.tap.epoch as number) + 1;
  await site.record('gate-1', (lines) => lines.some((line) => line.epoch === epoch), 'the new epoch');
  const second = await gate.visit(after, 'green');
  t.equal(second.tap.epoch, epoch, 'a new start is a new epoch');
  const taps = (await site.events('gate-1')).filter(({ kind }) => kind === 'tap');
  t.equal(taps.length, 3, 'the tap that opened the gate was on disk, and came');
  t.same(
    taps.map(({ epoch }) => epoch),
    [first.tap.epoch, first.tap.epoch, second.tap.epoch],
  );
  const { code, stdout } = await site.verify();
  t.equal(code, 0, stdout);
});

t.test('SIGTERM: gate shut, goodbye said, exit 0, within 2 s', async (t) => {
  const capture = await site.lookOn(t);
  const from = gate.edges.count;
  gate.put(last);
  await gate.edges.edge('gate', 1, from);
  const startMs = performance.now();
  t.same(await gate.process.end('SIGTERM'), { code: 0, signal: null });
  const tookMs = performance.now() - startMs;
  t.ok(tookMs < STOP_WITHIN_MS, `stopped after ${Math.round(tookMs)} ms`);
  for (const line of ['gate', 'green', 'yellow', 'red', 'buzzer', 'staff']) {
    t.equal(gate.edges.level(line), '0', line);
  }
  const state = await capture.retained('cardpad/v1/d/gate-1/up/state', /"disconnected"/);
  t.match(JSON.parse(state), { state: 'disconnected' });
});

t.test('SIGKILL: the broker tells that the gate is lost', async (t) => {
  gate.lift();
  gate.startAgain();
  await gate.ready();
  t.equal((await gate.process.end('SIGKILL')).signal, 'SIGKILL');
  const capture = await site.lookOn(t);
  t.match(JSON.parse(await capture.retained('cardpad/v1/d/gate-1/up/state', /"lost"/)), { state: 'lost' });
});
