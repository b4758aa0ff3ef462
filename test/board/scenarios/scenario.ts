import type { Gate } from '../gate.js';
import type { Architecture } from '../machine/arguments.js';
import type { Outside } from '../outside.js';
import type { ConfigChoices } from '../wiring.js';

/** A board with the package installed, the gate enrolled, and its daemon not running unless `start` was called. */
export interface Bench {
  readonly gate: Gate;
  readonly outside: Outside;
  readonly choices: ConfigChoices;
  /** A figure for the log of the run. */
  note(words: string): void;
  /** Cuts the power and boots the same disk; the gate is the new machine's. @param clock seconds since 1970 */
  bootAgain(clock?: number): Promise<Gate>;
}

export interface Scenario {
  readonly name: string;
  /** What is true when it has run. */
  readonly title: string;
  /** Whether it is one of those that CI runs, all on one machine and in their order. */
  readonly short?: true;
  /** Where it can be run; default: on amd64 alone. */
  readonly architectures?: readonly Architecture[];
  run(bench: Bench): Promise<void>;
}

/** @throws Error with both when they differ */
export function expect(what: string, found: unknown, wanted: unknown): void {
  if (found !== wanted)
    throw new Error(`${what} is ${JSON.stringify(found)}, and should be ${JSON.stringify(wanted)}`);
}

/** Starts the daemon if it does not run; resolves when it reads cards and can ask central. */
export async function serving({ gate, note }: Bench): Promise<void> {
  if ((await gate.property('ActiveState')) === 'active') return;
  const from = gate.mark;
  const began = performance.now();
  await gate.order('start');
  await gate.ready(from);
  note(`start to session and reader: ${((performance.now() - began) / 1000).toFixed(2)} s`);
}
