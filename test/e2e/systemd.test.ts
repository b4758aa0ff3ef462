import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { DatagramReceiver, noDatagrams } from '../support/datagrams.js';
import { until } from '../support/waiting.js';
import { Child, CLI, mustRun } from './support/child.js';

const DEVICE = 'gz-bus-a1';
const WITHIN_MS = 60_000;

/** A provisioned gate whose broker and reader are not there. */
async function provisioned(t: Test) {
  const folder = t.testdir({});
  const data = join(folder, 'data');
  const central = join(folder, 'central');
  await mustRun(t, ['central', 'init', '--data', central]);
  const publicFile = join(central, 'central.public.json');
  await mustRun(t, ['provision', '--data', data, '--device', DEVICE, '--central', publicFile]);
  const config = join(folder, 'config.json');
  const document = {
    device: DEVICE,
    site: 'gz-bus',
    lane: { name: 'A1', direction: 'entry' },
    broker: { url: 'mqtt://127.0.0.1:1' },
    readers: [{ kind: 'id-card', port: 'tcp://127.0.0.1:1' }],
    gpio: { backend: `sim:${join(folder, 'gpio')}` },
    outputs: {
      lamps: { green: 'green', yellow: 'yellow', red: 'red' },
      buzzer: 'buzzer',
      gate: { line: 'gate', pulseMs: 300 },
    },
    dataDir: data,
  };
  await writeFile(config, JSON.stringify(document));
  return { folder, data, config };
}

/** The daemon as systemd starts it: with these variables. */
function start(t: Test, config: string, variables: Readonly<Record<string, string>>): Child {
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return new Child(t, 'cardpad run', 'env', [...words, process.execPath, CLI, 'run', '--config', config]);
}

t.test(
  'systemd hears of the start, of the turning loop, of what is wrong, and of the stop',
  { skip: noDatagrams },
  async (t) => {
    const { config } = await provisioned(t);
    const systemd = await DatagramReceiver.open(t);
    const heard = (pattern: RegExp, what: string, times = 1) =>
      until(() => systemd.texts.filter((text) => pattern.test(text)).length >= times, what, WITHIN_MS);
    const child = start(t, config, { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: '400000' });
    await heard(/^READY=1$/m, 'READY=1');
    t.match(systemd.texts[0], /^EXTEND_TIMEOUT_USEC=/m, 'the start asks for time first');
    t.match(child.stderr, 'gate started', 'ready is said when cards can be read');
    await heard(/^WATCHDOG=1$/m, 'beats', 3);
    await heard(
      /^STATUS=lane A1: degraded \(reader\.lost\); without central: deciding by local rule$/m,
      'the status',
    );
    const { code } = await child.end('SIGTERM');
    t.equal(code, 0);
    await heard(/^STOPPING=1$/m, 'STOPPING=1');
    const last = systemd.texts.findIndex((text) => text.startsWith('STOPPING=1'));
    t.notMatch(systemd.texts.slice(last + 1).join('\n'), /WATCHDOG/, 'no beat after it');
  },
);

t.test('a start that fails is told of and ends, and was never ready', { skip: noDatagrams }, async (t) => {
  const { folder, data, config } = await provisioned(t);
  const systemd = await DatagramReceiver.open(t);
  await rename(join(data, 'device.json'), join(folder, 'device.json'));
  const child = start(t, config, { NOTIFY_SOCKET: systemd.path });
  const { code } = await child.exited;
  t.equal(code, 1);
  t.match(child.stderr, 'identity.missing');
  t.notMatch(systemd.texts.join('\n'), 'READY=1');
});

t.test('a socket that is not there stops no gate', async (t) => {
  const { folder, config } = await provisioned(t);
  const child = start(t, config, { NOTIFY_SOCKET: join(folder, 'nobody'), WATCHDOG_USEC: '400000' });
  await child.line(/systemd: systemd (?:does not take|is told nothing)/);
  await child.line(/gate started/);
  t.equal((await child.end('SIGTERM')).code, 0);
});

t.test('the key of the device as a credential, with none on the disk', async (t) => {
  const { folder, data, config } = await provisioned(t);
  const credentials = join(folder, 'credentials');
  await mkdir(credentials);
  await rename(join(data, 'device.json'), join(credentials, 'cardpad.device'));
  const child = start(t, config, { CREDENTIALS_DIRECTORY: credentials });
  await child.line(/gate started/);
  t.equal((await child.end('SIGTERM')).code, 0);
  await writeFile(join(credentials, 'cardpad.device'), '{}');
  const damaged = start(t, config, { CREDENTIALS_DIRECTORY: credentials });
  t.equal((await damaged.exited).code, 1);
  t.match(damaged.stderr, 'identity.damaged');
});
