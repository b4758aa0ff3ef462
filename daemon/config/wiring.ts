import type { LineAt } from '../../drivers/gpio/gpio.js';
import { isSameLine } from '../../drivers/gpio/probe.js';
import { nearest } from '../../platform/suggest.js';

/** A line in use. */
export interface Used {
  /** Where the configuration says so. */
  readonly path: string;
  readonly line: string;
  readonly isOutput: boolean;
}

export interface WiringProblem {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

interface Wiring {
  readonly backend?: string;
  readonly lines?: Readonly<Record<string, LineAt | undefined>>;
}

function notWired({ path, line }: Used, names: readonly string[]): WiringProblem {
  const meant = nearest(line, names);
  const hint = meant === undefined ? '' : `; did you mean ${meant}?`;
  const message = `uses the line "${line}", and gpio.lines does not say where that is${hint}`;
  return { path, code: 'config.line-unknown', message };
}

/** Two names for one line would let one of them undo what the other did. */
function sharedLines(entries: readonly (readonly [string, LineAt])[]): WiringProblem[] {
  return entries.flatMap(([name, at], index) => {
    const other = entries.slice(0, index).find(([, earlier]) => isSameLine(at, earlier));
    if (other === undefined) return [];
    const message = `is line ${at.offset} of ${at.chip}, and so is gpio.lines.${other[0]}`;
    return [{ path: `gpio.lines.${name}`, code: 'config.line-shared', message }];
  });
}

function biasProblem(name: string, backend: string | undefined, used: readonly Used[]): string | undefined {
  if (backend === 'sysfs:') return 'cannot be set by sysfs: set gpio.backend to gpiochip: or auto:';
  const output = used.find(({ line, isOutput }) => isOutput && line === name);
  return output && `is for inputs, and ${output.path} drives this line`;
}

/** What is wrong between the names of lines and where they are. */
export function wiringProblems({ backend, lines = {} }: Wiring, used: readonly Used[]): WiringProblem[] {
  const entries = Object.entries(lines).flatMap(([name, at]) =>
    at === undefined ? [] : [[name, at] as const],
  );
  // Of a value that was wrong it is not known where it is, and it has its error already.
  const problems = sharedLines(entries);
  for (const [name, { bias }] of entries) {
    const message = bias && biasProblem(name, backend, used);
    if (message !== undefined)
      problems.push({ path: `gpio.lines.${name}.bias`, code: 'config.bias', message });
  }
  if (backend === undefined || backend.startsWith('sim:')) return problems;
  const names = Object.keys(lines);
  return [
    ...problems,
    ...used.filter(({ line }) => !names.includes(line)).map((use) => notWired(use, names)),
  ];
}
