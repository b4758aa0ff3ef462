import { isAfter } from '../../../central/ledger/anchors.js';
import {
  type JournalRecord,
  linkOf,
  nextHead,
  parseRecord,
  RECORD_CLASSES,
} from '../../../protocol/journal/record.js';
import type { Place } from '../../../protocol/wire/session.js';
import { bytesOf, type GateFolder, listSegments, segmentPath } from './gateFolder.js';
import { readJournal } from './segmentReading.js';

const DAY_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
/** Records are counted by the minute: more than a day of minutes is not kept. */
const MINUTE_MS = 60_000;
const MINUTES_KEPT = 2 * (DAY_MS / MINUTE_MS);
/** Kinds that a newer version writes are counted too; somebody could invent any number of them. */
const MOST_KINDS = 64;

/** A record as far as it stands in the clear. */
export interface Seen {
  readonly epoch: number;
  readonly seq: number;
  /** ISO 8601. */
  readonly at: string;
  /** Whether central had told the time in that start; else it is what the board's own clock said. */
  readonly trusted: boolean;
}

export interface Survey {
  readonly segments: number;
  readonly bytes: number;
  readonly records: number;
  /** Of these, the ones that count against `journal.maxRecords`. */
  readonly droppable: number;
  /** Records that went for want of room; their links are here. */
  readonly dropped: number;
  /** Records by kind. */
  readonly kinds: Readonly<Record<string, number>>;
  /** Lowest, highest, and how many of them are here. */
  readonly epochs: { readonly first: number; readonly last: number; readonly count: number } | null;
  readonly oldest: Seen | null;
  readonly newest: (Seen & Pick<Place, 'head'>) | null;
  /** Records behind the place that central acknowledged. */
  readonly waiting: number;
  /** Records an hour over the last day, by their own times. */
  readonly rate: Rate | null;
  /** Bytes that hold no whole record: `verify` says whether that is a fault. */
  readonly damagedBytes: number;
}

export interface Rate {
  readonly perHour: number;
  readonly records: number;
  /** The time that they lie in, at most a day. */
  readonly hours: number;
  readonly trusted: boolean;
}

/** Counts records of one day up to the newest, whatever time it is now. */
class LastDay {
  readonly #minutes = new Map<number, number>();
  #oldestMs = Number.POSITIVE_INFINITY;
  #newestMs = 0;

  constructor(private readonly trusted: boolean) {}

  note(wallMs: number): void {
    this.#oldestMs = Math.min(this.#oldestMs, wallMs);
    this.#newestMs = Math.max(this.#newestMs, wallMs);
    const minute = Math.floor(wallMs / MINUTE_MS);
    this.#minutes.set(minute, (this.#minutes.get(minute) ?? 0) + 1);
    if (this.#minutes.size > MINUTES_KEPT) this.#forget();
  }

  get rate(): Rate | null {
    this.#forget();
    const records = [...this.#minutes.values()].reduce((sum, count) => sum + count, 0);
    if (records === 0) return null;
    const hours = Math.max(MINUTE_MS, Math.min(DAY_MS, this.#newestMs - this.#oldestMs)) / HOUR_MS;
    return { perHour: round(records / hours), records, hours: round(hours), trusted: this.trusted };
  }

  #forget(): void {
    const from = Math.floor((this.#newestMs - DAY_MS) / MINUTE_MS);
    for (const minute of this.#minutes.keys()) if (minute <= from) this.#minutes.delete(minute);
  }
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** The last instant that a date can say (ECMAScript, time values). */
const LAST_DATE_MS = 8.64e15;
const seen = ({ epoch, seq, wallMs, trusted }: JournalRecord): Seen => ({
  ...{ epoch, seq, trusted },
  at: new Date(Math.min(wallMs, LAST_DATE_MS)).toISOString(),
});

/**
 * Counts what a journal holds. Proves nothing: that is `verify`.
 * @param acknowledged how far central has it; undefined where that is not known
 */
export async function surveyJournal(
  folder: GateFolder,
  acknowledged: Place | undefined,
  onSegment: (before: number, of: number) => void,
): Promise<Survey> {
  const segments = await listSegments(folder);
  const kinds = new Map<string, number>();
  const epochs = new Set<number>();
  const days = { trusted: new LastDay(true), untrusted: new LastDay(false) };
  const sum = { records: 0, droppable: 0, waiting: 0, dropped: 0, bytes: 0, damagedBytes: 0 };
  let oldest: Seen | null = null;
  let last: { readonly record: JournalRecord; readonly body: Buffer; readonly previous: Buffer } | undefined;
  for (const segment of segments) sum.bytes += (await bytesOf(segmentPath(folder, segment))) ?? 0;
  const read = readJournal(folder, segments, (before) => onSegment(before, segments.length));
  for await (const { part } of read) {
    const parsed = part.kind === 'frame' ? parseRecord(part.frame.body) : undefined;
    if (part.kind === 'link') {
      sum.dropped += 1;
      continue;
    }
    if (part.kind !== 'frame' || parsed?.ok !== true) {
      sum.damagedBytes += part.to - part.from;
      continue;
    }
    const record = parsed.value;
    const { kind, epoch, wallMs, trusted } = record;
    sum.records += 1;
    if (record.class !== RECORD_CLASSES.chain) sum.droppable += 1;
    if (acknowledged === undefined || isAfter(record, acknowledged)) sum.waiting += 1;
    if (kinds.has(kind) || kinds.size < MOST_KINDS) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    epochs.add(epoch);
    (trusted ? days.trusted : days.untrusted).note(wallMs);
    oldest ??= seen(record);
    last = { record, body: part.frame.body, previous: part.frame.previous };
  }
  const head = last && nextHead(last.previous, linkOf(last.record, last.body)).toString('hex');
  return {
    segments: segments.length,
    ...sum,
    kinds: Object.fromEntries([...kinds].sort(([a], [b]) => (a < b ? -1 : 1))),
    epochs: epochsOf(epochs),
    oldest,
    newest: last === undefined || head === undefined ? null : { ...seen(last.record), head },
    rate: days.trusted.rate ?? days.untrusted.rate,
  };
}

function epochsOf(epochs: ReadonlySet<number>): Survey['epochs'] {
  if (epochs.size === 0) return null;
  const numbers = [...epochs];
  const lowest = numbers.reduce((a, b) => Math.min(a, b));
  const highest = numbers.reduce((a, b) => Math.max(a, b));
  return { first: lowest, last: highest, count: epochs.size };
}
