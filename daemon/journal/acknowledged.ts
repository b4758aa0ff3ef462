import { join } from 'node:path';
import * as v from 'valibot';
import type { Clock } from '../../platform/clock.js';
import { openDocument } from '../../platform/document.js';
import type { Log } from '../../platform/log.js';
import { SeldomDocument, sayOnce } from '../../platform/seldomDocument.js';
import { count } from '../../protocol/wire/json.js';
import { type Place, PlaceSchema } from '../../protocol/wire/session.js';
import { type OpenDocument, openUnneeded } from '../documents.js';
import type { RecordTime } from '../time.js';

const FILE = 'acknowledged.json';
/** Acks come with every tap. */
const WRITE_EVERY_MS = 60_000;

const AcknowledgedSchema = v.strictObject({
  v: v.literal(1),
  /** Central has said that it has all up to here; null while it has not. */
  acknowledged: v.nullable(
    v.strictObject({
      place: PlaceSchema,
      /** When its word came: milliseconds since 1970, as records tell time. */
      wallMs: count(),
      trusted: v.boolean(),
    }),
  ),
});
type Document = v.InferOutput<typeof AcknowledgedSchema>;
/** How far central has acknowledged the journal, and when it said so. */
export type Acknowledged = NonNullable<Document['acknowledged']>;

const NOTHING: Document = { v: 1, acknowledged: null };

/**
 * Keeps what central acknowledged in a small document, for who looks at the data folder. It is up to a minute behind,
 * and a hint: what may be deleted is decided by central's own word alone.
 */
export class AcknowledgedNote {
  private constructor(
    private readonly document: SeldomDocument<Document> | undefined,
    private readonly time: RecordTime,
  ) {}

  /** Never throws: nothing of the gate rests on it. */
  static async open(open: OpenDocument, clock: Clock, time: RecordTime, log: Log): Promise<AcknowledgedNote> {
    const document = await openUnneeded<Document>(open, FILE, AcknowledgedSchema, NOTHING, log);
    const options = { clock, everyMs: WRITE_EVERY_MS, onFailure: sayOnce(FILE, log) };
    return new AcknowledgedNote(document && new SeldomDocument(document, options), time);
  }

  /** Central says that it has everything up to here. */
  note({ epoch, seq, head }: Place): void {
    const { wallMs, trusted } = { wallMs: this.time.wallMs(), trusted: this.time.trusted };
    const acknowledged = { place: { epoch, seq, head }, wallMs: Math.max(0, Math.floor(wallMs)), trusted };
    this.document?.set({ v: 1, acknowledged });
  }

  /** Writes what is not written yet. Never throws. */
  async close(): Promise<void> {
    await this.document?.close();
  }
}

/**
 * What a data folder says of it, also beside the daemon that writes it; changes nothing.
 * @throws CardpadError `document.damaged` (fatal)
 */
export async function readAcknowledged(dataDir: string): Promise<Acknowledged | undefined> {
  const { data } = await openDocument<Document>(join(dataDir, FILE), AcknowledgedSchema, NOTHING);
  return data.acknowledged ?? undefined;
}
