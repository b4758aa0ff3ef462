import { once } from 'node:events';
import { createServer, Socket } from 'node:net';
import t from 'tap';
import { ManualClock, systemClock } from '../../platform/clock.js';
import { createLog } from '../../platform/log.js';
import { backoffMs, type MqttLink, type MqttOptions, mqttOpener } from '../../platform/mqtt.js';
import { startProxy } from '../support/cuttableProxy.js';
import { startMosquitto } from '../support/mosquitto.js';
import { settle, until } from '../support/waiting.js';

interface Scope {
  teardown(call: () => unknown): unknown;
}

interface Opened {
  readonly link: MqttLink;
  readonly got: string[];
  readonly lines: string[];
  ups: number;
  downs: number;
}

let clients = 0;

/** A link that writes down what happens to it. */
function open(t: Scope, url: string, options: Partial<MqttOptions> = {}, clock = systemClock): Opened {
  clients += 1;
  const lines: string[] = [];
  const seen = { got: [] as string[], lines, ups: 0, downs: 0 };
  const opener = mqttOpener(
    clock,
    () => 0.999,
    createLog((line) => lines.push(line), 'debug'),
  );
  const link = opener({
    url,
    clientId: `test-${process.pid}-${clients}`,
    subscriptions: [{ topic: 'to/+', qos: 1 }],
    onMessage: (topic, payload, retained) =>
      seen.got.push(`${topic} ${payload}${retained ? ' retained' : ''}`),
    onUp: () => {
      seen.ups += 1;
    },
    onDown: () => {
      seen.downs += 1;
    },
    ...options,
  });
  t.teardown(() => link.close());
  return Object.assign(seen, { link });
}

const isUp = ({ link }: Opened) => until(() => link.up, 'the link to come up');

t.test('messages go both ways at QoS 0 and 1, and retained ones are marked', async (t) => {
  const broker = await startMosquitto(t);
  const a = open(t, broker.url);
  await isUp(a);
  t.equal(a.link.send('to/a', Buffer.from('zero')), true);
  await a.link.publish('to/a', Buffer.from('one'));
  await a.link.publish('to/kept', Buffer.from('two'), { retain: true });
  await a.link.publish('elsewhere', Buffer.from('three'));
  await until(() => a.got.length >= 3, 'three messages');
  t.same(a.got, ['to/a zero', 'to/a one', 'to/kept two'], 'live, a retained message is not marked');
  const b = open(t, broker.url);
  await until(() => b.got.length > 0, 'the retained message');
  t.same(b.got, ['to/kept two retained']);
});

t.test('Nagle’s algorithm is off: with delayed acknowledgements it costs 40 ms a message', async (t) => {
  const broker = await startMosquitto(t);
  const { setNoDelay } = Socket.prototype;
  const without: (number | undefined)[] = [];
  Socket.prototype.setNoDelay = function (this: Socket, noDelay = true) {
    if (noDelay) without.push(this.remotePort);
    return setNoDelay.call(this, noDelay);
  };
  t.teardown(() => {
    Socket.prototype.setNoDelay = setNoDelay;
  });
  await isUp(open(t, broker.url));
  t.ok(without.includes(broker.port));
});

t.test('it comes back when the broker does, with all its subscriptions', async (t) => {
  const broker = await startMosquitto(t);
  const a = open(t, broker.url);
  await isUp(a);
  await broker.stop();
  await until(() => !a.link.up, 'the link to go down');
  t.same([a.ups, a.downs], [1, 1]);
  t.equal(a.link.send('to/a', Buffer.from('lost')), false);
  await t.rejects(a.link.publish('to/a', Buffer.from('lost')), {
    code: 'mqtt.down',
    disposition: 'reconnect',
  });
  await startMosquitto(t, broker.port);
  await isUp(a);
  t.same([a.ups, a.downs], [2, 1]);
  await a.link.publish('to/a', Buffer.from('back'));
  await until(() => a.got.length > 0, 'the message');
  t.same(a.got, ['to/a back'], 'nothing was queued meanwhile');
});

t.test('tries are half a second apart at first, then up to five, spread by chance', async (t) => {
  const clock = new ManualClock();
  const refusing = createServer().listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  const address = refusing.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  let tries = 0;
  refusing.on('connection', (socket) => {
    tries += 1;
    socket.destroy();
  });
  t.teardown(() => refusing.close());
  const a = open(t, `mqtt://127.0.0.1:${address.port}`, {}, clock);
  for (const [index, waitMs] of [500, 1_000, 2_000, 4_000, 5_000, 5_000].entries()) {
    await until(() => tries === index + 1, `try ${index + 1}`);
    // The client hears of the end in a later turn; only then does the waiting begin.
    await settle(50);
    clock.advance(waitMs * 0.999 - 1);
    await settle(20);
    t.equal(tries, index + 1, `not before ${waitMs} ms`);
    clock.advance(1);
  }
  await until(() => tries === 7, 'try 7');
  await settle(50);
  t.equal(a.lines.length <= 1, true, 'a broker that is away is one line');
  t.equal(backoffMs(0, 0), 0);
  t.equal(backoffMs(99, 1), 5_000);
});

/** A broker that takes everybody in, refuses the topics that it is told to, and can throw all out. */
async function startAdmitting(t: Scope, granted: readonly number[] = [0]) {
  const sockets = new Set<Socket>();
  const seen = { connections: 0 };
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const type = (bytes[0] ?? 0) >> 4;
      if (type === 1) socket.write(Buffer.from([0x20, 2, 0, 0]));
      if (type !== 8) return;
      seen.connections += 1;
      socket.write(Buffer.from([0x90, 2 + granted.length, bytes[2] ?? 0, bytes[3] ?? 0, ...granted]));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const throwOut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  t.teardown(() => {
    throwOut();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return Object.assign(seen, { url: `mqtt://127.0.0.1:${address.port}`, throwOut });
}

t.test(
  'thrown off again and again it waits longer each time, until a connection has lasted 10 s',
  async (t) => {
    const clock = new ManualClock();
    const broker = await startAdmitting(t);
    const a = open(t, broker.url, {}, clock);
    for (const [index, waitMs] of [500, 1_000, 2_000, 4_000, 5_000, 5_000].entries()) {
      await until(() => a.ups === index + 1, `connection ${index + 1}`);
      broker.throwOut();
      await until(() => a.downs === index + 1, `end ${index + 1}`);
      clock.advance(waitMs * 0.999 - 1);
      await settle(20);
      t.equal(broker.connections, index + 1, `not before ${waitMs} ms`);
      clock.advance(1);
    }
    await until(() => a.ups === 7, 'connection 7');
    clock.advance(10_000);
    broker.throwOut();
    await until(() => a.downs === 7, 'end 7');
    clock.advance(500);
    await until(() => a.ups === 8, 'connection 8');
  },
);

t.test('a subscription that may be refused keeps nobody from working', async (t) => {
  const broker = await startAdmitting(t, [0, 0x80]);
  const subscriptions = [
    { topic: 'to/+', qos: 0 },
    { topic: 'nice/to/have', qos: 0, optional: true },
  ] as const;
  const a = open(t, broker.url, { subscriptions });
  await isUp(a);
  t.match(a.lines[0], /refuses a subscription topic=nice\/to\/have/);
});

t.test('a publish under way when the connection goes is told so', async (t) => {
  const broker = await startMosquitto(t);
  const proxy = await startProxy(t, broker.port);
  const a = open(t, `mqtt://127.0.0.1:${proxy.port}`);
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
  const broker = await startMosquitto(t);
  const a = open(t, broker.url);
  await isUp(a);
  await Promise.all(Array.from({ length: 50 }, (_, i) => a.link.publish('to/a', Buffer.from(`${i}`))));
  await until(() => a.got.length === 50, 'all of them');
  await settle();
  t.same(warnings, []);
});

const will = () => ({ topic: 'to/will', payload: Buffer.from('lost') });

t.test('the will is published for a client that dies, retained', async (t) => {
  const broker = await startMosquitto(t);
  const proxy = await startProxy(t, broker.port);
  const watcher = open(t, broker.url);
  await isUp(watcher);
  const a = open(t, `mqtt://127.0.0.1:${proxy.port}`, { will, subscriptions: [{ topic: 'x', qos: 0 }] });
  await isUp(a);
  proxy.cut();
  await until(() => watcher.got.length > 0, 'the will');
  t.same(watcher.got, ['to/will lost']);
  const later = open(t, broker.url);
  await until(() => later.got.length > 0, 'the retained will');
  t.same(later.got, ['to/will lost retained']);
});

t.test('the will of a client that says goodbye is not', async (t) => {
  const broker = await startMosquitto(t);
  const watcher = open(t, broker.url);
  await isUp(watcher);
  const a = open(t, broker.url, { will });
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
    const broker = await startMosquitto(t);
    const proxy = await startProxy(t, broker.port);
    const a = open(t, `mqtt://127.0.0.1:${proxy.port}`);
    await isUp(a);
    proxy.dead.value = true;
    const publishing = freeze ? a.link.publish('to/a', Buffer.from('x')) : Promise.reject(new Error('none'));
    const startMs = performance.now();
    await Promise.all([a.link.close(), t.rejects(publishing)]);
    t.ok(performance.now() - startMs < 900, 'a service that stops has 2 s for everything');
  });
}

t.test('closing ends while the broker has not answered yet', async (t) => {
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const address = silent.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const connected = once(silent, 'connection') as Promise<[Socket]>;
  const a = open(t, `mqtt://127.0.0.1:${address.port}`);
  const [socket] = await connected;
  t.teardown(() => {
    socket.destroy();
    silent.close();
  });
  await a.link.close();
  t.equal(a.ups, 0);
});

t.test('a broker that refuses a subscription is not taken for a connection', async (t) => {
  // CONNACK accepted, then SUBACK with the failure code 0x80: MQTT 3.1.1 clauses 3.2 and 3.9.
  const refusing = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      const type = (bytes[0] ?? 0) >> 4;
      if (type === 1) socket.write(Buffer.from([0x20, 2, 0, 0]));
      if (type === 8) socket.write(Buffer.from([0x90, 3, bytes[2] ?? 0, bytes[3] ?? 0, 0x80]));
    });
  }).listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  t.teardown(() => refusing.close());
  const address = refusing.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const a = open(t, `mqtt://127.0.0.1:${address.port}`);
  await until(() => a.lines.length > 0, 'a word about it');
  t.match(a.lines[0], /cannot connect problem="?.*to\/\+/);
  t.equal(a.link.up, false);
  t.equal(a.ups, 0);
  await a.link.close();
});
