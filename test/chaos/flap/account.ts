import type { TestGate } from '../../e2e/support/gate.js';
import type { EventLine, Site } from '../../e2e/support/site.js';

export interface FlapAccount {
  readonly faults: readonly string[];
  /** What the gate's own log says that it has decided. */
  readonly taps: number;
  readonly byCentral: number;
  readonly records: number;
}

interface LoggedTap {
  readonly place: string;
  readonly action: string;
  readonly by: string;
}

const TAP = / tap tap=(\d+\/\d+) .*action=(\S+) by=(\S+)/g;

function tapsIn(log: string): LoggedTap[] {
  return [...log.matchAll(TAP)].map(([, place = '', action = '', by = '']) => ({ place, action, by }));
}

const placeOf = ({ epoch, seq }: Pick<EventLine, 'epoch' | 'seq'>) => `${epoch}/${seq}`;

function timesEach(keys: readonly string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const key of keys) times.set(key, (times.get(key) ?? 0) + 1);
  return times;
}

/** What is wrong with what central has of one start of a gate, held against the gate's own log. */
function lineFaults(lines: readonly EventLine[], taps: readonly LoggedTap[]): string[] {
  const faults: string[] = [];
  const wrong = lines.findIndex(({ epoch, seq }, at) => epoch !== 1 || seq !== at + 1);
  const odd = lines[wrong];
  if (odd !== undefined) faults.push(`central has ${placeOf(odd)} where 1/${wrong + 1} should be`);
  const there = timesEach(lines.filter(({ kind }) => kind === 'tap').map(placeOf));
  const ends = new Map(
    lines.filter(({ kind }) => kind === 'verdict').map((line) => [`${line.epoch}/${line.tap}`, line]),
  );
  for (const { place, action, by } of taps) {
    if (there.get(place) !== 1) faults.push(`tap ${place} is at central ${there.get(place) ?? 0} times`);
    const end = ends.get(place);
    if (end?.action !== action || end.decidedBy !== by)
      faults.push(
        `tap ${place}: the gate says ${action} by ${by}, central ${end?.action} by ${end?.decidedBy}`,
      );
  }
  if (there.size !== taps.length) faults.push(`${there.size} taps at central, ${taps.length} in the log`);
  return faults;
}

/** Waits until central has the last verdict of a gate, and holds all that it has against what the gate did. */
export async function accountFaults(site: Site, gate: TestGate, withinMs: number): Promise<FlapAccount> {
  const taps = tapsIn(gate.process.stderr);
  const last = taps.at(-1)?.place;
  const faults: string[] = [];
  const isLast = (line: EventLine) => line.kind === 'verdict' && `${line.epoch}/${line.tap}` === last;
  await site
    .record(gate.device, (lines) => lines.some(isLast), 'the last verdict', withinMs)
    .catch(() => faults.push(`the verdict on ${last} has not come within ${withinMs} ms`));
  const lines = await site.events(gate.device);
  const { code, stdout } = await site.verify();
  const risen = gate.edges.since(0, 'gate').filter(({ value }) => value === 1).length;
  const opened = taps.filter(({ action }) => action === 'open').length;
  return {
    faults: [
      ...faults,
      ...lineFaults(lines, taps),
      ...(code === 0 ? [] : [`central verify: ${stdout.trim()}`]),
      ...(risen === opened ? [] : [`the gate rose ${risen} times, and ${opened} taps were to open it`]),
    ],
    taps: taps.length,
    byCentral: taps.filter(({ by }) => by === 'central').length,
    records: lines.length,
  };
}
