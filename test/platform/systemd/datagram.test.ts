import { execFileSync } from 'node:child_process';
import t from 'tap';
import { datagramSender } from '../../../platform/systemd/datagram.js';
import { DatagramReceiver, noDatagrams, socketPath } from '../../support/datagrams.js';
import { until } from '../../support/waiting.js';

const SENDER = new URL('../../../platform/systemd/datagram.js', import.meta.url).href;

t.test('datagrams arrive whole and in order', { skip: noDatagrams }, async (t) => {
  const receiver = await DatagramReceiver.open(t);
  const send = await datagramSender(receiver.path);
  const long = Buffer.alloc(60_000, 'x');
  t.ok(send(Buffer.from('one')));
  t.ok(send(long));
  await until(() => receiver.received.length === 2, 'two datagrams');
  t.same(receiver.received, [Buffer.from('one'), long]);
});

t.test('a receiver that does not take: told at once, never waited for', { skip: noDatagrams }, async (t) => {
  const receiver = await DatagramReceiver.open(t);
  const send = await datagramSender(receiver.path);
  // The kernel queues net.unix.max_dgram_qlen for who does not read; the loop does not turn here, so that nobody does.
  let taken = 0;
  while (taken < 100_000 && send(Buffer.from('x'))) taken += 1;
  t.ok(taken >= 1 && taken < 100_000, `${taken} were taken`);
  await until(() => receiver.received.length === taken, 'what was taken arrives');
  t.ok(send(Buffer.from('x')), 'and then it takes again');
});

t.test(
  'a receiver that is gone takes nothing, and is found again when it is back',
  { skip: noDatagrams },
  async (t) => {
    const path = await socketPath(t);
    const send = await datagramSender(path);
    t.notOk(send(Buffer.from('nobody is here')));
    const receiver = await DatagramReceiver.open(t, path);
    t.ok(send(Buffer.from('now')));
    await until(() => receiver.received.length > 0, 'the datagram');
    t.same(receiver.texts, ['now']);
  },
);

t.test('a program that has sent ends when it has nothing to do', { skip: noDatagrams }, async (t) => {
  const { path } = await DatagramReceiver.open(t);
  const program = `const { datagramSender } = await import(${JSON.stringify(SENDER)});
(await datagramSender(${JSON.stringify(path)}))(Buffer.from('x'));`;
  const env = { ...process.env, NODE_OPTIONS: '' };
  t.doesNotThrow(() =>
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { env, timeout: 60_000 }),
  );
});

t.test('a descriptor that cannot be had is a datagram that is not taken', async (t) => {
  const createSocket = () => {
    throw new Error('socket EMFILE');
  };
  const send = await datagramSender('/run/socket', async () => ({ default: { createSocket } }));
  t.notOk(send(Buffer.from('x')));
});

for (const path of ['@abstract', 'relative/socket', `/${'x'.repeat(107)}`]) {
  t.test(`${path.slice(0, 20)} is not an address`, async (t) => {
    await t.rejects(datagramSender(path), { code: 'datagram.address' });
  });
}

t.test('without the add-on the reason is told', async (t) => {
  const load = async () => {
    throw new Error('not found');
  };
  await t.rejects(datagramSender('/run/socket', load), {
    code: 'datagram.addon-missing',
    help: /unix-dgram/,
  });
});
