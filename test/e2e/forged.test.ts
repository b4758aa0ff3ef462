import { connectAsync } from 'mqtt';
import t, { type Test } from 'tap';
import { startProxy } from '../support/faultyProxy.js';
import { until } from '../support/waiting.js';
import { Capture, type Captured } from './support/capture.js';
import { TestGate } from './support/gate.js';
import { elder, type Person } from './support/people.js';
import { Site } from './support/site.js';

/** Time for the copies to go past; within the deadline of a question. */
const HELD_MS = 800;
const UP = 'cardpad/v1/d/gate-1/up/';
const DOWN = 'cardpad/v1/d/gate-1/down/';

const queue = Array.from({ length: 6 }, (_, index) => elder(420 + index, { healthCode: 'green' }));
const site = await Site.open(t, { people: queue });
const proxy = await startProxy(t, site.broker.port);
const gate = await TestGate.open(site, { device: 'gate-1', pulseMs: 100, brokerPort: proxy.port });
const capture = await Capture.open(t, site.broker.url);
const attacker = await connectAsync(site.broker.url, { clientId: 'attacker', reconnectPeriod: 0 });
t.teardown(() => attacker.endAsync(true));

function nextPerson(): Person {
  const person = queue.shift();
  if (person === undefined) throw new Error('more people are wanted');
  return person;
}

/** Copies of a message, each with another bit turned of what proves where it is from. */
function flipped(payload: Buffer, field: string, encoding: 'base64' | 'hex'): string[] {
  const message = JSON.parse(payload.toString()) as Record<string, string>;
  const bytes = Buffer.from(message[field] ?? '', encoding);
  return [0, 1, 9, bytes.length >> 1, bytes.length - 1].map((at) => {
    const copy = Buffer.from(bytes);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return JSON.stringify({ ...message, [field]: copy.toString(encoding) });
  });
}

/**
 * Holds the next message of this kind on its way to the gate until forged copies of it have gone past.
 * @param cause what makes central send it
 */
async function forge(t: Test, kind: 'welcome' | 'verdict' | 'ack', cause: () => void): Promise<void> {
  const topic = `${DOWN}${kind}`;
  const heard = capture.messages.length;
  proxy.onPublish({ way: 'down', filter: topic, times: 1 }, { what: 'delay', delayMs: HELD_MS });
  cause();
  const real = await capture.until(
    (messages) => messages.slice(heard).find((message) => message.topic === topic),
    `a ${kind}`,
  );
  await until(() => proxy.underWay === 1, `the ${kind} to be under way`);
  // The answer to a question that is asked again would not be held.
  const stopResend = proxy.onPublish({ way: 'up', filter: `${UP}verify` }, { what: 'drop' });
  const copies =
    kind === 'welcome'
      ? flipped(real.payload, 'signature', 'hex')
      : flipped(real.payload, 'sealed', 'base64');
  for (const copy of copies) await attacker.publishAsync(topic, copy, { qos: 1 });
  await gate.process.line(new RegExp(`dropped kind=down who=gate-1 reason=${kind}-forged`));
  t.equal(proxy.underWay, 1, `the real ${kind} comes behind the forged ones`);
  await until(() => proxy.underWay === 0, `the real ${kind}`);
  stopResend();
}

t.test('a forged welcome greets nobody, and the real one does', async (t) => {
  await gate.process.end('SIGTERM');
  await forge(t, 'welcome', () => gate.startAgain());
  await gate.ready();
  const lines = gate.process.stderr.split('\n');
  const at = (pattern: RegExp) => lines.findIndex((line) => pattern.test(line));
  t.ok(at(/reason=welcome-forged/) < at(/session open/), 'no session before the real one');
  const { verdict } = await gate.visit(nextPerson(), 'green');
  t.match(verdict, { outcome: 'pass', decidedBy: 'central' });
});

t.test('a forged verdict opens nothing while its question is out, and the real one does', async (t) => {
  const [from, said] = [gate.edges.count, gate.process.written];
  const person = nextPerson();
  await forge(t, 'verdict', () => gate.put(person));
  await gate.edges.edge('gate', 0, from);
  gate.lift();
  const { outcome, by, action, tookMs } = await gate.decided(said);
  t.same({ outcome, by, action }, { outcome: 'pass', by: 'central', action: 'open' });
  t.ok(tookMs >= HELD_MS / 2, `not before the real one came, after ${tookMs} ms`);
  t.equal(gate.edges.since(from, 'gate').length, 2, 'one pulse');
});

t.test('a forged acknowledgement frees nothing, and the real one does', async (t) => {
  await gate.visit(nextPerson(), 'green');
  const heard = capture.messages.length;
  const person = nextPerson();
  await forge(t, 'ack', () => gate.put(person));
  gate.lift();
  const { verdict } = await gate.visit(nextPerson(), 'green');
  t.match(verdict, { outcome: 'pass', decidedBy: 'central' });
  const isBatch = ({ topic }: Captured) => topic === `${UP}events`;
  await capture.until((messages) => messages.slice(heard).filter(isBatch).length >= 2, 'it to go on');
  const { code, stdout } = await site.verify();
  t.equal(code, 0, stdout);
});
