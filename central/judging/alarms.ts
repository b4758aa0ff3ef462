import type { Clock } from '../../platform/clock.js';
import { LineLimit } from '../../platform/lineLimit.js';
import type { Log } from '../../platform/log.js';
import type { JournalRecord } from '../../protocol/journal/record.js';
import { parseAlarmContent } from '../../protocol/journal/seal.js';
import type { ChainedRecord } from '../ledger/batch.js';
import { RecordReader, type Unwrap } from '../ledger/reading.js';

export interface AlarmsOptions {
  readonly unwrap: Unwrap;
  /** A record of the line that was written last. */
  readonly recordAt: (device: string, epoch: number, seq: number) => Promise<JournalRecord | undefined>;
  readonly clock: Clock;
  readonly log: Log;
}

const LINES_A_DEVICE = 6;
const LINES_A_MINUTE = 120;

/** Tells of alarms as they come. */
export class Alarms {
  readonly #lines: LineLimit;
  #told = 0;

  constructor(private readonly options: AlarmsOptions) {
    this.#lines = new LineLimit(options.clock, LINES_A_DEVICE, LINES_A_MINUTE);
  }

  /** How many came. */
  get told(): number {
    return this.#told;
  }

  /** Records that are on central's disk now, in order. */
  async stored(device: string, records: readonly ChainedRecord[]): Promise<void> {
    if (!records.some(({ record }) => record.kind === 'alarm')) return;
    const { unwrap, recordAt } = this.options;
    // Made anew each time, since alarms are rare: a fork has other keys in the same places.
    const reader = new RecordReader(device, unwrap, (epoch, seq) => recordAt(device, epoch, seq));
    for (const { record } of records) {
      reader.note(record);
      if (record.kind === 'alarm') await this.#tell(device, reader, record);
    }
  }

  async #tell(device: string, reader: RecordReader, record: JournalRecord): Promise<void> {
    const opening = await reader.open(record);
    const content = opening.ok ? parseAlarmContent(opening.plaintext) : opening;
    this.#told += 1;
    if (!this.#lines.take(device)) return;
    const at = { device, record: `${record.epoch}/${record.seq}` };
    if (!content.ok) return this.options.log.warn('alarm unreadable', { ...at, reason: content.reason });
    const { alarm, detail } = content.value;
    const words = Object.entries(detail ?? {}).map(([name, word]) => `${name}:${word}`);
    this.options.log.warn('alarm', { ...at, alarm, detail: words.join('+') || undefined });
  }
}
