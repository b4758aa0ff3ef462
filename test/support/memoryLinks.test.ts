import t from 'tap';
import { seededRandom } from '../../drivers/simulated/random.js';
import type { MqttOptions } from '../../platform/mqtt.js';
import { Network } from '../central/network.js';
import { LifeClock, SimTime } from '../chaos/sim/clock.js';
import { Path, SimBroker } from '../chaos/sim/network.js';
import { MemoryBroker } from './memoryMqtt.js';
import { settle, until } from './waiting.js';

/** What a link is opened with, and what it has told so far. */
function listener() {
  const told: string[] = [];
  const options: MqttOptions = {
    url: 'mqtt://memory',
    clientId: 'gate',
    subscriptions: [{ topic: 'to/+', qos: 1 }],
    will: () => ({ topic: 'to/will', payload: Buffer.from('lost') }),
    onMessage: () => {},
    onUp: () => told.push('up'),
    onDown: () => told.push('down'),
  };
  return { told, options };
}

for (const [name, broker] of [
  ['the broker in memory', new MemoryBroker()],
  ['the network of central’s tests', new Network()],
] as const) {
  t.test(`${name}: a connection that is given up goes down once, and comes again`, async (t) => {
    const { told, options } = listener();
    const link = broker.open(options);
    link.renew();
    await until(() => told.length === 1, 'the connection');
    link.renew();
    link.renew();
    await until(() => told.length >= 3, 'the next one');
    await settle();
    t.same(told, ['up', 'down', 'up']);
    t.ok(broker.retained.has('to/will'));
    link.renew();
    await link.close();
    await settle();
    t.equal(link.up, false, 'what is closed stays closed');
  });
}

t.test('the broker in memory takes no packet above what it says', async (t) => {
  const broker = new MemoryBroker();
  broker.mostBytes = 100;
  const link = broker.open(listener().options);
  await settle();
  t.equal(link.mostBytes, 100);
  await t.rejects(link.publish('to/a', Buffer.alloc(100)), { code: 'mqtt.too-long', disposition: 'retry' });
  t.equal(link.send('to/a', Buffer.alloc(100)), false);
  await link.publish('to/a', Buffer.alloc(80));
  t.equal(broker.on('to/a').length, 1);
});

for (const mode of ['open', 'dead'] as const) {
  t.test(`in simulated time: a connection given up on a path that is ${mode}`, async (t) => {
    const random = seededRandom(1);
    const time = new SimTime((thrown) => {
      throw thrown;
    });
    const clock = new LifeClock(time, { bootAtMs: 0, bootId: '0'.repeat(16), wallOffsetMs: 0 }, random);
    const broker = new SimBroker(time, () => {});
    const path = new Path();
    const { told, options } = listener();
    const link = broker.opener(clock, path, () => random).open(options);
    t.ok(await time.run(() => link.up, 10_000));
    path.mode = mode;
    path.changed();
    link.renew();
    link.renew();
    t.ok(await time.run(() => told.length === 2, 10), 'it goes down at once');
    t.same(broker.clients, mode === 'dead' ? ['gate'] : [], 'the broker hears of it where it can');
    path.mode = 'open';
    path.changed();
    t.ok(await time.run(() => link.up, 20_000));
    t.same(told, ['up', 'down', 'up']);
    t.ok(broker.retained.has('to/will'));
    t.same(broker.clients, ['gate']);
  });
}
