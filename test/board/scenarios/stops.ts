import { inSeconds } from '../report.js';
import { type Bench, expect, type Scenario, serving } from './scenario.js';

/** The unit's WatchdogSec, and what ending, the outputs' own command and Node take in an emulated processor. */
const FROZEN_LINE_MS = 40_000;
const KILLED_LINE_MS = 30_000;

/** Stops the daemon by a signal while the relay is on; gives how long the line stayed up. */
export async function stopInPulse(
  { gate, note }: Bench,
  signal: 'KILL' | 'STOP',
  mostMs: number,
): Promise<void> {
  const before = await gate.processId();
  const from = gate.mark;
  const edges = gate.edgeMark;
  const { edge } = await gate.put();
  await gate.machine.agent.run(`kill -${signal} ${before}`);
  gate.module.lift();
  const early = gate.machine.lines.edges
    .since(edges)
    .some((one) => one.line === edge.line && one.level === 0);
  expect('whether the pulse was over before the signal came', early, false);
  await gate.said(/^Main process exited|^Watchdog timeout|code=killed/, from);
  await gate.machine.lines.untilLevel(edge.line, 0, mostMs);
  const upMs = performance.now() - edge.seenMs;
  note(`SIG${signal} in the pulse: the line was up for ${inSeconds(upMs)}`);
  if (upMs > mostMs)
    throw new Error(`the line was up for ${inSeconds(upMs)}, the most is ${inSeconds(mostMs)}`);
  await gate.ready(from);
  expect('whether it is another process', (await gate.processId()) !== before, true);
  expect('the level of the gate after the new start', await gate.level('gate'), 0);
  note(`SIG${signal} in the pulse: ready again after ${inSeconds(performance.now() - edge.seenMs)}`);
  await gate.tap();
}

export const killed: Scenario = {
  name: 'killed',
  title: 'SIGKILL in the middle of a pulse: the line falls, the daemon is back, the next card opens',
  short: true,
  async run(bench) {
    await serving(bench);
    await stopInPulse(bench, 'KILL', KILLED_LINE_MS);
  },
};

export const frozen: Scenario = {
  name: 'frozen',
  title: 'a frozen loop: the watchdog ends it, the line falls, the daemon is back, the next card opens',
  short: true,
  async run(bench) {
    await serving(bench);
    await stopInPulse(bench, 'STOP', FROZEN_LINE_MS);
  },
};
