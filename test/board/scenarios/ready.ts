import { expect, type Scenario, serving } from './scenario.js';

export const ready: Scenario = {
  name: 'ready',
  title: 'the installed package starts, with its outputs at their safe level, and is ready',
  short: true,
  architectures: ['amd64', 'arm64'],
  async run(bench) {
    const { gate, note } = bench;
    const edges = gate.edgeMark;
    await serving(bench);
    const raised = gate.machine.lines.edges
      .since(edges)
      .filter(({ what, level }) => what === 'set' && level === 1);
    expect('the number of lines that a start raised', raised.length, 0);
    for (const line of ['gate', 'green', 'red', 'buzzer'] as const)
      expect(`the level of ${line}`, await gate.level(line), 0);
    expect('the state of the service', await gate.property('ActiveState'), 'active');
    // None on a machine that has nothing else to do; udev may give the lines later than the daemon waits for them.
    note(`starts that failed before: ${await gate.property('NRestarts')}`);
    note(`systemctl says: ${await gate.property('StatusText')}`);
  },
};
