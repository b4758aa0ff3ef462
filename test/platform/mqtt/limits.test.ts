import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { ManualClock } from '../../../platform/clock.js';
import { lengthBytes } from '../../../platform/mqtt/packetCut.js';
import { publishBytes } from '../../../platform/mqtt/publishPacket.js';
import { PACKET_MOST_BYTES } from '../../../platform/mqtt/stream.js';
import { connack, PACKET, speak, startFakeBroker } from '../../support/fakeBroker.js';
import { isUp, openLink, waitOut } from '../../support/openedLink.js';
import { settle, until } from '../../support/waiting.js';

const MESSAGE_BYTES = 128 * 1024 * 1024;

/** What a broker sends to a subscriber at QoS 0: MQTT 5 clause 3.3, MQTT 3.1.1 clause 3.3. */
function publishOf(version: '5' | '3.1.1', topic: string, payload: Buffer): Buffer {
  const properties = version === '5' ? [0] : [];
  const bytes = 2 + topic.length + properties.length + payload.length;
  const start = [0x30, ...lengthBytes(bytes), 0, topic.length, ...Buffer.from(topic), ...properties];
  return Buffer.concat([Buffer.from(start), payload]);
}

/** A link to a broker of that version, and the broker's end of the connection. */
async function linkOver(t: Test, version: '5' | '3.1.1') {
  const sockets: Socket[] = [];
  const broker = await startFakeBroker(t, (packet, socket) => {
    sockets.push(socket);
    speak(packet, socket, version === '5' ? 5 : 4);
  });
  const a = openLink(t, broker.url, { protocol: version });
  await isUp(a);
  const [socket] = sockets;
  if (socket === undefined) throw new Error('nobody came');
  return { a, socket };
}

for (const [name, serverSeconds, withinMs] of [
  ['the broker’s own keep-alive counts', 1, 8_000],
  ['a broker that wants to be asked every five minutes is asked every ten seconds', 300, 60_000],
] as const) {
  t.test(name, async (t) => {
    let pings = 0;
    const broker = await startFakeBroker(t, (packet, socket) => {
      // Server keep-alive, clause 3.2.2.3.14.
      if (packet.type === PACKET.connect)
        socket.write(connack(0x13, serverSeconds >> 8, serverSeconds & 0xff));
      else speak(packet, socket, 5);
      if (packet.type === PACKET.pingreq) pings += 1;
    });
    const a = openLink(t, broker.url);
    await isUp(a);
    await until(() => pings > 0, 'a ping', withinMs);
    t.equal(a.downs, 0);
  });
}

// What is free is still counted until it is collected, and when that is differs from one Node to the next.
setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

for (const version of ['5', '3.1.1'] as const) {
  t.test(`a message of 128 MB over ${version} takes no such memory`, async (t) => {
    const { a, socket } = await linkOver(t, version);
    const piece = Buffer.alloc(65_536);
    collect();
    const before = process.memoryUsage().arrayBuffers;
    let most = 0;
    // 128 MiB of remaining length: clause 2.1.4.
    socket.write(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x40, 0, 4, ...Buffer.from('to/a'), 0]));
    for (let sent = 7; sent < MESSAGE_BYTES && !socket.destroyed; ) {
      const next = piece.subarray(0, Math.min(piece.length, MESSAGE_BYTES - sent));
      sent += next.length;
      await new Promise<void>((resolve) => socket.write(next, () => resolve()));
      if (sent % (64 * piece.length) > piece.length) continue;
      collect();
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }
    t.ok(most < MESSAGE_BYTES / 2, `${Math.round(most / 1024 / 1024)} MB`);
    socket.write(publishOf(version, 'to/b', Buffer.from('a')));
    await until(() => a.got.includes('to/b a'), 'what came behind it');
    t.equal(a.downs, 0);
  });

  t.test(`packets of about the longest that we take over ${version} end nothing`, async (t) => {
    const { a, socket } = await linkOver(t, version);
    for (let bytes = PACKET_MOST_BYTES - 15; bytes <= PACKET_MOST_BYTES + 5; bytes += 1)
      socket.write(publishOf(version, 'to/a', Buffer.alloc(bytes, 'x')));
    socket.write(publishOf(version, 'to/b', Buffer.from('a')));
    await until(() => a.got.includes('to/b a') || a.downs > 0, 'what came behind them');
    t.equal(a.downs, 0);
  });
}

t.test('what is longer than the broker takes is not sent, and its sender is told', async (t) => {
  const MOST_BYTES = 300;
  const topics: string[] = [];
  let longestBytes = 0;
  const broker = await startFakeBroker(t, (packet, socket) => {
    // Maximum packet size, clause 3.2.2.3.6.
    if (packet.type === PACKET.connect) socket.write(connack(0x27, 0, 0, MOST_BYTES >> 8, MOST_BYTES & 0xff));
    else speak(packet, socket, 5);
    if (packet.type !== PACKET.publish) return;
    const topicBytes = packet.body.readUInt16BE(0);
    longestBytes = Math.max(longestBytes, 3 + packet.body.length);
    topics.push(packet.body.toString('latin1', 2, 2 + topicBytes));
    if (topics.at(-1) === 'qos/1')
      socket.write(Buffer.from([0x40, 2, ...packet.body.subarray(2 + topicBytes, 4 + topicBytes)]));
  });
  const a = openLink(t, broker.url);
  t.equal(a.link.mostBytes, undefined, 'nothing said yet');
  await isUp(a);
  t.equal(a.link.mostBytes, MOST_BYTES);
  const properties = { expirySeconds: 5, responseTopic: 'answer', correlation: Buffer.alloc(8) };
  for (const extra of [{}, properties]) {
    const fits = (qos: 0 | 1) =>
      Buffer.alloc(MOST_BYTES - publishBytes('qos/1', Buffer.alloc(200), qos, extra) + 200);
    const over = (qos: 0 | 1) => Buffer.alloc(fits(qos).length + 1);
    t.equal(a.link.send('qos/0', over(0), extra), false);
    await t.rejects(a.link.publish('qos/1', over(1), extra), { code: 'mqtt.too-long', disposition: 'retry' });
    t.equal(a.link.send('qos/0', fits(0), extra), true);
    await a.link.publish('qos/1', fits(1), extra);
  }
  t.same(topics, ['qos/0', 'qos/1', 'qos/0', 'qos/1']);
  t.equal(longestBytes, MOST_BYTES, 'to the byte');
  t.same([a.link.up, a.downs], [true, 0]);
  t.equal(a.lines.filter((line) => line.includes('too long')).length, 2, 'a line for each topic');
  broker.cut();
  await until(() => a.downs === 1, 'the link to go down');
  t.equal(a.link.mostBytes, undefined);
});

t.test('a broker that does not say takes what it gets', async (t) => {
  const broker = await startFakeBroker(t, (packet, socket) => speak(packet, socket, 5));
  const a = openLink(t, broker.url);
  await isUp(a);
  t.equal(a.link.mostBytes, undefined);
  t.equal(a.link.send('to/a', Buffer.alloc(200_000)), true);
});

t.test('a connection that is given up comes again, as after any loss', async (t) => {
  const clock = new ManualClock();
  const said: number[] = [];
  const broker = await startFakeBroker(t, (packet, socket) => {
    said.push(packet.type);
    speak(packet, socket, 5);
  });
  const a = openLink(t, broker.url, {}, clock);
  a.link.renew();
  await isUp(a);
  t.equal(broker.taken, 1, 'what is not up yet goes on');
  const publishing = a.link.publish('to/a', Buffer.from('x'));
  a.link.renew();
  a.link.renew();
  await t.rejects(publishing, { code: 'mqtt.down' });
  await until(() => a.downs > 0, 'the link to go down');
  a.link.renew();
  t.same([a.downs, a.takenOver, a.link.up], [1, 0, false]);
  t.match(a.lines.at(-1), /connection lost problem="nothing came through any more"/);
  await settle(50);
  t.equal(broker.taken, 1, 'not before its time');
  await waitOut(clock, () => a.link.up, 'the link to come back');
  t.same([broker.taken, a.ups, a.downs], [2, 2, 1]);
  t.notOk(said.includes(PACKET.disconnect), 'without a goodbye: who watches hears of the will');
  await a.link.close();
  a.link.renew();
  await settle(50);
  t.same([broker.taken, a.downs], [2, 1], 'what is closed stays closed');
});

t.test('a connection that comes and goes all the time is a few lines a minute', async (t) => {
  const clock = new ManualClock();
  const broker = await startFakeBroker(t, (packet, socket) => speak(packet, socket, 5));
  const a = openLink(t, broker.url, {}, clock, () => 0);
  const comeAndGo = async () => {
    clock.advance(1);
    await isUp(a);
    broker.cut();
    await until(() => !a.link.up, 'the link to go down');
  };
  for (let time = 0; time < 25; time += 1) await comeAndGo();
  t.equal(a.lines.length, 20);
  t.match(a.lines.slice(0, 2), [/ connected /, / connection lost /]);
  clock.advance(1);
  await isUp(a);
  clock.advance(60_000);
  broker.cut();
  await until(() => a.lines.length > 20, 'a word about it, a minute later');
  t.match(a.lines.slice(20), [/ connection lost /]);
});
