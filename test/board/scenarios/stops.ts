import { inSeconds } from '../report.js';
import { type Bench, expect, type Scenario, serving } from './scenario.js';

/** The unit's `WatchdogSec`. */
const WATCHDOG_MS = 10_000;
/** The least that is wanted of what takes a fraction of a second, on a host that has other things to do. */
const SAFE_WITHIN_MS = 10_000;

const STOPPED_WITHIN_MS = 240_000;

type Stop = 'KILL' | 'STOP';

/** Who makes the line fall: the helper that holds it, or the program that the service runs behind a gate that ended. */
export type Falls = 'helper' | 'outputs-safe';

/** The slow way behind it would be Node's, and would have been said. The kernel's trace does not always have the name. */
function expectByPlan({ gate }: Bench, by: string | undefined, from: number): void {
  expect('who made the line fall', by === '<...>' ? 'outputs-safe' : by, 'outputs-safe');
  const slow = gate.machine.log.entries.since(from).find(({ message }) => /^outputs-safe: /.test(message));
  expect('why the plan was not taken', slow?.message, undefined);
}

/** Stops the daemon by a signal while the relay is on: the line falls, the daemon comes back, the next card opens. */
export async function stopInPulse(bench: Bench, signal: Stop, falls: Falls): Promise<void> {
  const { gate, note } = bench;
  const { edges } = gate.machine.lines;
  const untilDeadMs = signal === 'STOP' ? WATCHDOG_MS : 0;
  const before = await gate.processId();
  const from = gate.mark;
  const edgesFrom = gate.edgeMark;
  // From inside: a host that is busy might not come within the pulse. A shell's own `read` takes no program.
  const stopped = gate.machine.agent.run(
    `until read -r level <${gate.levelFile('gate')} && [ "$level" = 1 ]; do sleep 0.02; done
     cut -d' ' -f1 /proc/uptime; kill -${signal} ${before}`,
    STOPPED_WITHIN_MS,
  );
  const [{ edge }, killed] = await Promise.all([gate.put(), stopped]);
  gate.module.lift();
  const isFall = (one: { readonly line: number; readonly level: number; readonly what: string }) =>
    one.line === edge.line && one.level === 0 && one.what === 'set';
  await gate.machine.lines.untilLevel(edge.line, 0, untilDeadMs + SAFE_WITHIN_MS);
  const upMs = performance.now() - edge.seenMs;
  if (falls === 'outputs-safe') await gate.edge('gate', 0, edgesFrom);
  // A line that the kernel was given back is no edge of a program.
  const fall = edges.since(edgesFrom).find(isFall);
  const afterMs = fall === undefined ? undefined : fall.atMs - Number(killed) * 1000;
  expect('whether the pulse was over before the signal came', afterMs !== undefined && afterMs < 0, false);
  if (falls === 'outputs-safe') expectByPlan(bench, fall?.by, from);
  const after = afterMs === undefined ? '' : `, ${inSeconds(afterMs)} after the signal`;
  note(
    `SIG${signal} in the pulse: the line was up for ${inSeconds(upMs)}; it fell by ${fall?.by ?? 'the kernel'}${after}`,
  );
  // Not until central answers as well: the next card is not kept waiting for that.
  await gate.ready(from, false);
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
    await stopInPulse(bench, 'KILL', 'outputs-safe');
  },
};

export const frozen: Scenario = {
  name: 'frozen',
  title: 'a frozen loop: the watchdog ends it, the line falls, the daemon is back, the next card opens',
  short: true,
  async run(bench) {
    await serving(bench);
    await stopInPulse(bench, 'STOP', 'outputs-safe');
  },
};
