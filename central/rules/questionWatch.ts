import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { TapId } from '../../protocol/wire/messages.js';
import { BoundedMap } from '../boundedMap.js';
import type { ChainedRecord } from '../ledger/batch.js';

const WAIT_MS = 15 * 60_000;
const DEVICES = 4_096;
const QUESTIONS_A_DEVICE = 256;
const TAPS_A_DEVICE = 1_024;

interface Watched {
  /** Questions without a record so far, by tap, with the monotonic time of each. */
  readonly asked: BoundedMap<string, { readonly tap: TapId; readonly atMs: number }>;
  /** Taps whose record came, since it may come before the question. */
  readonly taps: BoundedMap<string, true>;
}

const keyOf = ({ epoch, seq }: TapId) => `${epoch}/${seq}`;

/**
 * Reports questions whose tap record never arrives. A gate journals every card before it asks, so a question without
 * a record is a thief of the board using it as an oracle, or, once, a power cut.
 */
export class QuestionWatch {
  readonly #devices = new BoundedMap<string, Watched>(DEVICES);
  #unbacked = 0;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** How many questions were reported. */
  get unbacked(): number {
    return this.#unbacked;
  }

  asked(device: string, tap: TapId): void {
    const { asked, taps } = this.#watched(device);
    if (!taps.has(keyOf(tap))) asked.set(keyOf(tap), { tap, atMs: this.clock.monotonicMs() });
  }

  /** Records that are on central's disk now, in order. */
  stored(device: string, records: readonly ChainedRecord[]): void {
    const { asked, taps } = this.#watched(device);
    for (const { record } of records) {
      if (record.kind !== 'tap') continue;
      taps.set(keyOf(record), true);
      asked.delete(keyOf(record));
    }
    const last = records.at(-1)?.record;
    if (last === undefined) return;
    for (const [key, { tap, atMs }] of [...asked.entries()]) {
      const passed = tap.epoch < last.epoch || (tap.epoch === last.epoch && tap.seq <= last.seq);
      if (!passed && this.clock.monotonicMs() - atMs < WAIT_MS) continue;
      asked.delete(key);
      this.#report(device, tap, passed ? 'the journal has no tap there' : 'no record in 15 minutes');
    }
  }

  #report(device: string, { epoch, seq }: TapId, why: string): void {
    this.#unbacked += 1;
    this.log.warn('question without a tap', { device, tap: `${epoch}/${seq}`, why });
  }

  #watched(device: string): Watched {
    const known = this.#devices.get(device);
    if (known !== undefined) return known;
    const asked: Watched['asked'] = new BoundedMap(QUESTIONS_A_DEVICE, (_key, { tap }) => {
      this.#report(device, tap, 'too many questions without a record');
    });
    const watched = { asked, taps: new BoundedMap<string, true>(TAPS_A_DEVICE) };
    this.#devices.set(device, watched);
    return watched;
  }
}
