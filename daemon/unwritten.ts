import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { codeOf, messageOf } from '../protocol/errors.js';
import type { Journal } from './journal/journal.js';

/** A disk that is slow all day is told of, and not at every card: the counts add up meanwhile. */
const RECORD_EVERY_MS = 600_000;

/**
 * Counts what a gate did while its disk took nothing: openings whose tap was not on disk, and records for which there
 * was no room in memory either. Told at once in the log, and in the journal as soon as that can be written.
 */
export class Unwritten {
  #openings = 0;
  #records = 0;

  #recordedMs = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly journal: Pick<Journal, 'append'>,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** The gate was opened for a tap that is not on disk. */
  opened(): void {
    this.#openings += 1;
    this.log.warn('opened for a tap that is not on disk', { openings: this.#openings });
  }

  /** A record is lost. */
  lost(thrown: unknown): void {
    this.#records += 1;
    const problem = codeOf(thrown) ?? messageOf(thrown);
    this.log.error('record not written', { problem, records: this.#records });
  }

  /** The disk takes records again. */
  writing(): void {
    if (this.#openings === 0 && this.#records === 0) return;
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#recordedMs < RECORD_EVERY_MS) return;
    const detail = { openings: String(this.#openings), records: String(this.#records) };
    try {
      this.journal.append({ kind: 'alarm', content: { alarm: 'journal.unwritten', detail } });
    } catch {
      // Still no room: the counts stay until there is.
      return;
    }
    this.#recordedMs = nowMs;
    this.#openings = 0;
    this.#records = 0;
  }
}
