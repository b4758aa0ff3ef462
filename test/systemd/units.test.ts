import { execFileSync, spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ROOT } from '../e2e/support/child.js';
import { folderOutside } from '../packaging/support/packages.js';

/** Tenths of a point: what `systemd-analyze security` calls exposure, from 0 to 100. */
const MOST_EXPOSED = 18;

const unit = join(ROOT, 'systemd/cardpad.service');
const skip = spawnSync('systemd-analyze', ['--version']).status !== 0 && 'systemd-analyze is not installed';

/** The unit as it would be where the program is this one. */
async function placed(): Promise<string> {
  const path = join(await folderOutside(), 'cardpad.service');
  const text = (await readFile(unit, 'utf8')).replaceAll(
    /\/usr\/(?:bin\/cardpad|lib\/cardpad\/outputs-safe)\b/g,
    process.execPath,
  );
  await writeFile(path, text);
  return path;
}

const verify = (path: string) => {
  const { stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', path], { encoding: 'utf8' });
  return `${stdout}${stderr}`;
};

t.test('systemd has nothing to say about the unit', { skip }, async (t) => {
  const path = await placed();
  t.equal(verify(path), '');
  // It ends with 0 whatever it finds: that it finds something at all is worth a look.
  await writeFile(path, (await readFile(path, 'utf8')).replace('RestartSec=', 'RestartSecs='));
  t.match(verify(path), 'RestartSecs');
});

t.test('its exposure is at most 1.8', { skip }, async (t) => {
  const words = ['security', '--offline=true', `--threshold=${MOST_EXPOSED}`, '--no-pager', unit];
  const { status, stdout } = spawnSync('systemd-analyze', words, { encoding: 'utf8' });
  t.equal(status, 0, stdout.trimEnd().split('\n').at(-1) ?? '');
});

t.test('it has nothing of what is known to break a gate', async (t) => {
  const text = await readFile(unit, 'utf8');
  for (const [setting, why] of [
    ['PrivateDevices=yes', 'readers and lines would be gone'],
    ['MemoryDenyWriteExecute=yes', 'V8 writes machine code'],
    ['ProcSubset=pid', 'the serial number of the board, by which its keys know it, would be gone'],
    ['DynamicUser=yes', 'keys and journal have an owner'],
  ] as const) {
    t.notMatch(text, new RegExp(`^${setting}$`, 'm'), why);
  }
  for (const device of ['ttyAMA', 'ttyS', 'ttyUSB', 'ttyACM', 'i2c', 'gpiochip']) {
    t.match(text, new RegExp(`^DeviceAllow=char-${device} rw$`, 'm'));
  }
  t.match(text, /^SystemCallFilter=@system-service @pkey$/m, 'V8 asks for memory protection keys');
  t.match(
    text,
    /^ExecStopPost=\/usr\/lib\/cardpad\/outputs-safe \/ \/usr\/bin\/cardpad outputs safe --config \/etc\/cardpad\/config\.json$/m,
  );
});

t.test('a kind of device that a driver brings later is made known before the start', async (t) => {
  const text = await readFile(unit, 'utf8');
  for (const module of ['usbserial', 'cdc_acm', 'i2c_dev']) {
    for (const setting of ['Wants', 'After']) {
      t.match(text, new RegExp(`^${setting}=.*\\bmodprobe@${module}\\.service\\b`, 'm'));
    }
  }
});

const hasUsers = spawnSync('systemd-sysusers', ['--version']).status === 0;
t.test(
  'the user and its groups come into being',
  { skip: !hasUsers && 'systemd-sysusers is not installed' },
  async (t) => {
    const root = await folderOutside();
    execFileSync('mkdir', ['-p', join(root, 'etc')]);
    execFileSync('systemd-sysusers', [`--root=${root}`, join(ROOT, 'systemd/cardpad.sysusers')], {
      stdio: 'ignore',
    });
    const groups = await readFile(join(root, 'etc/group'), 'utf8');
    for (const group of ['dialout', 'gpio', 'i2c']) t.match(groups, new RegExp(`^${group}:.*:cardpad$`, 'm'));
    t.match(
      await readFile(join(root, 'etc/passwd'), 'utf8'),
      /^cardpad:.*:\/var\/lib\/cardpad:\/usr\/sbin\/nologin$/m,
    );
  },
);

const canVerifyRules = spawnSync('udevadm', ['verify', '--version']).status === 0;
t.test(
  'udev has nothing to say about the rules',
  { skip: !canVerifyRules && 'this udevadm has no `verify` (systemd 254)' },
  async (t) => {
    const { status, stderr } = spawnSync('udevadm', ['verify', join(ROOT, 'systemd/99-cardpad.rules')], {
      encoding: 'utf8',
    });
    t.equal(status, 0, `${stderr}`);
  },
);

t.test('the helper of the rules gives what is there to the group, in one call of each program', async (t) => {
  const folder = await folderOutside();
  const line = join(folder, 'gpio17');
  execFileSync('mkdir', ['-p', line, join(folder, 'bin')]);
  for (const name of ['chgrp', 'chmod'])
    await writeFile(join(folder, 'bin', name), `#!/bin/sh\necho "${name} $*" >>"${folder}/calls"\n`, {
      mode: 0o755,
    });
  const env = { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` };
  for (const name of ['direction', 'value', 'active_low']) await writeFile(join(line, name), '');
  execFileSync('sh', [join(ROOT, 'systemd/gpio-group'), line], { env });
  const calls = (await readFile(join(folder, 'calls'), 'utf8')).trimEnd().split('\n');
  const files = ['direction', 'value', 'active_low'].map((name) => join(line, name)).join(' ');
  t.match(calls, [/^chgrp gpio /, /^chmod g\+w /]);
  for (const call of calls) t.ok(call.endsWith(files), call);
});

t.test('every jump of the udev rules has its label', async (t) => {
  const rules = await readFile(join(ROOT, 'systemd/99-cardpad.rules'), 'utf8');
  const labels = [...rules.matchAll(/\bLABEL="(\w+)"/g)].map(([, name = '']) => name);
  const jumps = [...rules.matchAll(/\bGOTO="(\w+)"/g)].map(([, name = '']) => name);
  t.ok(jumps.length > 0);
  for (const jump of jumps) t.ok(labels.includes(jump), jump);
});
