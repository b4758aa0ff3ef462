import t from 'tap';
import { ManualClock } from '../../../platform/clock.js';
import { PACKET, speak, startFakeBroker } from '../../support/fakeBroker.js';
import { isUp, openLink } from '../../support/openedLink.js';
import { settle, until } from '../../support/waiting.js';

t.test(
  'thrown off again and again it waits longer each time, until a connection has lasted 10 s',
  async (t) => {
    const clock = new ManualClock();
    const broker = await startFakeBroker(t, (packet, socket) => speak(packet, socket, 5));
    const a = openLink(t, broker.url, {}, clock);
    for (const [index, waitMs] of [500, 1_000, 2_000, 4_000, 5_000, 5_000].entries()) {
      await until(() => a.ups === index + 1, `connection ${index + 1}`);
      broker.cut();
      await until(() => a.downs === index + 1, `end ${index + 1}`);
      clock.advance(waitMs * 0.999 - 1);
      await settle(20);
      t.equal(broker.taken, index + 1, `not before ${waitMs} ms`);
      clock.advance(1);
    }
    await until(() => a.ups === 7, 'connection 7');
    clock.advance(10_000);
    broker.cut();
    await until(() => a.downs === 7, 'end 7');
    clock.advance(500);
    await until(() => a.ups === 8, 'connection 8');
  },
);

t.test('a subscription that may be refused keeps nobody from working', async (t) => {
  const broker = await startFakeBroker(t, (packet, socket) => {
    if (packet.type !== PACKET.subscribe) return speak(packet, socket, 5);
    // MQTT 5 clause 3.9.3: the second one is not authorized.
    socket.write(Buffer.from([0x90, 5, ...packet.body.subarray(0, 2), 0, 0, 0x87]));
  });
  const subscriptions = [
    { topic: 'to/+', qos: 0 },
    { topic: 'nice/to/have', qos: 0, optional: true },
  ] as const;
  const a = openLink(t, broker.url, { subscriptions });
  await isUp(a);
  t.match(a.lines[0], /refuses a subscription topic=nice\/to\/have/);
});
