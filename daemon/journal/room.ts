import { RECORD_CLASSES } from '../../protocol/journal/record.js';

/** How much a journal may hold. */
export interface RoomLimits {
  /** Records that may go when room runs out: all but those of class `chain`. */
  readonly maxRecords: number;
  /** Bytes of its files. */
  readonly maxBytes: number;
}

/** What a segment that is no longer written to holds. */
export interface SegmentFacts {
  readonly bytes: number;
  /** Whole records by class, the class being the index. */
  readonly counts: readonly number[];
  /** Central has all of it. */
  readonly acknowledged: boolean;
}

/** What goes next: a whole segment, or one class of its records, their links staying. `at` is an index. */
export type RoomStep =
  | { readonly kind: 'remove'; readonly at: number }
  | { readonly kind: 'thin'; readonly at: number; readonly class: number };

/** Classes that a record can say it is of; of those that this code does not know the least dear is the largest. */
const LEAST_DEAR = 9;

const sum = (numbers: readonly number[]) => numbers.reduce((total, value) => total + value, 0);

/** How many of a segment's records may go. */
export const droppable = ({ counts }: Pick<SegmentFacts, 'counts'>): number =>
  sum(counts.slice(RECORD_CLASSES.chain + 1));

/** Whether so many segments stay within limits. */
export function fits(segments: readonly SegmentFacts[], { maxRecords, maxBytes }: RoomLimits): boolean {
  return sum(segments.map(droppable)) <= maxRecords && sum(segments.map(({ bytes }) => bytes)) <= maxBytes;
}

/**
 * Decides what goes next to come down to the limits; undefined where they are kept, or nothing more may go. First what
 * central has, oldest first; then the least dear class, oldest first, until none of it is left; then the next dearer.
 * @param segments oldest first, without the one that is being written
 */
export function nextStep(segments: readonly SegmentFacts[], limits: RoomLimits): RoomStep | undefined {
  if (fits(segments, limits)) return undefined;
  const removable = segments.findIndex(({ acknowledged }) => acknowledged);
  if (removable !== -1) return { kind: 'remove', at: removable };
  for (let value = LEAST_DEAR; value > RECORD_CLASSES.chain; value--) {
    const at = segments.findIndex(({ counts }) => (counts[value] ?? 0) > 0);
    if (at !== -1) return { kind: 'thin', at, class: value };
  }
  return undefined;
}
