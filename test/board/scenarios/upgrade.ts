import { aptInstall } from '../install.js';
import { inSeconds } from '../report.js';
import { expect, type Scenario } from './scenario.js';
import { tapsOf } from './taps.js';

// biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg's own placeholder.
const versionOf = "dpkg-query --show --showformat='${Version}' cardpad";

const SUMS =
  'sha256sum /etc/cardpad/config.json /var/lib/cardpad/device.json /var/lib/cardpad/central.public.json';

export const upgrade: Scenario = {
  name: 'upgrade',
  title: 'an upgrade of a running gate: keys, configuration and journal stay, the new one serves',
  async run(bench) {
    const { gate, outside, choices, note } = bench;
    const { agent } = gate.machine;
    await aptInstall(gate.machine, 'previous.deb', ['--allow-downgrades']);
    const old = await agent.run(versionOf);
    const from = gate.mark;
    await gate.order('start');
    await gate.ready(from);
    const before = await gate.tap();
    const process = await gate.processId();
    const kept = await agent.run(SUMS);

    const upgraded = gate.mark;
    const began = performance.now();
    await aptInstall(gate.machine, 'cardpad.deb');
    note(`apt install over ${old}: ${inSeconds(performance.now() - began)}`);
    await gate.ready(upgraded);
    expect('whether the version is another', (await agent.run(versionOf)) !== old, true);
    expect('whether the process is another', (await gate.processId()) !== process, true);
    const now = await agent.run(SUMS);
    expect('configuration and keys', now, kept);
    const after = await gate.tap();
    await outside.hasTap(choices.device, after.decided.tap);
    expect('taps at central', (await tapsOf(bench)).join(' '), `${before.decided.tap} ${after.decided.tap}`);
  },
};
