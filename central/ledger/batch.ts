import {
  epochBase,
  type JournalRecord,
  linkOf,
  nextHead,
  parseRecord,
  type StartFacts,
  startFacts,
} from '../../protocol/journal/record.js';
import { MAX_RECORD_KEY_STEPS } from '../../protocol/journal/seal.js';
import type { Parsed } from '../../protocol/wire/json.js';
import type { Batch } from '../../protocol/wire/messages.js';

/** A record that came, with the chain's heads around it. */
export interface ChainedRecord {
  readonly record: JournalRecord;
  /** The exact bytes that came: what is digested and stored. */
  readonly body: Buffer;
  readonly previous: Buffer;
  readonly head: Buffer;
}

/** A batch whose records are of one epoch, numbered without a gap and chained. */
export interface CheckedBatch {
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
  readonly records: readonly ChainedRecord[];
  /** The device says that what stood before it is lost there. */
  readonly gap: boolean;
  /** What its `start` record says, where the batch begins its epoch. */
  readonly start: StartFacts | undefined;
}

/** Nobody who keeps to the format writes another; a reader would have a long way to walk, or no key to begin with. */
const isSealPlausible = ({ seq, sealed }: JournalRecord): boolean =>
  sealed === undefined || (sealed.step < MAX_RECORD_KEY_STEPS && sealed.key < seq);

function chained(batch: Batch): Parsed<ChainedRecord[]> {
  let previous: Buffer = Buffer.from(batch.previous, 'hex');
  const records: ChainedRecord[] = [];
  for (const [at, body] of batch.records.entries()) {
    const parsed = parseRecord(body);
    if (!parsed.ok) return { ok: false, reason: 'record-shape' };
    const record = parsed.value;
    if (record.epoch !== batch.epoch || record.seq !== batch.first + at)
      return { ok: false, reason: 'record-number' };
    if ((record.kind === 'start') !== (record.seq === 1)) return { ok: false, reason: 'start-place' };
    if (!isSealPlausible(record)) return { ok: false, reason: 'record-seal' };
    const head = nextHead(previous, linkOf(record, body));
    records.push({ record, body, previous, head });
    previous = head;
  }
  return { ok: true, value: records };
}

/** Checks what can be known of a batch without the ledger. `reason` is a stable word. */
export function checkBatch(device: string, batch: Batch): Parsed<CheckedBatch> {
  const parsed = chained(batch);
  if (!parsed.ok) return parsed;
  const records = parsed.value;
  const { epoch, first } = batch;
  const opening = first === 1 ? records[0]?.record : undefined;
  const start = opening === undefined ? undefined : startFacts(opening);
  if (first === 1) {
    if (start === undefined || start.device !== device) return { ok: false, reason: 'start-facts' };
    if (epochBase(epoch, start).toString('hex') !== batch.previous)
      return { ok: false, reason: 'start-base' };
  }
  const last = first + records.length - 1;
  return { ok: true, value: { epoch, first, last, records, gap: batch.gap === true, start } };
}
