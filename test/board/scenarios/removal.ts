import { aptInstall } from '../install.js';
import { expect, type Scenario, serving } from './scenario.js';
import { tapsOf } from './taps.js';

const APT_WITHIN_MS = 600_000;
const APT = 'DEBIAN_FRONTEND=noninteractive apt-get -y';
const OF_THE_GATE = ['/etc/cardpad', '/var/lib/cardpad', '/run/cardpad', '/usr/lib/cardpad'];

export const removal: Scenario = {
  name: 'removal',
  title: 'apt remove ends a gate and keeps what it knew, install brings it back, purge leaves nothing',
  async run(bench) {
    const { gate, outside, choices } = bench;
    const { agent } = gate.machine;
    await serving(bench);
    const before = await gate.tap();
    await agent.run(`${APT} remove cardpad`, APT_WITHIN_MS);
    expect('the level of the gate behind remove', await gate.level('gate'), 0);
    expect('the service behind remove', await gate.property('ActiveState'), 'inactive');
    expect('the processes left', await agent.run('pgrep -u cardpad -c || true'), '0');

    await aptInstall(gate.machine, 'cardpad.deb');
    await serving(bench);
    const after = await gate.tap();
    await outside.hasTap(choices.device, after.decided.tap);
    expect('taps at central', (await tapsOf(bench)).join(' '), `${before.decided.tap} ${after.decided.tap}`);

    await agent.run(`${APT} purge cardpad`, APT_WITHIN_MS);
    expect('what purge leaves', await agent.run(`ls -d ${OF_THE_GATE.join(' ')} 2>/dev/null || true`), '');
    const dpkg = await agent.run('dpkg-query --show cardpad 2>/dev/null || true');
    expect('what dpkg knows of it', dpkg, '');
  },
};
