import type { Clock } from '../../platform/clock.js';
import type { Disk } from '../../platform/disk.js';
import { parseRecord } from '../../protocol/journal/record.js';
import type { RecordTime } from '../time.js';
import { lastRecord, readSegment, type Segment } from './segments.js';

/** Nothing that is at central stays longer than this, counted by trusted time: a gate that is switched off every night forgets as well. */
const MOST_MS = 14 * 24 * 3600 * 1000;
/** Acks come by the hundred a second, and what is kept for days need not be looked at for each of them. */
const SWEEP_EVERY_MS = 1_000;
/** After a start there may be a thousand segments: so many are read in one go. */
const READS_A_SWEEP = 16;

export interface RetentionOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly time: RecordTime;
  /** Acknowledged segments stay this long, so that a central restored from a backup gets them again. */
  readonly retentionMs: number;
  /** False when it stays for the next time. */
  readonly remove: (segment: Segment) => Promise<boolean>;
}

interface Settled {
  /** When it was first seen to be wholly at central, monotonic. */
  readonly atMs: number;
  /** The trusted wall time of its last record, if it has one; undefined until that was read. */
  lastWall: { readonly ms: number | undefined } | undefined;
}

/** Removes what is wholly at central when its time is over. */
export class Retention {
  readonly #settled = new Map<string, Settled>();
  #nextSweepMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: RetentionOptions) {}

  /** @param settled all segments that are wholly at central, oldest first */
  async acknowledged(settled: readonly Segment[]): Promise<void> {
    const { clock } = this.options;
    const nowMs = clock.monotonicMs();
    this.#note(settled, nowMs);
    if (nowMs < this.#nextSweepMs) return;
    this.#nextSweepMs = Number.POSITIVE_INFINITY;
    try {
      await this.#sweep(settled);
    } finally {
      this.#nextSweepMs = clock.monotonicMs() + SWEEP_EVERY_MS;
    }
  }

  /** It is gone. */
  forget({ name }: Segment): void {
    this.#settled.delete(name);
  }

  #note(settled: readonly Segment[], atMs: number): void {
    for (const { name } of settled.toReversed()) {
      if (this.#settled.has(name)) return;
      this.#settled.set(name, { atMs, lastWall: undefined });
    }
  }

  async #sweep(settled: readonly Segment[]): Promise<void> {
    let over = 0;
    let reads = 0;
    for (const [index, segment] of settled.entries()) {
      const known = this.#settled.get(segment.name);
      if (known === undefined) continue;
      if (known.lastWall === undefined && reads < READS_A_SWEEP) {
        reads += 1;
        known.lastWall = { ms: await this.#lastWallMs(segment) };
      }
      if (this.#isOver(known)) over = index + 1;
    }
    // In order: what is before a segment whose time is over is older still, though its own clock may not have been
    // trusted; and a tap must not stay behind when its end goes, or the next start would end it again.
    for (const segment of settled.slice(0, over)) {
      if (!(await this.options.remove(segment))) return;
    }
  }

  #isOver({ atMs, lastWall }: Settled): boolean {
    const { clock, time, retentionMs } = this.options;
    if (clock.monotonicMs() - atMs >= retentionMs) return true;
    return time.trusted && lastWall?.ms !== undefined && time.wallMs() - lastWall.ms >= MOST_MS;
  }

  async #lastWallMs(segment: Segment): Promise<number | undefined> {
    const { disk } = this.options;
    let last = await lastRecord(disk, segment, Number.POSITIVE_INFINITY).catch(() => undefined);
    if (last !== undefined && !Buffer.isBuffer(last.entry)) {
      const stored = await readSegment(disk, segment).catch(() => []);
      last = stored.findLast(({ entry }) => Buffer.isBuffer(entry));
    }
    const parsed = Buffer.isBuffer(last?.entry) ? parseRecord(last.entry) : undefined;
    return parsed?.ok && parsed.value.trusted ? parsed.value.wallMs : undefined;
  }
}
