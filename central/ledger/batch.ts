import type { RecordLink } from '../../protocol/journal/frame.js';
import {
  epochBase,
  type JournalRecord,
  linkOf,
  nextHead,
  parseRecord,
  RECORD_CLASSES,
  type StartFacts,
  startFacts,
} from '../../protocol/journal/record.js';
import { MAX_RECORD_KEY_STEPS } from '../../protocol/journal/seal.js';
import type { Parsed } from '../../protocol/wire/json.js';
import type { Batch, BatchEntry } from '../../protocol/wire/messages.js';

/** A record that came, with the chain's heads around it. */
export interface ChainedRecord {
  readonly record: JournalRecord;
  /** The exact bytes that came: what is digested and stored. */
  readonly body: Buffer;
  readonly previous: Buffer;
  readonly head: Buffer;
}

/** What came of a record that its gate has dropped for want of room. */
export interface ChainedLink {
  readonly link: RecordLink;
  readonly previous: Buffer;
  readonly head: Buffer;
}

export type Chained = ChainedRecord | ChainedLink;

export const isWhole = (entry: Chained): entry is ChainedRecord => 'record' in entry;

/** Where a record stands, whole or not. */
export const placeOf = (
  entry: Pick<ChainedRecord, 'record'> | Pick<ChainedLink, 'link'>,
): { readonly epoch: number; readonly seq: number } => ('link' in entry ? entry.link : entry.record);

/** What the chain has of a record, whole or not. */
export function chainLinkOf(
  entry: Pick<ChainedRecord, 'record' | 'body'> | Pick<ChainedLink, 'link'>,
): RecordLink {
  if ('link' in entry) return entry.link;
  return { epoch: entry.record.epoch, ...linkOf(entry.record, entry.body) };
}

/** A batch whose records are of one epoch, numbered without a gap and chained. */
export interface CheckedBatch {
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
  readonly records: readonly Chained[];
  /** The device says that what stood before it is lost there. */
  readonly gap: boolean;
  /** What its `start` record says, where the batch begins its epoch. */
  readonly start: StartFacts | undefined;
}

/** Nobody who keeps to the format writes another; a reader would have a long way to walk, or no key to begin with. */
const isSealPlausible = ({ seq, sealed }: JournalRecord): boolean =>
  sealed === undefined || (sealed.step < MAX_RECORD_KEY_STEPS && sealed.key < seq);

/** What a gate drops is never what the rest cannot be proved or read without. */
function checkLink(epoch: number, seq: number, entry: Exclude<BatchEntry, Buffer>): Parsed<RecordLink> {
  if (entry.class === RECORD_CLASSES.chain) return { ok: false, reason: 'link-class' };
  return { ok: true, value: { epoch, seq, ...entry } };
}

function checkRecord(epoch: number, seq: number, body: Buffer): Parsed<JournalRecord> {
  const parsed = parseRecord(body);
  if (!parsed.ok) return { ok: false, reason: 'record-shape' };
  const record = parsed.value;
  if (record.epoch !== epoch || record.seq !== seq) return { ok: false, reason: 'record-number' };
  if ((record.kind === 'start') !== (record.seq === 1)) return { ok: false, reason: 'start-place' };
  return isSealPlausible(record) ? parsed : { ok: false, reason: 'record-seal' };
}

function chained({ epoch, first, previous: before, records }: Batch): Parsed<Chained[]> {
  let previous: Buffer = Buffer.from(before, 'hex');
  const entries: Chained[] = [];
  for (const [at, entry] of records.entries()) {
    const seq = first + at;
    if (Buffer.isBuffer(entry)) {
      const checked = checkRecord(epoch, seq, entry);
      if (!checked.ok) return checked;
      const head = nextHead(previous, linkOf(checked.value, entry));
      entries.push({ record: checked.value, body: entry, previous, head });
      previous = head;
    } else {
      const checked = checkLink(epoch, seq, entry);
      if (!checked.ok) return checked;
      const head = nextHead(previous, checked.value);
      entries.push({ link: checked.value, previous, head });
      previous = head;
    }
  }
  return { ok: true, value: entries };
}

/** Checks what can be known of a batch without the ledger. `reason` is a stable word. */
export function checkBatch(device: string, batch: Batch): Parsed<CheckedBatch> {
  const parsed = chained(batch);
  if (!parsed.ok) return parsed;
  const records = parsed.value;
  const { epoch, first } = batch;
  const opening = first === 1 ? records[0] : undefined;
  const start = opening !== undefined && isWhole(opening) ? startFacts(opening.record) : undefined;
  if (first === 1) {
    if (start === undefined || start.device !== device) return { ok: false, reason: 'start-facts' };
    if (epochBase(epoch, start).toString('hex') !== batch.previous)
      return { ok: false, reason: 'start-base' };
  }
  const last = first + records.length - 1;
  return { ok: true, value: { epoch, first, last, records, gap: batch.gap === true, start } };
}
