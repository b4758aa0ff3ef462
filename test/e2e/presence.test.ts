import { connectAsync } from 'mqtt';
import t from 'tap';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

interface State {
  readonly state: string;
  readonly connection: number;
  readonly boot: string;
}

const known = Array.from({ length: 10 }, (_, index) => elder(300 + index, { healthCode: 'green' }));
const person = (index: number) => known[index] ?? elder(index);

const site = await Site.open(t, { people: known });
const capture = await site.lookOn(t);
const topicOf = (device: string) => `cardpad/v1/d/${device}/up/state`;

/** Everything that was said about a gate so far, in order. */
const statesOf = (device: string): State[] =>
  capture.messages
    .filter(({ topic }) => topic === topicOf(device))
    .map(({ payload }) => JSON.parse(payload.toString('utf8')) as State);

/** Waits for the first statement behind `from` others that says this. */
const said = (device: string, word: string, from = 0): Promise<State> =>
  capture.until(
    () =>
      statesOf(device)
        .slice(from)
        .find(({ state }) => state === word),
    `${word} of ${device}, of which was said: ${JSON.stringify(statesOf(device))}`,
  );

/** Three people, none of whom central answers in time. */
async function threeWithoutAnswer(gate: TestGate, first: number): Promise<void> {
  for (let index = first; index < first + 3; index++) {
    const from = gate.edges.count;
    const written = gate.process.written;
    gate.put(person(index));
    await gate.process.line(/ tap tap=.*sys\.timeout/, written);
    await gate.edges.edge('green', 1, from);
    gate.lift();
  }
}

t.test('birth, death, birth, goodbye: each with the number of its connection', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-1' });
  const birth = await said('gate-1', 'ready');
  // Not always 1: a broker that does not speak MQTT 5 has cost a try.
  t.match(birth, { state: 'ready', connection: Number });
  await site.service.line(/device up device=gate-1/);

  await gate.process.end('SIGKILL');
  t.same(await said('gate-1', 'lost'), { ...birth, state: 'lost' });
  await site.service.line(/device lost device=gate-1/);

  const from = statesOf('gate-1').length;
  gate.startAgain();
  await gate.ready();
  const second = await said('gate-1', 'ready', from);
  t.not(second.boot, birth.boot, 'another start');

  const client = await connectAsync(site.broker.url, { ...site.asClient(), reconnectPeriod: 0 });
  t.teardown(() => client.endAsync(true));
  const old = Buffer.from(JSON.stringify({ ...birth, state: 'lost' }));
  const before = statesOf('gate-1').length;
  await client.publishAsync(topicOf('gate-1'), old, { retain: true, qos: 1 });
  t.same(await said('gate-1', 'ready', before), second, 'an old will is corrected');
  const late = await site.lookOn(t);
  const kept = await late.retained(topicOf('gate-1'), /state/);
  t.same(JSON.parse(kept), second, 'whoever asks later learns the truth');

  const goodbye = statesOf('gate-1').length;
  await gate.process.end('SIGTERM');
  t.same(await said('gate-1', 'disconnected', goodbye), { ...second, state: 'disconnected' });
  await site.service.line(/device stopped device=gate-1/);
  t.notMatch(site.service.stderr, /two gates run/, 'one after the other is no second gate');
});

t.test('the connection breaks: the next one has a higher number, and its own will', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-2' });
  const first = await said('gate-2', 'ready');
  // Somebody takes the gate's name for a moment.
  const thief = await connectAsync(site.broker.url, {
    ...site.asClient(),
    clientId: 'cardpad-gate-2',
    reconnectPeriod: 0,
  });
  t.same(await said('gate-2', 'lost'), { ...first, state: 'lost' });
  const second = await capture.until(
    () =>
      statesOf('gate-2').find(({ state, connection }) => state === 'ready' && connection > first.connection),
    'the second birth',
  );
  t.equal(second.boot, first.boot);
  const from = statesOf('gate-2').length;
  await gate.process.end('SIGKILL');
  t.same(await said('gate-2', 'lost', from), { ...second, state: 'lost' });
  await thief.endAsync(true);
});

t.test('two gates with one identity: named on both sides, an alarm at central, and both go on', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-3' });
  await gate.process.end('SIGTERM');
  const copying = TestGate.open(site, { device: 'gate-3', copyOf: gate });
  gate.startAgain();
  const copy = await copying;
  const written = site.service.written;
  const named = await Promise.all([
    gate.process.line(/two gates run with the keys of gate-3/),
    copy.process.line(/two gates run with the keys of gate-3/),
    site.service.line(/two gates run with the keys of gate-3/),
    site.service.line(/warn +alarm device=gate-3 .*identity\.duplicate/, written),
  ]);
  const boots = new Set(statesOf('gate-3').map(({ boot }) => boot));
  for (const line of named.slice(0, 3)) {
    const [, boot = '', other = ''] = / boot=(\S+) otherBoot=(\S+)/.exec(line) ?? [];
    t.ok(boot !== other && boots.has(boot) && boots.has(other), line);
  }
  const alarm = await site.record(
    'gate-3',
    // Two histories in one place are an alarm of central's own, which may come first.
    (lines) => lines.find(({ kind, alarm }) => kind === 'alarm' && alarm !== 'journal.forked'),
    'an alarm',
  );
  t.match(alarm, { kind: 'alarm', alarm: 'identity.duplicate', detail: { boot: String, other: String } });
  for (const [index, one] of [gate, copy].entries()) {
    const from = one.edges.count;
    one.put(person(index));
    await one.edges.edge('gate', 1, from);
    t.same(one.lamps(from), ['green'], 'both decide');
    one.lift();
  }
  await Promise.all([gate.process.end('SIGTERM'), copy.process.end('SIGTERM')]);
});

t.test('central stands still and the broker does not: an alarm, alert, and ready again', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-4', lane: { deadlineMs: 500 } });
  const { connection } = await said('gate-4', 'ready');
  const goOn = site.service.freeze();
  t.teardown(goOn);
  await threeWithoutAnswer(gate, 2);
  await gate.process.line(/error .*three questions in a row .* is central running\?/);
  const alert = await said('gate-4', 'alert');
  t.equal(alert.connection, connection);
  const from = statesOf('gate-4').length;
  goOn();
  await gate.visit(person(5), 'green');
  t.match(await said('gate-4', 'ready', from), { connection: Number });
  await gate.process.line(/central answers again/);
  await site.service.line(/warn +alarm device=gate-4 .*alarm=central\.silent/);
  const alarm = await site.record(
    'gate-4',
    (lines) => lines.find(({ kind }) => kind === 'alarm'),
    'an alarm',
  );
  t.match(alarm, { kind: 'alarm', alarm: 'central.silent' });
  await gate.process.end('SIGTERM');
});

t.test('the broker stands still: three questions without an answer are no alarm', async (t) => {
  const gate = await TestGate.open(site, { device: 'gate-5', lane: { deadlineMs: 500 } });
  const goOn = site.broker.freeze();
  t.teardown(goOn);
  await threeWithoutAnswer(gate, 6);
  await gate.process.line(/the broker gives none either/);
  goOn();
  await gate.visit(person(9), 'green');
  await gate.process.end('SIGTERM');
  t.notMatch(gate.process.stderr, /is central running\?/);
  t.same(
    (await site.events('gate-5')).filter(({ kind }) => kind === 'alarm'),
    [],
  );
  // The copied gate's records make a fork where both got as far as that; nothing else is wrong anywhere.
  const { stdout } = await site.verify();
  t.match(stdout, /gate-3/);
  for (const line of stdout.split('\n').filter((text) => text.includes('"kind"')))
    t.match(line, /gate-3|fork/);
});
