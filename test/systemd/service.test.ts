import { chmod } from 'node:fs/promises';
import t from 'tap';
import { commandLine } from '../../scripts/cli/commands.js';
import { NODE_ABI } from '../../scripts/packaging/addons.js';
import { stageTree } from '../../scripts/packaging/tree.js';
import { ROOT } from '../e2e/support/child.js';
import { folderOutside, OWN, RELEASE, whyNotBuilt } from '../packaging/support/packages.js';
import { Machine, prepareGate, whyNoMachine } from './support/machine.js';

const CONFIG = {
  device: 'gz-bus-a1',
  site: 'gz-bus',
  lane: { name: 'A1', direction: 'entry' },
  broker: { url: 'mqtt://127.0.0.1:1' },
  readers: [{ kind: 'id-card', port: 'tcp://127.0.0.1:1' }],
  gpio: { backend: 'sim:/run/cardpad/gpio' },
  outputs: {
    lamps: { green: 'green', yellow: 'yellow', red: 'red' },
    buzzer: 'buzzer',
    gate: { line: 'gate', pulseMs: 300 },
  },
  dataDir: '/var/lib/cardpad',
};
/** As installed, but for the times. A gate that is not started again shows what was done after it ended. */
const QUICK = '[Service]\nWatchdogSec=4\nRestart=no\n';
const CENTRAL = '/root/central';

const otherNode = Number(process.versions.modules) !== NODE_ABI && 'the add-ons are for another Node';
const skip = whyNoMachine() || otherNode || (await whyNotBuilt(OWN));
const hasOutputs = (await commandLine()).commands.some(({ name }) => name === 'outputs');

t.test('the service, under a real systemd', { skip }, async (t) => {
  const files = await folderOutside();
  await chmod(files, 0o755);
  await stageTree(ROOT, RELEASE, OWN, files);
  await prepareGate(files, JSON.stringify(CONFIG), QUICK);
  const machine = await Machine.boot(t, files);
  const sh = (command: string) => machine.run('sh', '-c', command);
  const systemctl = (...words: string[]) => machine.run('systemctl', ...words);
  const line = async (name: string) => (await sh(`cat /run/cardpad/gpio/${name}`)).out.trim();
  await machine.run('systemd-tmpfiles', '--create', 'cardpad.conf');

  t.test('all that follows is on a root that is read-only', async (t) => {
    for (const folder of ['/', '/etc', '/usr/lib/cardpad', '/var/lib', '/var/tmp']) {
      t.not((await sh(`touch ${folder}/attempt 2>/dev/null`)).code, 0, folder);
    }
  });

  t.test('without a configuration it does not start, and that is no failure', async (t) => {
    t.equal((await systemctl('start', 'cardpad')).code, 0);
    t.equal(await machine.show('ActiveState'), 'inactive');
    t.equal((await systemctl('is-failed', 'cardpad')).out.trim(), 'inactive');
  });

  t.test('without keys the start fails at once, in words', async (t) => {
    await sh('mv /etc/cardpad/config.json.off /etc/cardpad/config.json');
    t.not((await systemctl('start', 'cardpad')).code, 0);
    t.equal(await machine.show('Result'), 'exit-code');
    t.match((await machine.run('journalctl', '-u', 'cardpad', '-o', 'cat')).out, 'identity.missing');
    await systemctl('reset-failed', 'cardpad');
  });

  t.test('made ready by its own user, it is started when it can take cards', async (t) => {
    const provision = `cardpad provision --data /var/lib/cardpad --device ${CONFIG.device} --central /tmp/central.json`;
    const { code } = await sh(
      `cardpad central init --data ${CENTRAL} && cp ${CENTRAL}/central.public.json /tmp/central.json &&
       chmod 644 /tmp/central.json && runuser -u cardpad -- ${provision}`,
    );
    t.equal(code, 0);
    t.equal((await systemctl('start', 'cardpad')).code, 0);
    t.equal(await machine.show('ActiveState'), 'active');
    t.match(await machine.show('StatusText'), /^lane A1: /);
    t.match((await sh('ps -o user= -p $(systemctl show -P MainPID cardpad)')).out, /^cardpad/);
  });

  t.test('its log is in the journal, field by field', async (t) => {
    const { out } = await machine.run('journalctl', '-o', 'json', 'CARDPAD_EVENT=gate started');
    t.match(JSON.parse(out.split('\n')[0] ?? ''), {
      MESSAGE: /^gate started device=gz-bus-a1/,
      PRIORITY: '6',
      SYSLOG_IDENTIFIER: 'cardpad',
      CARDPAD_DEVICE: 'gz-bus-a1',
      CARDPAD_LANE: 'A1',
      _SYSTEMD_UNIT: 'cardpad.service',
      _TRANSPORT: 'journal',
    });
  });

  t.test('it can write nowhere but to its own folders: a read-only root is enough', async (t) => {
    const own = ['/var/lib/cardpad', '/run/cardpad', '/tmp'];
    const others = [
      '',
      '/etc',
      '/etc/cardpad',
      '/usr',
      '/usr/lib/cardpad',
      '/var',
      '/var/lib',
      '/run',
      '/home',
      '/var/tmp',
      '/root',
    ];
    const inside =
      'nsenter -m -t $(systemctl show -P MainPID cardpad) -- setpriv --reuid cardpad --clear-groups sh -c';
    const attempt =
      'for folder do touch "$folder/attempt" 2>/dev/null && rm "$folder/attempt" && echo "$folder"; done';
    const { out } = await sh(
      `${inside} '${attempt}' - ${[...own, ...others].map((path) => `'${path}'`).join(' ')}`,
    );
    t.same(out.trim().split('\n'), own);
  });

  t.test('a stop is clean, and its outputs are safe', async (t) => {
    t.equal((await systemctl('stop', 'cardpad')).code, 0);
    t.equal(await line('gate'), '0');
    if (hasOutputs) t.equal(await machine.show('Result'), 'success');
  });

  const skipOutputs = !hasOutputs && 'there is no command `outputs` yet';
  t.test('killed while the relay is on, the relay goes off without it', { skip: skipOutputs }, async (t) => {
    await systemctl('start', 'cardpad');
    await sh('echo 1 > /run/cardpad/gpio/gate; systemctl kill --signal=KILL --kill-who=main cardpad');
    await machine.shows('ActiveState', /^failed$/);
    t.equal(await machine.show('Result'), 'signal');
    t.equal(await line('gate'), '0');
    await systemctl('reset-failed', 'cardpad');
  });

  t.test(
    'frozen while the relay is on, the watchdog ends it and the relay goes off',
    { skip: skipOutputs },
    async (t) => {
      await systemctl('start', 'cardpad');
      await sh('echo 1 > /run/cardpad/gpio/gate; systemctl kill --signal=STOP --kill-who=main cardpad');
      await machine.shows('ActiveState', /^failed$/);
      t.equal(await machine.show('Result'), 'watchdog');
      t.equal(await line('gate'), '0');
      await systemctl('reset-failed', 'cardpad');
    },
  );

  const saidBySafe = async () =>
    (await machine.run('journalctl', '-o', 'cat')).out.match(/^outputs-safe: .*$/gm) ?? [];
  t.test('each time by the plan that it left, which takes no Node', async (t) => {
    await systemctl('start', 'cardpad');
    const run = (await machine.show('InvocationID')).trim();
    t.match(
      (await sh('cat /run/cardpad/outputs')).out,
      `cardpad outputs 1 ${run}\nsim\t/run/cardpad/gpio\tgate\t0\n`,
    );
    await systemctl('stop', 'cardpad');
    // Those of the starts that failed before there were any lines.
    for (const words of await saidBySafe())
      t.match(words, /^outputs-safe: this run of the gate has left no plan$/);
  });

  t.test('killed with a plan that is not its own, the relay goes off all the same, by Node', async (t) => {
    const before = (await saidBySafe()).length;
    await systemctl('start', 'cardpad');
    await sh(
      'sed -i "1s/ 1 .*/ 1 0123456789abcdef0123456789abcdef/" /run/cardpad/outputs; echo 1 >/run/cardpad/gpio/gate',
    );
    await systemctl('kill', '--signal=KILL', '--kill-who=main', 'cardpad');
    await machine.shows('ActiveState', /^failed$/);
    t.equal(await line('gate'), '0');
    t.same((await saidBySafe()).slice(before), ['outputs-safe: the plan is not of this run']);
    await systemctl('reset-failed', 'cardpad');
  });

  t.test('with its key as a credential it needs none on its disk', async (t) => {
    await sh(
      `mkdir -p -m 700 /etc/credstore && mv /var/lib/cardpad/device.json /etc/credstore/cardpad.device`,
    );
    t.equal((await systemctl('start', 'cardpad')).code, 0);
    t.equal(await machine.show('ActiveState'), 'active');
    await systemctl('stop', 'cardpad');
  });
});
