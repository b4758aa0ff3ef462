import { setTimeout as pause } from 'node:timers/promises';
import { inSeconds } from '../report.js';
import { expect, type Scenario } from './scenario.js';

/** Longer than any pulse: a relay that is still on then is held. */
const HELD_MS = 3_000;

export const inputs: Scenario = {
  name: 'inputs',
  title: 'the help button calls somebody; fire holds the relay, and its end lets it go',
  async run({ gate, choices, note }) {
    await gate.configure({ ...choices, inputs: ['help', 'fire'] });
    const from = gate.mark;
    await gate.order('start');
    await gate.ready(from);

    const pressed = { log: gate.mark, edges: gate.edgeMark, atMs: performance.now() };
    await gate.drive('help', 1);
    const called = await gate.edge('staff', 1, pressed.edges);
    await gate.said(/alarm alarm=help\.pressed/, pressed.log);
    note(`help: from the button to the call ${inSeconds(called.seenMs - pressed.atMs)}`);
    await gate.drive('help', 0);
    const { decided } = await gate.tap();
    expect('the outcome while somebody is called', decided.outcome, 'pass');

    const fire = { log: gate.mark, edges: gate.edgeMark, atMs: performance.now() };
    await gate.drive('fire', 1);
    const freed = await gate.edge('gate', 1, fire.edges);
    await gate.said(/alarm alarm=fire\.active/, fire.log);
    note(`fire: from the contact to the relay ${inSeconds(freed.seenMs - fire.atMs)}`);
    await pause(HELD_MS);
    expect('the level of the gate in a fire', await gate.level('gate'), 1);

    const over = { log: gate.mark, edges: gate.edgeMark };
    await gate.drive('fire', 0);
    await gate.edge('gate', 0, over.edges);
    await gate.said(/alarm alarm=fire\.over/, over.log);
    expect('the level of the gate after it', await gate.level('gate'), 0);
    await gate.tap();
  },
};
