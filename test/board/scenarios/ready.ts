import { inSeconds } from '../report.js';
import { expect, type Scenario } from './scenario.js';

export const ready: Scenario = {
  name: 'ready',
  title: 'the installed package starts, with its outputs at their safe level, and is ready',
  short: true,
  architectures: ['amd64', 'arm64'],
  async run(bench) {
    const { gate, note } = bench;
    const edges = gate.edgeMark;
    const from = gate.mark;
    const began = performance.now();
    await gate.order('start');
    await gate.ready(from, false);
    note(`start until cards are read: ${inSeconds(performance.now() - began)}`);
    const raised = gate.machine.lines.edges
      .since(edges)
      .filter(({ what, level }) => what === 'set' && level === 1);
    expect('the number of lines that a start raised', raised.length, 0);
    for (const line of ['gate', 'green', 'red', 'buzzer'] as const)
      expect(`the level of ${line}`, await gate.level(line), 0);
    // So soon after a boot a gate greets central at any time within half a minute, since a whole street may have come
    // back at once. Not when somebody is there.
    const card = performance.now();
    const first = await gate.tap();
    expect('the action for the first card', first.decided.action, 'open');
    note(`the first card: decided by ${first.decided.by}, edge after ${inSeconds(first.toEdgeMs)}`);
    await gate.said(/session open/, from);
    note(
      `start until the session: ${inSeconds(performance.now() - began)}, ${inSeconds(performance.now() - card)} after the first card`,
    );
    expect('the state of the service', await gate.property('ActiveState'), 'active');
    // None on a machine that has nothing else to do; udev may give the lines later than the daemon waits for them.
    note(`starts that failed before: ${await gate.property('NRestarts')}`);
    note(`systemctl says: ${await gate.property('StatusText')}`);
  },
};
