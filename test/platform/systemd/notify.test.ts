import t from 'tap';
import { ManualClock } from '../../../platform/clock.js';
import { createLog } from '../../../platform/log.js';
import {
  beatEveryMs,
  type NotifyEnvironment,
  type NotifyOptions,
  serviceManager,
} from '../../../platform/systemd/notify.js';

/** A systemd that writes down what it is told. */
async function told(environment: NotifyEnvironment, options: Partial<NotifyOptions> = {}) {
  const clock = new ManualClock();
  const messages: string[] = [];
  const lines: string[] = [];
  const systemd = { takes: true, status: 'lane A1: ready' };
  const manager = await serviceManager({
    environment,
    clock,
    log: createLog((line) => lines.push(line)),
    status: () => systemd.status,
    processId: 7,
    open: async () => (bytes) => {
      if (systemd.takes) messages.push(bytes.toString('utf8'));
      return systemd.takes;
    },
    ...options,
  });
  return { clock, messages, lines, systemd, manager };
}

const SOCKET = { NOTIFY_SOCKET: '/run/systemd/notify' };

for (const [environment, every] of [
  [{}, undefined],
  [{ WATCHDOG_USEC: '10000000' }, 5000],
  [{ WATCHDOG_USEC: '10000000', WATCHDOG_PID: '7' }, 5000],
  [{ WATCHDOG_USEC: '10000000', WATCHDOG_PID: '8' }, undefined],
  [{ WATCHDOG_USEC: '1' }, 1],
  [{ WATCHDOG_USEC: '0' }, undefined],
  [{ WATCHDOG_USEC: '-5' }, undefined],
  [{ WATCHDOG_USEC: 'soon' }, undefined],
  [{ WATCHDOG_USEC: '' }, undefined],
] as const) {
  t.test(`${JSON.stringify(environment)}: a beat every ${every ?? 'never'} ms`, async (t) => {
    t.equal(beatEveryMs(environment, 7), every);
  });
}

t.test('a program that systemd did not start, or does not ask, tells nobody', async (t) => {
  for (const environment of [{}, { NOTIFY_SOCKET: '' }]) {
    const { manager, messages, clock } = await told(environment);
    manager.ready();
    clock.advance(60_000);
    manager.stopping();
    t.same(messages, []);
  }
});

t.test('ready, then a beat at half of the watchdog, then stopping and no word more', async (t) => {
  const { manager, messages, clock } = await told({ ...SOCKET, WATCHDOG_USEC: '10000000' });
  messages.length = 0;
  manager.ready();
  clock.advance(10_000);
  manager.stopping();
  clock.advance(60_000);
  t.same(messages, [
    'READY=1\nSTATUS=lane A1: ready',
    'WATCHDOG=1',
    'WATCHDOG=1',
    'WATCHDOG=1',
    'STOPPING=1\nSTATUS=stopping',
  ]);
});

t.test('a loop that does not turn does not feed the watchdog', async (t) => {
  const { manager, messages } = await told({ ...SOCKET, WATCHDOG_USEC: '10000000' });
  manager.ready();
  const before = messages.length;
  // Time that passes without the clock's calls is a loop that hangs.
  await Promise.resolve();
  t.equal(messages.length, before);
});

t.test('the status is told when it has changed, whether there is a watchdog or not', async (t) => {
  for (const watchdog of [{}, { WATCHDOG_USEC: '10000000' }]) {
    const { manager, messages, clock, systemd } = await told({ ...SOCKET, ...watchdog });
    manager.ready();
    clock.advance(20_000);
    systemd.status = 'lane A1: degraded\n(reader.lost)';
    messages.length = 0;
    clock.advance(20_000);
    const statuses = messages.filter((message) => message.includes('STATUS'));
    t.match(statuses, [/STATUS=lane A1: degraded \(reader\.lost\)$/]);
    t.equal(statuses.length, 1);
  }
});

t.test('a long start asks for more time, and one without an end does not ask for ever', async (t) => {
  const { messages, clock } = await told(SOCKET);
  t.same(messages, ['EXTEND_TIMEOUT_USEC=30000000\nSTATUS=starting']);
  clock.advance(60_000);
  t.equal(messages.length, 13, 'every five seconds');
  clock.advance(3_600_000);
  t.ok(messages.length <= 37, 'for three minutes');
});

t.test('a systemd that takes nothing is told of once, and again after it took something', async (t) => {
  const { manager, lines, clock, systemd } = await told({ ...SOCKET, WATCHDOG_USEC: '10000000' });
  systemd.takes = false;
  manager.ready();
  clock.advance(60_000);
  t.equal(lines.length, 1);
  t.match(lines[0], /warn +systemd does not take what it is told/);
  systemd.takes = true;
  clock.advance(5_000);
  systemd.takes = false;
  clock.advance(5_000);
  t.equal(lines.length, 2);
});

t.test('where systemd cannot be told, the log says so once and the program goes on', async (t) => {
  const { manager, lines } = await told({ NOTIFY_SOCKET: '@abstract' }, { open: undefined as never });
  manager.ready();
  manager.stopping();
  t.equal(lines.length, 1);
  t.match(lines[0], /warn +systemd is told nothing problem="@abstract is not the path of a socket"/);
});
