import type { Socket } from 'node:net';
import t from 'tap';
import { ManualClock } from '../../../platform/clock.js';
import { WORD_COUNTS_MS } from '../../../platform/mqtt/version.js';
import { backoffMs } from '../../../platform/mqtt.js';
import { connack, PACKET, type PacketIn, speak, startFakeBroker } from '../../support/fakeBroker.js';
import { isUp, openLink, waitOut } from '../../support/openedLink.js';
import { settle, until } from '../../support/waiting.js';

/** MQTT 3.1.1 clause 3.2: not this version. */
const REFUSED_311 = [0x20, 2, 0, 1];
/** MQTT 5 clause 3.2: reason 0x84, no properties. */
const REFUSED_5 = [0x20, 3, 0, 0x84, 0];
const CONNECT_TIMEOUT_MS = 4_000;
const LONGEST_WAIT_MS = 5_000;

/** A broker of 3.1.1, and what it does when somebody comes with MQTT 5. */
const with5 = (rebuff: (socket: Socket) => void) => (packet: PacketIn, socket: Socket) => {
  if (packet.type === PACKET.connect && packet.level === 5) rebuff(socket);
  else speak(packet, socket, 4);
};

for (const [how, rebuff] of [
  ['CONNACK 1, as 3.1.1 has it', (socket) => socket.end(Buffer.from(REFUSED_311))],
  ['CONNACK 0x84, as 5 has it', (socket) => socket.end(Buffer.from(REFUSED_5))],
  ['CONNACK 0x84, and a connection that stays', (socket) => socket.write(Buffer.from(REFUSED_5))],
] as readonly [string, (socket: Socket) => void][]) {
  t.test(`a broker that refuses MQTT 5 by ${how}: 3.1.1 at once, for a day`, async (t) => {
    const clock = new ManualClock();
    const broker = await startFakeBroker(t, with5(rebuff));
    const a = openLink(t, broker.url, {}, clock);
    // The clock stands still: nothing is waited for.
    await isUp(a);
    t.same(broker.levels, [5, 4]);
    t.match(a.lines.join('\n'), /^[^\n]* connected [^\n]* mqtt=3\.1\.1$/, 'no other line');
    broker.cut();
    await until(() => !a.link.up, 'the link to go down');
    await waitOut(clock, () => a.link.up, 'the link to come back');
    t.same(broker.levels, [5, 4, 4], 'remembered');
    clock.advance(WORD_COUNTS_MS);
    broker.cut();
    await until(() => !a.link.up, 'the link to go down');
    await waitOut(clock, () => a.link.up, 'the link to come back');
    t.same(broker.levels, [5, 4, 4, 5, 4], 'a broker may have been upgraded meanwhile');
  });
}

for (const [how, rebuff] of [
  ['the CONNACK of 3.1.1', [0x20, 2, 0, 0]],
  ['a refusal that MQTT 5 does not have', [0x20, 2, 0, 5]],
  ['an unknown property', [0x20, 6, 0, 0, 3, 0x7e, 0, 0]],
  ['a length that does not end', [0x20, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ['bytes of something else', [...Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')]],
] as const) {
  t.test(`what answers MQTT 5 with ${how} gets 3.1.1 at once, and 5 the next time`, async (t) => {
    const clock = new ManualClock();
    const broker = await startFakeBroker(
      t,
      with5((socket) => socket.write(Buffer.from(rebuff))),
    );
    const a = openLink(t, broker.url, {}, clock);
    await isUp(a);
    t.same(broker.levels, [5, 4]);
    broker.cut();
    await until(() => !a.link.up, 'the link to go down');
    await waitOut(clock, () => a.link.up, 'the link to come back');
    t.same(broker.levels, [5, 4, 5, 4], 'it was only inferred');
  });
}

for (const [how, rebuff] of [
  ['closes the connection', (socket: Socket) => socket.destroy()],
  ['says nothing', () => {}],
] as const) {
  t.test(`a broker that ${how} when it is asked for MQTT 5 is reached by 3.1.1`, async (t) => {
    const clock = new ManualClock();
    const broker = await startFakeBroker(t, with5(rebuff));
    const a = openLink(t, broker.url, {}, clock);
    await waitOut(clock, () => a.link.up, 'the link to come up');
    t.same(broker.levels, [5, 4]);
    broker.cut();
    await until(() => !a.link.up, 'the link to go down');
    await waitOut(clock, () => a.link.up, 'the link to come back');
    t.same(broker.levels, [5, 4, 5, 4], 'it was only inferred');
  });
}

t.test('a broker that is merely starting is not taken for an old one', async (t) => {
  const clock = new ManualClock();
  let started = false;
  const broker = await startFakeBroker(t, (packet, socket) => {
    if (started) speak(packet, socket, 5);
    else socket.destroy();
  });
  const a = openLink(t, broker.url, {}, clock);
  await waitOut(clock, () => broker.levels.length === 4, 'four tries');
  t.same(broker.levels, [5, 4, 5, 4]);
  t.equal(a.lines.length, 1, 'one line for all of them');
  t.match(a.lines[0], /cannot connect problem="something takes the connection and gives no answer"/);
  started = true;
  await waitOut(clock, () => a.link.up, 'the link to come up');
  t.match(a.lines.at(-1), /connected .* mqtt=5/);

  const before = broker.levels.length;
  started = false;
  broker.cut();
  await waitOut(clock, () => broker.levels.length === before + 6, 'six tries');
  t.same(
    broker.levels.slice(before),
    [5, 5, 5, 5, 4, 5],
    'who has spoken 5 is asked for it four times first',
  );
});

t.test('a broker of MQTT 5 that is replaced by one which closes on 5: 3.1.1 in the end', async (t) => {
  const clock = new ManualClock();
  let isOld = false;
  const closing = with5((socket) => socket.destroy());
  const broker = await startFakeBroker(t, (packet, socket) => {
    if (isOld) closing(packet, socket);
    else speak(packet, socket, 5);
  });
  const a = openLink(t, broker.url, {}, clock);
  await isUp(a);
  isOld = true;
  broker.cut();
  await until(() => !a.link.up, 'the link to go down');
  await waitOut(clock, () => a.link.up, 'the link to come back');
  t.same(broker.levels, [5, 5, 5, 5, 5, 4]);
});

for (const protocol of ['5', '3.1.1'] as const) {
  t.test(`told to speak ${protocol} only, it does`, async (t) => {
    const clock = new ManualClock();
    const broker = await startFakeBroker(t, (_, socket) => socket.end(Buffer.from(REFUSED_311)));
    const a = openLink(t, broker.url, { protocol }, clock);
    await waitOut(clock, () => broker.levels.length === 3, 'three tries');
    t.same(new Set(broker.levels), new Set([protocol === '5' ? 5 : 4]));
    t.match(a.lines, [/cannot connect problem="the broker does not speak this version of MQTT"/]);
    t.equal(a.lines.length, 1);
  });
}

t.test('tries are half a second apart at first, then up to five, spread by chance', async (t) => {
  const clock = new ManualClock();
  const broker = await startFakeBroker(t, (_, socket) => socket.destroy());
  // The client hears of each end when the system gets round to it; only then does the waiting begin.
  const waits: number[] = [];
  const schedule = clock.schedule.bind(clock);
  clock.schedule = (delayMs, call) => {
    if (delayMs !== CONNECT_TIMEOUT_MS) waits.push(delayMs);
    return schedule(delayMs, call);
  };
  const a = openLink(t, broker.url, {}, clock);
  for (const [index, waitMs] of [500, 1_000, 2_000, 4_000, 5_000, 5_000].entries()) {
    await until(() => waits.length === index + 1, `the end of try ${index + 1}`);
    t.equal(broker.levels.length, index + 1);
    clock.advance(waitMs * 0.999 - 1);
    await settle(20);
    t.equal(broker.levels.length, index + 1, `not before ${waitMs} ms`);
    clock.advance(1);
  }
  await until(() => waits.length === 7, 'the end of try 7');
  t.equal(a.lines.length, 1, 'a broker that is away is one line');
  t.equal(backoffMs(0, 0), 0);
  t.equal(backoffMs(99, 1), LONGEST_WAIT_MS);
});

t.test('problems that take turns are a few lines, not one a try', async (t) => {
  const clock = new ManualClock();
  let tries = 0;
  const broker = await startFakeBroker(t, (_, socket) => {
    tries += 1;
    socket.end(Buffer.from([0x20, 2, 0, 2 + (tries % 40)]));
  });
  const a = openLink(t, broker.url, { protocol: '3.1.1' }, clock);
  await waitOut(clock, () => tries >= 60, 'many tries');
  t.ok(a.lines.length <= 8, `${a.lines.length} lines`);
});

t.test('closing ends while the broker has not answered yet', async (t) => {
  const broker = await startFakeBroker(t, () => {});
  const a = openLink(t, broker.url);
  await until(() => broker.taken === 1, 'a connection');
  await a.link.close();
  t.equal(a.ups, 0);
});

for (const [version, code, words] of [
  ['3.1.1', 0x80, 'the broker gives no reason'],
  ['5', 0x87, 'not authorized'],
] as const) {
  t.test(`a ${version} broker that refuses a subscription is not taken for a connection`, async (t) => {
    const level = version === '5' ? 5 : 4;
    const broker = await startFakeBroker(t, (packet, socket) => {
      if (packet.type !== PACKET.subscribe) return speak(packet, socket, level);
      const [high = 0, low = 0] = packet.body;
      // MQTT 3.1.1 clause 3.9, MQTT 5 clause 3.9.
      socket.write(Buffer.from(level === 5 ? [0x90, 4, high, low, 0, code] : [0x90, 3, high, low, code]));
    });
    const a = openLink(t, broker.url, { protocol: version });
    await until(() => a.lines.length > 0, 'a word about it');
    t.match(a.lines[0], /cannot connect problem="the broker refuses a subscription to to\/\+ /);
    t.match(a.lines[0], words);
    t.equal(a.link.up, false);
    t.equal(a.ups, 0);
    await a.link.close();
  });
}

t.test('a broker that never confirms a subscription is tried anew', async (t) => {
  const clock = new ManualClock();
  const broker = await startFakeBroker(t, (packet, socket) => {
    if (packet.type !== PACKET.subscribe) speak(packet, socket, 5);
  });
  const a = openLink(t, broker.url, {}, clock);
  await waitOut(clock, () => broker.taken >= 2, 'a second try');
  t.match(a.lines[0], /cannot connect problem="the broker does not confirm subscriptions"/);
});

t.test('a session taken over is told as such, and not fought for', async (t) => {
  const clock = new ManualClock();
  const sockets: Socket[] = [];
  const broker = await startFakeBroker(t, (packet, socket) => {
    if (packet.type === PACKET.connect) sockets.push(socket);
    speak(packet, socket, 5);
  });
  const a = openLink(t, broker.url, {}, clock);
  await isUp(a);
  // DISCONNECT, session taken over: MQTT 5 clause 3.14.2.1. The connection is the client's to close.
  sockets[0]?.write(Buffer.from([0xe0, 2, 0x8e, 0]));
  await until(() => a.downs === 1, 'the link to go down');
  t.equal(a.takenOver, 1);
  t.match(a.lines.at(-1), /connection lost problem="another client has come under the same name"/);
  await settle(50);
  clock.advance(LONGEST_WAIT_MS * 0.999 - 1);
  await settle(50);
  t.equal(broker.taken, 1, 'two of a name do not throw each other out many times a second');
  clock.advance(1);
  await isUp(a);
});

t.test('a loss that is no take-over is not told as one', async (t) => {
  const broker = await startFakeBroker(t, (packet, socket) => speak(packet, socket, 5));
  const a = openLink(t, broker.url, {}, new ManualClock());
  await isUp(a);
  broker.cut();
  await until(() => a.downs === 1, 'the link to go down');
  t.equal(a.takenOver, 0);
});

t.test('no more messages are under way than the broker takes', async (t) => {
  const unanswered: Buffer[] = [];
  const sockets = new Set<Socket>();
  const broker = await startFakeBroker(t, (packet, socket) => {
    if (packet.type === PACKET.connect) socket.write(connack(0x21, 0, 2));
    else if (packet.type === PACKET.publish) {
      const topicBytes = packet.body.readUInt16BE(0);
      unanswered.push(packet.body.subarray(2 + topicBytes, 4 + topicBytes));
    } else speak(packet, socket, 5);
    sockets.add(socket);
  });
  const a = openLink(t, broker.url);
  await isUp(a);
  const done: number[] = [];
  const publishing = [0, 1, 2, 3, 4].map((n) =>
    a.link.publish('to/a', Buffer.from(`${n}`)).then(() => done.push(n)),
  );
  for (const expected of [2, 2, 2, 2, 1]) {
    await until(() => unanswered.length >= expected, `${expected} under way`);
    await settle(50);
    t.equal(unanswered.length, expected);
    const id = unanswered.shift() ?? Buffer.alloc(2);
    for (const socket of sockets) socket.write(Buffer.from([0x40, 2, ...id]));
  }
  await Promise.all(publishing);
  t.same(done, [0, 1, 2, 3, 4], 'in order');
});

t.test('a message that the broker refuses rejects its publish, and is a line', async (t) => {
  const broker = await startFakeBroker(t, (packet, socket) => {
    if (packet.type !== PACKET.publish) return speak(packet, socket, 5);
    const topicBytes = packet.body.readUInt16BE(0);
    // MQTT 5 clause 3.4: not authorized.
    socket.write(Buffer.from([0x40, 3, ...packet.body.subarray(2 + topicBytes, 4 + topicBytes), 0x87]));
  });
  const a = openLink(t, broker.url);
  await isUp(a);
  for (let time = 0; time < 2; time++) {
    await t.rejects(a.link.publish('to/a', Buffer.from('x')), { code: 'mqtt.refused', disposition: 'retry' });
  }
  t.equal(a.link.up, true);
  t.match(a.lines.slice(1), [/message refused topic=to\/a problem="not authorized/]);
  t.equal(a.lines.length, 2, 'once');
});
