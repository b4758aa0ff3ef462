import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import fc from 'fast-check';
import { connectAsync, type MqttClient } from 'mqtt';
import t from 'tap';
import { startProxy } from './faultyProxy.js';
import { startMosquitto } from './mosquitto.js';
import { MqttFrames, publishHead } from './mqttFrames.js';
import { until } from './waiting.js';

interface Scope {
  teardown(call: () => unknown): unknown;
}

/** Somewhere that says back what it hears. */
async function startEcho(t: Scope): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A client that notes what it hears, piece by piece. */
async function open(t: Scope, port: number) {
  const socket: Socket = connect(port, '127.0.0.1');
  const pieces: Buffer[] = [];
  const state = { socket, pieces, closed: false };
  socket.setNoDelay(true);
  socket.on('data', (bytes) => pieces.push(bytes));
  socket.on('error', () => {});
  socket.on('close', () => {
    state.closed = true;
  });
  t.teardown(() => socket.destroy());
  await once(socket, 'connect');
  return state;
}

const heard = ({ pieces }: { readonly pieces: readonly Buffer[] }) =>
  Buffer.concat(pieces).toString('latin1');

t.test('bytes pass unchanged, whatever the pace, and in order', async (t) => {
  const proxy = await startProxy(t, await startEcho(t), { seed: 7, frames: 'bytes' });
  const client = await open(t, proxy.port);
  const said = Buffer.from(Array.from({ length: 400 }, (_, index) => index & 0xff));
  Object.assign(proxy.pacing, { latencyMs: 5, jitterMs: 20, pieceBytes: 1 });
  for (let at = 0; at < said.length; at += 50) client.socket.write(said.subarray(at, at + 50));
  await until(() => heard(client).length === said.length, 'all of it');
  t.same(Buffer.concat(client.pieces), said);
  t.ok(client.pieces.length > 1, `${client.pieces.length} pieces`);
});

t.test('latency and pace take their time', async (t) => {
  const proxy = await startProxy(t, await startEcho(t), { frames: 'bytes' });
  const client = await open(t, proxy.port);
  proxy.pacing.latencyMs = 60;
  let startMs = performance.now();
  client.socket.write('a');
  await until(() => heard(client) === 'a', 'the echo');
  t.ok(performance.now() - startMs >= 119, 'there and back');
  Object.assign(proxy.pacing, { latencyMs: 0, bytesPerSecond: 1000 });
  startMs = performance.now();
  client.socket.write('b'.repeat(100));
  await until(() => heard(client).length === 101, 'the rest');
  t.ok(performance.now() - startMs >= 99, 'a hundred bytes at a byte a millisecond');
});

t.test('cut: both ends see it; refused: nobody is there; then all is well again', async (t) => {
  const proxy = await startProxy(t, await startEcho(t), { frames: 'bytes' });
  const first = await open(t, proxy.port);
  proxy.cut();
  await until(() => first.closed, 'the end');
  await proxy.refuse(true);
  const refused = connect(proxy.port, '127.0.0.1');
  const [error] = await once(refused, 'error');
  t.match(error, { code: 'ECONNREFUSED' });
  await proxy.refuse(false);
  const again = await open(t, proxy.port);
  again.socket.write('x');
  await until(() => heard(again) === 'x', 'the echo');
  t.equal(proxy.taken, 2);
});

t.test('dead: nothing arrives and nobody is told; what lost bytes stays dead', async (t) => {
  const proxy = await startProxy(t, await startEcho(t), { frames: 'bytes' });
  const halfOpen = await open(t, proxy.port);
  const idle = await open(t, proxy.port);
  proxy.dead.value = true;
  halfOpen.socket.write('lost');
  const other = await startProxy(t, await startEcho(t), { frames: 'bytes' });
  const witness = await open(t, other.port);
  witness.socket.write('x');
  await until(() => heard(witness) === 'x', 'time for an echo');
  proxy.dead.value = false;
  halfOpen.socket.write('lost as well');
  idle.socket.write('arrives');
  await until(() => heard(idle) === 'arrives', 'the echo');
  t.equal(heard(halfOpen), '');
  t.notOk(halfOpen.closed);
});

t.test('frames are found however the bytes are cut', async (t) => {
  const packet = fc
    .tuple(fc.integer({ min: 1, max: 15 }), fc.uint8Array({ maxLength: 300 }))
    .map(([type, body]) => {
      const low = body.length & 0x7f;
      const length = body.length < 128 ? [low] : [low | 0x80, body.length >> 7];
      return Buffer.concat([Buffer.of(type << 4, ...length), body]);
    });
  fc.assert(
    fc.property(
      fc.array(packet),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (packets, cuts) => {
        const frames = new MqttFrames();
        const stream = Buffer.concat(packets);
        const found: Buffer[] = [];
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const size = cuts[turn % cuts.length] ?? 1;
          found.push(...frames.push(stream.subarray(at, at + size)));
          at += size;
        }
        t.same(found, packets);
      },
    ),
    { numRuns: 100 },
  );
  t.throws(() => new MqttFrames().push(Buffer.of(0x30, 0x80, 0x80, 0x80, 0x80)), RangeError);
  const publish = Buffer.of(0x32, 5, 0, 1, 0x61, 0, 9);
  t.same(publishHead(publish), { topic: 'a', qos: 1 });
  t.equal(publishHead(Buffer.of(0xc0, 0)), undefined);
});

/** Two clients: `near` behind the proxy, `far` on the broker itself; each notes what it hears. */
async function street(t: Scope) {
  const broker = await startMosquitto(t);
  const proxy = await startProxy(t, broker.port, { seed: 11 });
  const joined = async (port: number) => {
    const client: MqttClient = await connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 });
    const got: string[] = [];
    const state = { client, got, closed: false };
    client.on('message', (topic, payload) => got.push(`${topic} ${payload.toString()}`));
    client.on('error', () => {});
    client.on('close', () => {
      state.closed = true;
    });
    t.teardown(() => client.endAsync(true));
    await client.subscribeAsync(port === proxy.port ? 'down/#' : 'up/#', { qos: 1 });
    return state;
  };
  return { proxy, near: await joined(proxy.port), far: await joined(broker.port) };
}

t.test('a rule befalls its topic and its way, so many times', async (t) => {
  const { proxy, near, far } = await street(t);
  proxy.onPublish({ way: 'up', filter: 'up/+/verify', times: 1 }, { what: 'drop' });
  proxy.onPublish({ way: 'down', filter: 'down/twice' }, { what: 'duplicate' });
  for (const topic of ['up/a/verify', 'up/a/other', 'up/b/verify']) near.client.publish(topic, '1');
  await until(() => far.got.length === 2, 'what is left');
  t.same(far.got, ['up/a/other 1', 'up/b/verify 1']);
  far.client.publish('down/twice', '2');
  far.client.publish('down/once', '3');
  await until(() => near.got.length === 3, 'all three');
  t.same(near.got, ['down/twice 2', 'down/twice 2', 'down/once 3']);
  t.equal(proxy.befallen, 2);
});

t.test('late and out of order', async (t) => {
  const { proxy, near, far } = await street(t);
  const stop = proxy.onPublish({ way: 'down', filter: 'down/late' }, { what: 'delay', delayMs: 40 });
  far.client.publish('down/late', '1');
  far.client.publish('down/next', '2');
  await until(() => near.got.length === 2, 'both');
  t.same(near.got, ['down/next 2', 'down/late 1']);
  stop();
  near.got.length = 0;
  proxy.onPublish({ way: 'down', filter: 'down/#' }, { what: 'reorder', count: 3 });
  for (const text of ['1', '2', '3']) far.client.publish('down/x', text);
  await until(() => near.got.length === 3, 'all three');
  t.same(near.got, ['down/x 3', 'down/x 2', 'down/x 1']);
});

t.test('QoS 1 is never lost but with its connection', async (t) => {
  const { proxy, near, far } = await street(t);
  proxy.onPublish({ way: 'up', filter: 'up/events' }, { what: 'drop' });
  near.client.publish('up/events', 'x', { qos: 1 });
  await until(() => near.closed, 'the end of the connection');
  t.same(far.got, []);
});

t.test('chance: the same seed loses the same messages', async (t) => {
  const runs = [];
  for (const run of [1, 2]) {
    const { proxy, near, far } = await street(t);
    proxy.onPublish({ way: 'up', filter: 'up/n', chance: 0.5 }, { what: 'drop' });
    for (let n = 0; n < 40; n++) near.client.publish('up/n', `${n}`);
    near.client.publish('up/end', '.');
    await until(() => far.got.includes('up/end .'), `the end of run ${run}`);
    t.ok(proxy.befallen > 5 && proxy.befallen < 35, `${proxy.befallen} of 40 lost`);
    runs.push(far.got);
  }
  t.same(runs[0], runs[1]);
});
