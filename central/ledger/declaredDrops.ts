import type { RecordLink } from '../../protocol/journal/frame.js';
import {
  classNameOf,
  type DroppedFacts,
  droppedFacts,
  type JournalRecord,
} from '../../protocol/journal/record.js';
import type { Fault } from './lineAudit.js';

/** What a gate dropped of one epoch for want of room, and said so in its journal. */
export interface DroppedRange {
  readonly epoch: number;
  /** The first and the last record that is gone; what was dearer was kept between them. */
  readonly first: number;
  readonly last: number;
  /** How many, by the name of their class. */
  readonly counts: Readonly<Record<string, number>>;
}

interface Declared {
  readonly first: number;
  readonly last: number;
  left: number;
}

/**
 * Holds the links of a device's ledger against what its `dropped` records say. A link that none of them tells of is a
 * fault: who holds the files could put one in a record's place, and the chain would still prove.
 */
export class DeclaredDrops {
  /** Declarations by epoch and class. */
  readonly #declared = new Map<string, Declared[]>();
  /** Numbers of the links by file, epoch and class. */
  readonly #links = new Map<
    string,
    { readonly file: string; readonly epoch: number; readonly name: string; readonly seqs: number[] }
  >();

  note(record: JournalRecord): void {
    const facts = droppedFacts(record);
    if (facts !== undefined) this.#declare(facts);
  }

  link(file: string, { epoch, seq, class: value }: RecordLink): void {
    const name = classNameOf(value);
    const key = `${file} ${epoch} ${name}`;
    const known = this.#links.get(key);
    if (known === undefined) this.#links.set(key, { file, epoch, name, seqs: [seq] });
    else known.seqs.push(seq);
  }

  /** Once all is read: what was declared, an entry an epoch, and a fault for each run of links that was not. */
  finish(): { readonly dropped: readonly DroppedRange[]; readonly faults: readonly Fault[] } {
    const ranges = new Map<number, { first: number; last: number; counts: Record<string, number> }>();
    const faults: Fault[] = [];
    for (const { file, epoch, name, seqs } of this.#links.values()) {
      const { told, untold } = split(seqs, this.#declared.get(`${epoch} ${name}`) ?? []);
      const [first] = told;
      const last = told.at(-1);
      if (first !== undefined && last !== undefined) {
        const range = ranges.get(epoch) ?? { first, last, counts: {} };
        const counts = { ...range.counts, [name]: (range.counts[name] ?? 0) + told.length };
        ranges.set(epoch, {
          first: Math.min(range.first, first),
          last: Math.max(range.last, last),
          counts,
        });
      }
      const [seq] = untold;
      if (seq === undefined) continue;
      const detail = `and ${untold.length} in all of class ${name} are links of which no dropped record tells (it comes last: while the gate still sends, look again later)`;
      faults.push({ kind: 'undeclared', epoch, seq, file, detail });
    }
    const dropped = [...ranges].map(([epoch, range]) => ({ epoch, ...range }));
    return { dropped: dropped.sort((a, b) => a.epoch - b.epoch), faults };
  }

  #declare({ epoch, first, last, counts }: DroppedFacts): void {
    for (const [name, left] of Object.entries(counts)) {
      const key = `${epoch} ${name}`;
      const known = this.#declared.get(key) ?? [];
      known.push({ first, last, left });
      this.#declared.set(key, known);
    }
  }
}

/** Each declaration answers for so many links of its range as it counts. */
function split(seqs: readonly number[], declared: readonly Declared[]): { told: number[]; untold: number[] } {
  const inOrder = [...declared].sort((a, b) => a.first - b.first);
  const told: number[] = [];
  const untold: number[] = [];
  let past = 0;
  for (const seq of [...seqs].sort((a, b) => a - b)) {
    while (isPast(inOrder[past], seq)) past += 1;
    const range = covering(inOrder, past, seq);
    if (range !== undefined) range.left -= 1;
    (range === undefined ? untold : told).push(seq);
  }
  return { told, untold };
}

const isPast = (range: Declared | undefined, seq: number): boolean => range !== undefined && range.last < seq;

function covering(inOrder: readonly Declared[], from: number, seq: number): Declared | undefined {
  for (let at = from; at < inOrder.length; at++) {
    const range = inOrder[at];
    if (range === undefined || range.first > seq) return undefined;
    if (range.last >= seq && range.left > 0) return range;
  }
  return undefined;
}
