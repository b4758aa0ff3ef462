import * as v from 'valibot';
import type { JournalRecord } from './record.js';

const ClockSchema = v.strictObject({
  /** Who told the time; `central` so far. A reader takes others. */
  source: v.pipe(v.string(), v.regex(/^[a-z][a-z-]{0,15}$/)),
});
/** What a `clock` record says beside its own times. */
export type ClockFacts = v.InferOutput<typeof ClockSchema>;

/**
 * A `clock` record says by its own `boot`, `monoMs` and `wallMs` what time it was at one moment of that boot: by it a
 * reader dates the records of that boot whose own wall time is not trusted.
 */
export function clockFacts(record: JournalRecord): ClockFacts | undefined {
  const result = v.safeParse(ClockSchema, record.clear);
  return record.kind === 'clock' && record.trusted && result.success ? result.output : undefined;
}
