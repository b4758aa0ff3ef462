import { expect, type Scenario, serving } from './scenario.js';

const GATE_PIN = 5;
const WITHIN_MS = 60_000;

/** The board's own GPIO chip, with no module of ours in the kernel, seen at its pins. */
export const pins: Scenario = {
  name: 'pins',
  title: "a card raises and lowers the pin of the board's own chip",
  architectures: ['arm64'],
  async run(bench) {
    const { gate, note } = bench;
    await serving(bench);
    const { qtest } = gate.machine;
    if (qtest === undefined) throw new Error('nothing looks at the pins');
    const from = qtest.edges.count;
    const began = performance.now();
    const tap = gate.tap();
    const at = (level: 0 | 1) => (one: { readonly pin: number; readonly level: number }) =>
      one.pin === GATE_PIN && one.level === level;
    await qtest.edges.first(at(1), 'rise of the gate pin', from, WITHIN_MS);
    note(`card to pin: ${((performance.now() - began) / 1000).toFixed(2)} s`);
    await qtest.edges.first(at(0), 'fall of the gate pin', from, WITHIN_MS);
    const { decided } = await tap;
    expect('the outcome', decided.outcome, 'pass');
    expect('the level of the gate afterwards', await gate.level('gate'), 0);
  },
};
