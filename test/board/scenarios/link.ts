import { inSeconds } from '../report.js';
import { expect, type Scenario, serving } from './scenario.js';
import { tapsOf } from './taps.js';

export const broker: Scenario = {
  name: 'broker',
  title: 'the broker dies and comes back: cards open meanwhile, and central gets each tap once',
  async run(bench) {
    const { gate, outside, choices, note } = bench;
    await serving(bench);
    const before = await gate.tap();
    const gone = gate.mark;
    await outside.site.pullNetwork();
    await gate.said(/broker: connection lost/, gone);
    const without = [await gate.tap(), await gate.tap(), await gate.tap()];
    for (const { decided } of without) {
      expect('the action without a broker', decided.action, 'open');
      expect('who decided without a broker', decided.by, 'local');
    }
    const back = gate.mark;
    const backMs = performance.now();
    await outside.site.restoreNetwork();
    // The session of before goes on: it is central's, not the broker's.
    await gate.said(/broker: connected/, back);
    note(`the broker is back: connected after ${inSeconds(performance.now() - backMs)}`);
    const after = await gate.tap();
    expect('who decides with the broker', after.decided.by, 'central');
    const wanted = [before, ...without, after].map(({ decided }) => decided.tap);
    await outside.hasTap(choices.device, after.decided.tap);
    expect('taps at central', (await tapsOf(bench)).join(' '), wanted.join(' '));
  },
};
