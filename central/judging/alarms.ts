import { BoundedMap } from '../../platform/boundedMap.js';
import type { Clock } from '../../platform/clock.js';
import { LineLimit } from '../../platform/lineLimit.js';
import type { Log } from '../../platform/log.js';
import type { JournalRecord } from '../../protocol/journal/record.js';
import { type AlarmContent, parseAlarmContent } from '../../protocol/journal/seal.js';
import { sm3 } from '../../protocol/sm/sm3.js';
import type { AlarmMessage } from '../../protocol/wire/alarm.js';
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
/** A gate has at most 64 alarms under way that go ahead of their records. */
const TOLD_REMEMBERED = 128;
const DEVICES = 4_096;

interface Place {
  readonly epoch: number;
  readonly seq: number;
}

/**
 * Tells of alarms: of one that goes ahead of its record, and of the record when it comes. Whichever comes second is known
 * by its place and its digest, and not told of again. That is remembered in memory only: better told twice than never.
 */
export class Alarms {
  readonly #lines: LineLimit;
  /** By device: what was told of. */
  readonly #known = new BoundedMap<string, BoundedMap<string, true>>(DEVICES);
  #told = 0;

  constructor(private readonly options: AlarmsOptions) {
    this.#lines = new LineLimit(options.clock, LINES_A_DEVICE, LINES_A_MINUTE);
  }

  /** How many alarms came. */
  get told(): number {
    return this.#told;
  }

  /** An alarm that went ahead of its record, in the gate's own authenticated word. */
  raised(device: string, { epoch, seq, digest, alarm, detail }: AlarmMessage): void {
    const place = { epoch, seq };
    if (this.#isKnown(device, place, digest)) return;
    this.#note(device, place, digest);
    this.#tell(device, place, detail === undefined ? { alarm } : { alarm, detail });
  }

  /** Records that are on central's disk now, in order. */
  async stored(device: string, records: readonly ChainedRecord[]): Promise<void> {
    if (!records.some(({ record }) => record.kind === 'alarm')) return;
    const { unwrap, recordAt } = this.options;
    // Made anew each time, since alarms are rare: a fork has other keys in the same places.
    const reader = new RecordReader(device, unwrap, (epoch, seq) => recordAt(device, epoch, seq));
    for (const { record, body } of records) {
      reader.note(record);
      if (record.kind === 'alarm') await this.#read(device, reader, record, sm3(body).toString('hex'));
    }
  }

  async #read(device: string, reader: RecordReader, record: JournalRecord, digest: string): Promise<void> {
    if (this.#isKnown(device, record, digest)) return;
    const opening = await reader.open(record);
    const content = opening.ok ? parseAlarmContent(opening.plaintext) : opening;
    // The gate's own word may have come while the key was unwrapped.
    if (this.#isKnown(device, record, digest)) return;
    // What cannot be read here is not noted as known: the gate's own word may still say what it was.
    if (!content.ok) return this.#tellUnreadable(device, record, content.reason);
    this.#note(device, record, digest);
    this.#tell(device, record, content.value);
  }

  #isKnown(device: string, place: Place, digest: string): boolean {
    return this.#known.get(device)?.has(keyOf(place, digest)) === true;
  }

  #note(device: string, place: Place, digest: string): void {
    const known = this.#known.get(device) ?? new BoundedMap<string, true>(TOLD_REMEMBERED);
    known.set(keyOf(place, digest), true);
    this.#known.set(device, known);
  }

  #tell(device: string, { epoch, seq }: Place, { alarm, detail }: AlarmContent): void {
    this.#told += 1;
    if (!this.#lines.take(device)) return;
    const words = Object.entries(detail ?? {}).map(([name, word]) => `${name}:${word}`);
    const said = { alarm, detail: words.join('+') || undefined };
    this.options.log.warn('alarm', { device, record: `${epoch}/${seq}`, ...said });
  }

  #tellUnreadable(device: string, { epoch, seq }: Place, reason: string): void {
    this.#told += 1;
    if (!this.#lines.take(device)) return;
    this.options.log.warn('alarm unreadable', { device, record: `${epoch}/${seq}`, reason });
  }
}

const keyOf = ({ epoch, seq }: Place, digest: string): string => `${epoch}/${seq}/${digest}`;
