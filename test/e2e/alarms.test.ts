import { connectAsync } from 'mqtt';
import t from 'tap';
import { startProxy } from '../support/faultyProxy.js';
import { leaveBacklog } from './support/backlog.js';
import { Capture } from './support/capture.js';
import { TestGate } from './support/gate.js';
import { elder } from './support/people.js';
import { Site } from './support/site.js';

const BACKLOG = 2_400;
/** Central's acknowledgements are late by so much, so that the backlog outlasts what is done meanwhile. */
const ACK_LATE_MS = 250;

/** Some 40 batches, each with such an acknowledgement, on a machine that is busy with other things as well. */
const DRAIN_MS = 200_000;

const people = Array.from({ length: 4 }, (_, index) => elder(330 + index, { healthCode: 'green' }));
const [first = elder(330), second = elder(331), third = elder(332)] = people;
const site = await Site.open(t, { people });
const capture = await Capture.open(t, site.broker.url);
const somebody = await connectAsync(site.broker.url, { ...site.asClient(), reconnectPeriod: 0 });
t.teardown(() => somebody.endAsync(true));
const topic = (device: string, kind: string) => `cardpad/v1/d/${device}/${kind}`;

/** Somebody says to be this gate, which makes the gate raise `identity.duplicate`. */
const feign = (device: string) =>
  somebody.publishAsync(
    topic(device, 'up/state'),
    JSON.stringify({ state: 'ready', connection: 1, boot: 'feedfeedfeedfeed' }),
    { qos: 1 },
  );

const toldLine = (device: string) =>
  new RegExp(`warn +alarm device=${device} .*alarm=identity\\.duplicate`, 'g');

/** Its record comes to central as well, and is not told of again. */
async function isToldOnce(
  t: { equal(found: unknown, wanted: unknown, what: string): unknown },
  device: string,
): Promise<void> {
  await site.record(device, (lines) => lines.find(({ kind }) => kind === 'alarm'), `the alarm of ${device}`);
  t.equal([...site.service.stderr.matchAll(toldLine(device))].length, 1, 'told of once');
}

t.test('an alarm raised behind a backlog is told of long before the backlog is there', async (t) => {
  let queuedTo = 0;
  const proxy = await startProxy(t, site.broker.port);
  const hurry = proxy.onPublish(
    { way: 'down', filter: topic('gate-1', 'down/ack') },
    { what: 'delay', delayMs: ACK_LATE_MS },
  );
  const gate = await TestGate.open(site, {
    device: 'gate-1',
    prepare: async (data) => {
      queuedTo = await leaveBacklog(site, 'gate-1', data, people, BACKLOG);
    },
    brokerPort: proxy.port,
  });
  let isDrained = false;
  const drained = site.arrived('gate-1', 1, queuedTo, DRAIN_MS).then(() => {
    isDrained = true;
  });
  // Looked at below; a test that ends before that has failed of something else.
  drained.catch(() => {});
  await feign('gate-1');
  await gate.process.line(/two gates run with the keys/);
  await site.service.line(toldLine('gate-1'));
  t.notOk(isDrained, 'and the backlog is still on its way');
  hurry();
  await drained;
  await isToldOnce(t, 'gate-1');
  await gate.process.end('SIGTERM');
});

t.test('an alarm does not wait for the card that is on the pad, and batches do', async (t) => {
  const proxy = await startProxy(t, site.broker.port);
  const gate = await TestGate.open(site, {
    device: 'gate-2',
    brokerPort: proxy.port,
    lane: { deadlineMs: 5_000 },
  });
  proxy.onPublish({ way: 'down', filter: topic('gate-2', 'down/verdict') }, { what: 'drop' });
  gate.put(first);
  await capture.message(topic('gate-2', 'up/verify'), 0);
  const asked = capture.messages.findIndex((message) => message.topic === topic('gate-2', 'up/verify'));
  await feign('gate-2');
  await site.service.line(toldLine('gate-2'));
  t.notMatch(gate.process.stderr, / tap tap=/, 'nothing is decided yet');
  await capture.message(topic('gate-2', 'up/alarm'), asked);
  const since = capture.messages.slice(asked).map((message) => message.topic);
  const meanwhile = since.slice(0, since.indexOf(topic('gate-2', 'up/alarm')));
  t.notOk(meanwhile.includes(topic('gate-2', 'up/events')), 'no batch meanwhile');
  await gate.process.line(/ tap tap=.*sys\.timeout/);
  gate.lift();
  await isToldOnce(t, 'gate-2');
  await gate.process.end('SIGTERM');
});

t.test('an alarm that was lost with its connection goes first on the next one', async (t) => {
  const proxy = await startProxy(t, site.broker.port);
  const gate = await TestGate.open(site, { device: 'gate-3', brokerPort: proxy.port });
  // What the start has written is at central: else that would cut the connection before anything is heard on it.
  await gate.visit(third, 'green');
  const again = ['up/alarm', 'up/events'].map((kind) =>
    proxy.onPublish({ way: 'up', filter: topic('gate-3', kind) }, { what: 'drop' }),
  );
  await feign('gate-3');
  await gate.process.line(/two gates run with the keys/);
  gate.put(second);
  await gate.process.line(/ tap tap=/);
  gate.lift();
  const from = capture.messages.length;
  for (const mend of again) mend();
  proxy.cut();
  await isToldOnce(t, 'gate-3');
  const order = capture.messages.slice(from).map((message) => message.topic);
  const [alarm, events] = ['up/alarm', 'up/events'].map((kind) => order.indexOf(topic('gate-3', kind)));
  t.ok(alarm !== undefined && events !== undefined && alarm !== -1 && alarm < events, `${alarm}, ${events}`);
  await gate.process.end('SIGTERM');
});
