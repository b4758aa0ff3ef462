import { join } from 'node:path';
import type { Low } from 'lowdb';
import * as v from 'valibot';
import type { Clock } from '../../platform/clock.js';
import { openDocument, openOrBeginAnew } from '../../platform/document.js';
import type { Log } from '../../platform/log.js';
import { SeldomDocument } from '../../platform/seldomDocument.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import { type Place, PlaceSchema } from '../../protocol/wire/session.js';

/**
 * A chain proves what lies between two records, and says nothing of those that were cut off its end. So central keeps
 * beside the ledger how far it has acknowledged each device's main line.
 */
const AnchorsSchema = v.strictObject({
  // A list: `constructor` is a valid name for a gate, and every object has one.
  anchors: v.array(v.strictObject({ device: v.string(), place: PlaceSchema })),
});
type AnchorsFile = v.InferOutput<typeof AnchorsSchema>;

/** Four flushes a write: gates that are busy must not cost the disk that for every batch. */
const WRITE_EVERY_MS = 1_000;

/** Outside the ledger's folder: who empties that one leaves this behind. */
export const anchorsPath = (folder: string) => join(folder, 'anchors.json');

const byDevice = ({ data }: Low<AnchorsFile>): Map<string, Place> =>
  new Map(data.anchors.map(({ device, place }) => [device, place]));

/**
 * The places by device; none where there is no file.
 * @throws CardpadError `document.damaged` (fatal)
 */
export async function readAnchors(folder: string): Promise<ReadonlyMap<string, Place>> {
  return byDevice(await openDocument<AnchorsFile>(anchorsPath(folder), AnchorsSchema, { anchors: [] }));
}

/** Whether `a` is the later of two places of one line. */
export const isAfter = (a: Omit<Place, 'head'>, b: Omit<Place, 'head'>): boolean =>
  a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq);

export interface AnchorsOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Writes the anchors behind the acks. A crash leaves older ones, which the ledger holds just as well. */
export class Anchors {
  readonly #places: Map<string, Place>;
  readonly #document: SeldomDocument<AnchorsFile>;

  private constructor(document: Low<AnchorsFile>, { clock, log }: AnchorsOptions) {
    this.#places = byDevice(document);
    this.#document = new SeldomDocument(document, {
      clock,
      everyMs: WRITE_EVERY_MS,
      onFailure: (thrown) =>
        log.error('anchors not written', { code: codeOf(thrown), problem: messageOf(thrown) }),
    });
  }

  /**
   * A damaged file is an error in the log and is laid aside, and the anchors begin anew: the gates must be served all
   * the same.
   * @throws any error of the disk
   */
  static async open(options: AnchorsOptions): Promise<Anchors> {
    const { folder, log } = options;
    const path = anchorsPath(folder);
    const document = await openOrBeginAnew<AnchorsFile>(
      path,
      AnchorsSchema,
      { anchors: [] },
      {
        onBackup: () => log.error('file damaged, its copy is in force', { path }),
        onLost: (thrown) => log.error('anchors lost, they begin anew', { path, problem: messageOf(thrown) }),
      },
    );
    return new Anchors(document, options);
  }

  /** A place of the main line that was acknowledged; one that is older than what is known changes nothing. */
  note(device: string, place: Place): void {
    const known = this.#places.get(device);
    if (known !== undefined && !isAfter(place, known)) return;
    this.#places.set(device, place);
    this.#document.changed(() => ({
      anchors: [...this.#places].map(([gate, newest]) => ({ device: gate, place: newest })),
    }));
  }

  /** Writes what is not written yet, behind what is being written. Never throws. */
  close(): Promise<void> {
    return this.#document.close();
  }
}
