import { expect, type Scenario } from './scenario.js';

/** An hour into 1970: what a board without a battery clock believes. */
const EARLY_S = 3600;

export const clock: Scenario = {
  name: 'clock',
  title: 'a start in 1970: the card opens, and central gets the tap with a right time',
  async run(bench) {
    const gate = await bench.bootAgain(EARLY_S);
    const year = await gate.machine.agent.run('date +%Y');
    bench.note(`the system believes to be in ${year}`);
    await gate.ready(0);
    const { decided } = await gate.tap();
    expect('the outcome', decided.outcome, 'pass');
    expect('who decided', decided.by, 'central');
    const lines = await bench.outside.hasTap(bench.choices.device, decided.tap);
    const at = lines.find(({ kind }) => kind === 'tap')?.at ?? '';
    const offS = Math.abs(Date.parse(at) - Date.now()) / 1000;
    bench.note(`central has the tap at ${at}, ${offS.toFixed(0)} s from now`);
    if (!(offS < 300)) throw new Error(`central has the tap at ${at}`);
  },
};
