import { BoundedMap } from '../../platform/boundedMap.js';
import { clockFacts } from '../../protocol/journal/clockMark.js';
import type { JournalRecord } from '../../protocol/journal/record.js';

/** A gate that is switched on twice a day for years has fewer. */
const BOOTS = 4_096;
/** Times told in one boot: the first and the last ones date all there is. */
const MARKS_A_BOOT = 32;

type Mark = Pick<JournalRecord, 'epoch' | 'seq' | 'monoMs' | 'wallMs'>;

const isBefore = (a: Mark, b: Mark): boolean => a.epoch < b.epoch || (a.epoch === b.epoch && a.seq < b.seq);

/**
 * Dates the records of one device whose own wall time is not trusted, by what the `clock` records of the same boot say.
 * The records themselves stay as they were chained.
 */
export class BootClocks {
  readonly #marks = new BoundedMap<string, Mark[]>(BOOTS);

  /** Takes in a record, in any order; only those of kind `clock` matter. @returns whether it was one */
  note(record: JournalRecord): boolean {
    if (clockFacts(record) === undefined) return false;
    const { boot, epoch, seq, monoMs, wallMs } = record;
    const marks = this.#marks.get(boot) ?? [];
    if (marks.some((mark) => mark.epoch === epoch && mark.seq === seq)) return true;
    marks.push({ epoch, seq, monoMs, wallMs });
    if (marks.length > MARKS_A_BOOT) marks.splice(1, 1);
    this.#marks.set(boot, marks);
    return true;
  }

  /**
   * When a record was written, in milliseconds since 1970; undefined where that is not known for certain: the gate's
   * clock had not been set, and no `clock` record of that boot is known.
   */
  wallMs(record: JournalRecord): number | undefined {
    if (record.trusted) return record.wallMs;
    const marks = this.#marks.get(record.boot) ?? [];
    // The next word on the time after it: one that came later may be of a clock that was set meanwhile.
    const mark = marks.find((one) => !isBefore(one, record)) ?? marks.at(-1);
    return mark === undefined ? undefined : Math.max(0, mark.wallMs + (record.monoMs - mark.monoMs));
  }
}
