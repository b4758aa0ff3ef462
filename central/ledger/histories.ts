import { type JournalRecord, startFacts } from '../../protocol/journal/record.js';

/** What central itself says of a journal, in the words of an alarm record. */
export const HISTORY_ALARMS = {
  /** The device has another history of the same places: its disk was cloned or rolled back. Both are kept. */
  forked: 'journal.forked',
  /** It goes on behind a place that it had left long ago: its disk was rolled back. What came after it is kept. */
  rolledBack: 'journal.rolled-back',
} as const;

/** Looks at the records of one ledger file in order, and says where a second history begins. */
export class Histories {
  readonly #ends = new Map<number, number>();
  #isFirst = true;

  /** @param isFork the file is itself another history */
  constructor(private readonly isFork: boolean) {}

  /** The alarm that is due at a record. */
  alarmAt(record: JournalRecord): string | undefined {
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    const previous = startFacts(record)?.previous;
    const isBack =
      previous === null
        ? this.#ends.size > 0
        : previous !== undefined && (this.#ends.get(previous.epoch) ?? 0) > previous.seq;
    this.#ends.set(record.epoch, record.seq);
    if (isFirst && this.isFork) return HISTORY_ALARMS.forked;
    return isBack ? HISTORY_ALARMS.rolledBack : undefined;
  }
}
