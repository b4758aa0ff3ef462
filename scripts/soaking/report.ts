import { type Sample, usedBytes } from './sample.js';

const MB = 1e6;

/** A sample of the gate, of central, and of a process that does nothing, after so many taps. */
export interface Look {
  readonly taps: number;
  readonly atS: number;
  readonly gate: Sample;
  readonly central: Sample;
  readonly idle: Sample;
}

export interface Bounds {
  /** Heap and buffers may differ from the baseline by so much, up or down. */
  readonly memoryMb: number;
  readonly loopP99Ms: number;
}

/** A segment of the journal is open or is not, and so is the file that is read back for an upload. */
const FILES_MORE = 1;

const mb = (bytes: number) => Math.round((bytes / MB) * 100) / 100;

function resources({ resources: counts }: Sample): number {
  // How many requests and one-shot timers are out is a matter of the moment.
  const lasting = Object.entries(counts).filter(([kind]) => kind.endsWith('Wrap'));
  return lasting.reduce((sum, [, count]) => sum + count, 0);
}

/** What of the bounds was broken, in words; the first look is the baseline. */
export function broken(looks: readonly Look[], bounds: Bounds): string[] {
  const [base, ...later] = looks;
  if (base === undefined) return ['nothing was measured'];
  const words: string[] = [];
  for (const { taps, gate, idle } of later) {
    const grownMb = (usedBytes(gate) - usedBytes(base.gate)) / MB;
    if (Math.abs(grownMb) > bounds.memoryMb) words.push(`memory ${grownMb.toFixed(2)} MB off after ${taps}`);
    if (gate.files > base.gate.files + FILES_MORE) words.push(`${gate.files} open files after ${taps} taps`);
    if (resources(gate) > resources(base.gate)) words.push(`${resources(gate)} handles after ${taps} taps`);
    if (gate.listeners > base.gate.listeners) words.push(`${gate.listeners} listeners after ${taps} taps`);
    if (gate.loopP99Ms >= bounds.loopP99Ms) {
      const [ours, theirs] = [gate, idle].map(({ loopP99Ms }) => loopP99Ms.toFixed(1));
      words.push(`event loop p99 ${ours} ms before tap ${taps}, ${theirs} ms in a process that does nothing`);
    }
  }
  return words;
}

const COLUMNS = ['taps', 'used', 'rss', 'files', 'handles', 'timers', 'listeners', 'p99 ms', 'max ms'];
const CENTRAL = ['central used', 'rss', 'files', 'p99 ms', ' | idle p99'];
const WIDTH = 10;

const row = (cells: readonly string[]) => cells.map((cell) => cell.padStart(WIDTH)).join('');

export const tableHead = (): string => row([...COLUMNS, ' |', ...CENTRAL]);

export function tableRow({ taps, gate, central, idle }: Look): string {
  const of = (sample: Sample) => [mb(usedBytes(sample)).toFixed(2), mb(sample.rssBytes).toFixed(1)];
  const counts = [gate.files, resources(gate), gate.timers, gate.listeners].map(String);
  const late = [gate.loopP99Ms.toFixed(2), gate.loopMaxMs.toFixed(1)];
  const theirs = [
    ...of(central),
    String(central.files),
    central.loopP99Ms.toFixed(2),
    idle.loopP99Ms.toFixed(2),
  ];
  return row([String(taps), ...of(gate), ...counts, ...late, ' |', ...theirs]);
}

/** How the gate's memory went, in MB against the baseline. */
export function memoryFigures(looks: readonly Look[]) {
  const [base] = looks;
  const last = looks.at(-1);
  if (base === undefined || last === undefined) return undefined;
  const offs = looks.map(({ gate }) => mb(usedBytes(gate) - usedBytes(base.gate)));
  return {
    baselineMb: mb(usedBytes(base.gate)),
    growthMb: offs.at(-1) ?? 0,
    lowestMb: Math.min(...offs),
    highestMb: Math.max(...offs),
    rssMb: mb(last.gate.rssBytes),
    rssGrowthMb: mb(last.gate.rssBytes - base.gate.rssBytes),
  };
}
