import type { EventLine } from './site.js';

/** What central has of a device's taps: by which the tests tell whether anything was lost or came twice. */
export interface Account {
  /** `epoch/seq` of each tap, once for each line. */
  readonly taps: readonly string[];
  /** How many ends (verdict or void) each tap has. */
  readonly ends: ReadonlyMap<string, number>;
  /** How many taps each pseudonym has. */
  readonly bySubject: ReadonlyMap<string, number>;
  /** Ends that were written by a later start than the tap was. */
  readonly endedLater: readonly EventLine[];
}

function count<K>(keys: readonly K[]): Map<K, number> {
  const counts = new Map<K, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

export function accountOf(lines: readonly EventLine[]): Account {
  const tapLines = lines.filter(({ kind }) => kind === 'tap' || kind === 'tap-void');
  const verdicts = lines.filter(({ kind }) => kind === 'verdict');
  const place = ({ epoch, seq }: EventLine) => `${epoch}/${seq}`;
  return {
    taps: tapLines.map(place),
    ends: count([
      ...tapLines.filter(({ kind }) => kind === 'tap-void').map(place),
      ...verdicts.map(({ epoch, tapEpoch = epoch, tap }) => `${tapEpoch}/${tap}`),
    ]),
    bySubject: count(tapLines.map(({ subject }) => String(subject))),
    endedLater: verdicts.filter(({ tapEpoch }) => tapEpoch !== undefined),
  };
}
