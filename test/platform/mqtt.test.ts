import t from 'tap';
import type { MqttOptions } from '../../platform/mqtt.js';
import { BROKERS } from '../support/brokers.js';
import { type FaultyProxy, startProxy } from '../support/faultyProxy.js';
import type { RunningBroker } from '../support/mosquitto.js';
import { isUp, openLink } from '../support/openedLink.js';
import { settle, until } from '../support/waiting.js';

type Scope = Parameters<typeof openLink>[0];

const will = () => ({ topic: 'to/will', payload: Buffer.from('lost') });

for (const kind of BROKERS) {
  t.test(kind.name, async (t) => {
    const way = { protocol: kind.protocol, ...kind.login() };
    const open = (t: Scope, { url }: RunningBroker, options: Partial<MqttOptions> = {}) =>
      openLink(t, url, { ...way, ...options });
    const openVia = (t: Scope, { port }: FaultyProxy, { url }: RunningBroker, options = {}) =>
      open(t, { url: url.replace(/\d+$/, `${port}`) } as RunningBroker, options);

    t.test(`it speaks MQTT ${kind.speaks}, and says so`, async (t) => {
      const broker = await kind.start(t);
      const a = open(t, broker);
      await isUp(a);
      t.equal(a.lines.length, 1, 'one line, however many versions were tried');
      t.match(a.lines[0], ` connected broker=${broker.url} mqtt=${kind.speaks}`);
    });

    t.test('messages go both ways at QoS 0 and 1, and retained ones are marked', async (t) => {
      const broker = await kind.start(t);
      const a = open(t, broker);
      await isUp(a);
      t.equal(a.link.send('to/a', Buffer.from('zero')), true);
      await a.link.publish('to/a', Buffer.from('one'));
      await a.link.publish('to/kept', Buffer.from('two'), { retain: true });
      await a.link.publish('elsewhere', Buffer.from('three'));
      await until(() => a.got.length >= 3, 'three messages');
      t.same(a.got, ['to/a zero', 'to/a one', 'to/kept two'], 'live, a retained message is not marked');
      const b = open(t, broker);
      await until(() => b.got.length > 0, 'the retained message');
      t.same(b.got, ['to/kept two retained']);
    });

    t.test('it comes back when the broker does, with all its subscriptions', async (t) => {
      const broker = await kind.start(t);
      const a = open(t, broker);
      await isUp(a);
      await broker.stop();
      await until(() => !a.link.up, 'the link to go down');
      t.same([a.ups, a.downs], [1, 1]);
      t.equal(a.link.send('to/a', Buffer.from('lost')), false);
      await t.rejects(a.link.publish('to/a', Buffer.from('lost')), {
        code: 'mqtt.down',
        disposition: 'reconnect',
      });
      await kind.start(t, broker.port);
      await isUp(a);
      t.same([a.ups, a.downs], [2, 1]);
      await a.link.publish('to/a', Buffer.from('back'));
      await until(() => a.got.length > 0, 'the message');
      t.same(a.got, ['to/a back'], 'nothing was queued meanwhile');
    });

    t.test('a publish under way when the connection goes is told so', async (t) => {
      const broker = await kind.start(t);
      const proxy = await startProxy(t, broker.port, { frames: 'bytes' });
      const a = openVia(t, proxy, broker);
      await isUp(a);
      proxy.dead.value = true;
      const publishing = [1, 2, 3].map((n) => a.link.publish('to/a', Buffer.from(`${n}`)));
      await settle();
      proxy.cut();
      for (const promise of publishing) await t.rejects(promise, { code: 'mqtt.down' });
      proxy.dead.value = false;
      await isUp(a);
      await a.link.publish('to/a', Buffer.from('again'));
    });

    t.test('many at once are no leak', async (t) => {
      const warnings: string[] = [];
      const onWarning = (warning: Error) => warnings.push(warning.name);
      process.on('warning', onWarning);
      t.teardown(() => process.off('warning', onWarning));
      const broker = await kind.start(t);
      const a = open(t, broker);
      await isUp(a);
      await Promise.all(Array.from({ length: 50 }, (_, i) => a.link.publish('to/a', Buffer.from(`${i}`))));
      await until(() => a.got.length === 50, 'all of them');
      await settle();
      t.same(warnings, []);
    });

    t.test('the will is published for a client that dies, retained', async (t) => {
      const broker = await kind.start(t);
      const proxy = await startProxy(t, broker.port, { frames: 'bytes' });
      const watcher = open(t, broker);
      await isUp(watcher);
      const a = openVia(t, proxy, broker, { will, subscriptions: [{ topic: 'x', qos: 0 }] });
      await isUp(a);
      proxy.cut();
      await until(() => watcher.got.length > 0, 'the will');
      t.same(watcher.got, ['to/will lost']);
      const later = open(t, broker);
      await until(() => later.got.length > 0, 'the retained will');
      t.same(later.got, ['to/will lost retained']);
    });

    t.test('the will of a client that says goodbye is not', async (t) => {
      const broker = await kind.start(t);
      const watcher = open(t, broker);
      await isUp(watcher);
      const a = open(t, broker, { will });
      await isUp(a);
      await a.link.publish('to/last', Buffer.from('goodbye'));
      await Promise.all([a.link.close(), a.link.close()]);
      t.equal(a.link.up, false);
      t.equal(a.downs, 0, 'its own end is no loss');
      await watcher.link.publish('to/end', Buffer.from('.'));
      await until(() => watcher.got.includes('to/end .'), 'the end');
      t.same(watcher.got, ['to/last goodbye', 'to/end .']);
    });

    for (const [what, freeze] of [
      ['dead with a publish under way', true],
      ['dead and idle', false],
    ] as const) {
      t.test(`closing ends though the network is ${what}`, async (t) => {
        const broker = await kind.start(t);
        const proxy = await startProxy(t, broker.port, { frames: 'bytes' });
        const a = openVia(t, proxy, broker);
        await isUp(a);
        proxy.dead.value = true;
        const publishing = freeze
          ? a.link.publish('to/a', Buffer.from('x'))
          : Promise.reject(new Error('none'));
        const startMs = performance.now();
        await Promise.all([a.link.close(), t.rejects(publishing)]);
        t.ok(performance.now() - startMs < 900, 'a service that stops has 2 s for everything');
      });
    }

    t.test('a message far too long ends nothing, retained or not', async (t) => {
      const broker = await kind.start(t);
      const a = open(t, broker);
      const b = open(t, broker, { subscriptions: [{ topic: 'x', qos: 0 }] });
      await Promise.all([isUp(a), isUp(b)]);
      const long = Buffer.alloc(2_000_000, 'x');
      await b.link.publish('to/long', long, { retain: true });
      b.link.send('to/long', long);
      await b.link.publish('to/end', Buffer.from('.'));
      await until(() => a.got.includes('to/end .'), 'what came behind it');
      const later = open(t, broker);
      await isUp(later);
      await b.link.publish('to/end', Buffer.from('.'));
      await until(() => later.got.includes('to/end .'), 'what came behind it');
      for (const { got, downs } of [a, later]) {
        t.equal(downs, 0);
        t.ok(
          got.every((message) => message.length < 300_000),
          'nobody has to hold it',
        );
      }
    });
  });
}
