import { expect, type Scenario } from './scenario.js';
import { stopInPulse } from './stops.js';

/** With no `sysfs:` in it, the kernel's character device alone has to do. */
export const characterDevice: Scenario = {
  name: 'gpiochip',
  title: 'the same by the character device: tap, SIGKILL and a frozen loop in the pulse',
  async run(bench) {
    const { gate, choices } = bench;
    await gate.configure({ ...choices, backend: 'gpiochip:' });
    const from = gate.mark;
    await gate.order('start');
    await gate.ready(from);
    const exported = await gate.machine.agent.run('ls -d /sys/class/gpio/gpio[0-9]* 2>/dev/null | wc -l');
    expect('the number of lines in sysfs', exported, '0');
    const { decided } = await gate.tap();
    expect('the outcome', decided.outcome, 'pass');
    await stopInPulse(bench, 'KILL', 'helper');
    await stopInPulse(bench, 'STOP', 'helper');
  },
};
