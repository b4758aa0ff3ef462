import { BoundedMap } from '../../platform/boundedMap.js';
import type { Cancel, Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { TapId } from '../../protocol/wire/messages.js';
import { type Chained, placeOf } from '../ledger/batch.js';

const WAIT_MS = 15 * 60_000;
const LOOK_EVERY_MS = 60_000;
const DEVICES = 4_096;
const QUESTIONS_A_DEVICE = 256;
const TAPS_A_DEVICE = 1_024;

interface Watched {
  /** Questions without a record so far, by tap, with the monotonic time of each; oldest first. */
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
  readonly #devices: BoundedMap<string, Watched>;
  #unbacked = 0;
  #cancel: Cancel = () => {};

  /**
   * Looks for overdue questions every minute, until it is closed.
   * @param mostDevices watched at once; the one heard of longest ago goes, and is reported
   */
  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
    mostDevices = DEVICES,
  ) {
    this.#devices = new BoundedMap(mostDevices, (device, { asked }) => {
      for (const [, { tap }] of asked.entries()) this.#report(device, tap, 'too many devices to wait longer');
    });
    this.#sweepLater();
  }

  /** How many questions were reported. */
  get unbacked(): number {
    return this.#unbacked;
  }

  asked(device: string, tap: TapId): void {
    const watched = this.#watched(device);
    const { asked, taps } = watched;
    // A thief who repeats a question does not put off its end.
    if (!taps.has(keyOf(tap)) && !asked.has(keyOf(tap))) {
      asked.set(keyOf(tap), { tap, atMs: this.clock.monotonicMs() });
    }
    this.#sweep(device, watched);
  }

  /** Records that are on central's disk now, in order. */
  stored(device: string, records: readonly Chained[]): void {
    const watched = this.#watched(device);
    const { asked, taps } = watched;
    for (const entry of records) {
      // What was dropped for want of room may have been the tap: the chain holds its place.
      const tap = 'link' in entry ? entry.link : entry.record.kind === 'tap' ? entry.record : undefined;
      if (tap === undefined) continue;
      taps.set(keyOf(tap), true);
      asked.delete(keyOf(tap));
    }
    const end = records.at(-1);
    if (end === undefined) return;
    const last = placeOf(end);
    for (const [key, { tap }] of [...asked.entries()]) {
      const isPassed = tap.epoch < last.epoch || (tap.epoch === last.epoch && tap.seq <= last.seq);
      if (!isPassed) continue;
      asked.delete(key);
      this.#report(device, tap, 'the journal has no tap there');
    }
    this.#sweep(device, watched);
  }

  close(): void {
    this.#cancel();
  }

  #sweepLater(): void {
    this.#cancel = this.clock.schedule(LOOK_EVERY_MS, () => {
      for (const [device, watched] of this.#devices.entries()) this.#sweep(device, watched);
      this.#sweepLater();
    });
  }

  #sweep(device: string, { asked }: Watched): void {
    const nowMs = this.clock.monotonicMs();
    for (const [key, { tap, atMs }] of asked.entries()) {
      if (nowMs - atMs < WAIT_MS) return;
      asked.delete(key);
      this.#report(device, tap, 'no record in 15 minutes');
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
