import { inSeconds } from '../report.js';
import { type Bench, expect, type Scenario, serving } from './scenario.js';

/** The unit's `WatchdogSec`. */
const WATCHDOG_MS = 10_000;
/** The character device lets a line go when its holder is gone; what else there is, is the look at it. */
const HELPER_MS = 10_000;
/** Node comes up with the command that makes the outputs safe; loading that takes several times as long as Node alone. */
const STARTS_OF_NODE = 10;

type Stop = 'KILL' | 'STOP';

/** Who makes the line fall: the helper that holds it, or a command that Node has to be started for. */
export type Falls = 'by helper' | 'by command';

/** How long Node takes to start and end here and now: a processor is as slow as its host has other things to do. */
async function startOfNodeMs({ gate }: Bench): Promise<number> {
  const began = performance.now();
  await gate.machine.agent.run('node -e 0');
  return performance.now() - began;
}

/** Stops the daemon by a signal while the relay is on: the line falls, the daemon comes back, the next card opens. */
export async function stopInPulse(bench: Bench, signal: Stop, falls: Falls): Promise<void> {
  const { gate, note } = bench;
  const { edges } = gate.machine.lines;
  const untilDeadMs = signal === 'STOP' ? WATCHDOG_MS : 0;
  const untilSafeMs = falls === 'by helper' ? HELPER_MS : STARTS_OF_NODE * (await startOfNodeMs(bench));
  const before = await gate.processId();
  const from = gate.mark;
  const edgesFrom = gate.edgeMark;
  const { edge } = await gate.put();
  const killed = await gate.machine.agent.run(`cut -d' ' -f1 /proc/uptime; kill -${signal} ${before}`);
  gate.module.lift();
  const isFall = (one: { readonly line: number; readonly level: number; readonly what: string }) =>
    one.line === edge.line && one.level === 0 && one.what === 'set';
  await gate.machine.lines.untilLevel(edge.line, 0, untilDeadMs + untilSafeMs);
  const upMs = performance.now() - edge.seenMs;
  const fall = edges.since(edgesFrom).find(isFall);
  const isEarly = fall !== undefined && fall.atMs < Number(killed) * 1000;
  expect('whether the pulse was over before the signal came', isEarly, false);
  const by = fall?.by ?? 'the kernel';
  note(`SIG${signal} in the pulse: the line was up for ${inSeconds(upMs)}; it fell by ${by}`);
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
    await stopInPulse(bench, 'KILL', 'by command');
  },
};

export const frozen: Scenario = {
  name: 'frozen',
  title: 'a frozen loop: the watchdog ends it, the line falls, the daemon is back, the next card opens',
  short: true,
  async run(bench) {
    await serving(bench);
    await stopInPulse(bench, 'STOP', 'by command');
  },
};
