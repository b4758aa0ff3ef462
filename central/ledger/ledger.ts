import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../platform/log.js';
import { codeOf } from '../../protocol/errors.js';
import type { JournalRecord } from '../../protocol/journal/record.js';
import type { Batch } from '../../protocol/wire/messages.js';
import type { Place } from '../../protocol/wire/session.js';
import { type Chained, type CheckedBatch, checkBatch, placeOf } from './batch.js';
import { HISTORY_ALARMS } from './histories.js';
import { type Append, appendDurable, ledgerFileName, ledgerFiles } from './ledgerFile.js';
import { LedgerLine } from './ledgerLine.js';

/** More than a few other histories of one device is a flood, not an accident. */
const MAX_FORKS = 32;
/** A gate that was offline for a year has lost less; a wider gap was invented. */
const MAX_GAP = 1_000_000;

/** What became of a batch. All but `rejected` are acknowledged, with this place. */
export type Stored =
  | {
      readonly kind: 'stored';
      readonly place: Place;
      /** The line that has it now; 0 is the main one. */
      readonly fork: number;
      readonly records: readonly Chained[];
    }
  | { readonly kind: 'known'; readonly place: Place; readonly fork: number }
  /** Records before it are missing here: nothing was stored, and the device rewinds to our place. */
  | { readonly kind: 'hole'; readonly place: Place | null }
  | { readonly kind: 'rejected'; readonly reason: string };

interface DeviceLedger {
  readonly lines: LedgerLine[];
  /** A fork whose first append failed: the next try is made in the same file. */
  begun: LedgerLine | undefined;
  /** The line written last. */
  current: LedgerLine;
  /** What comes for one device is done strictly in order. */
  tail: Promise<unknown>;
}

export interface LedgerOptions {
  readonly folder: string;
  readonly log: Log;
  /** `verify` only reads: it cuts no torn tail, which may be a record on its way. */
  readonly writes: boolean;
  readonly append?: Append;
}

/**
 * All journals as central has them, one append-only file a device, sealed as they came. A second history of the same
 * places (a disk rolled back or cloned) goes to a file of its own, `<device>.fork-<n>.cpj`, from where it differs:
 * both are kept, nothing is overwritten, and each goes on in its own file.
 */
export class Ledger {
  readonly #devices = new Map<string, Promise<DeviceLedger>>();

  constructor(private readonly options: LedgerOptions) {}

  /** How far central has a device's journal, on disk. */
  place(device: string): Promise<Place | null> {
    return this.#inTurn(device, async (ledger) => {
      for (const line of ledger.lines) await line.refresh();
      return ledger.current.place;
    });
  }

  /**
   * Stores what is new of a batch, durably before it returns.
   * @throws any error of the disk, after which nothing of the batch counts as stored
   */
  async store(device: string, batch: Batch): Promise<Stored> {
    const checked = checkBatch(device, batch);
    if (!checked.ok) return { kind: 'rejected', reason: checked.reason };
    return this.#inTurn(device, (ledger) => this.#store(device, ledger, checked.value));
  }

  /**
   * A record as it is stored.
   * @param fork of that line; default: the one that was written last
   */
  recordAt(device: string, epoch: number, seq: number, fork?: number): Promise<JournalRecord | undefined> {
    return this.#inTurn(device, ({ lines, current }) =>
      (lines.find((line) => line.fork === fork) ?? current).recordAt(epoch, seq),
    );
  }

  async #inTurn<T>(device: string, work: (ledger: DeviceLedger) => Promise<T>): Promise<T> {
    const ledger = await this.#open(device);
    const done = ledger.tail.then(() => work(ledger));
    ledger.tail = done.catch(() => {});
    return done;
  }

  #open(device: string): Promise<DeviceLedger> {
    const open = this.#devices.get(device);
    if (open !== undefined) return open;
    const opening = this.#read(device);
    this.#devices.set(device, opening);
    // A disk that cannot be read now may be readable at the next batch.
    opening.catch(() => this.#devices.delete(device));
    return opening;
  }

  async #read(device: string): Promise<DeviceLedger> {
    const { folder, log, writes } = this.options;
    // Of a fleet's thousands of files these few: the rest is not worth a look a gate.
    const names = (await readdir(folder)).filter((name) => name.startsWith(device));
    const forks = ledgerFiles(names).filter((file) => file.device === device && file.fork > 0);
    const main = this.#line(device, 0);
    const lines = [main, ...forks.map(({ fork }) => this.#line(device, fork))];
    for (const line of lines) {
      await line.refresh();
      const cut = writes ? await line.settle() : 0;
      if (cut > 0) log.warn('torn tail cut', { file: line.path, bytes: cut });
    }
    const begun = lines.find((line) => line !== main && line.place === null);
    const whole = lines.filter((line) => line === main || line.place !== null);
    const current = whole.reduce((last, line) => (line.changedMs > last.changedMs ? line : last), main);
    return { lines: whole, begun, current, tail: Promise.resolve() };
  }

  #line(device: string, fork: number): LedgerLine {
    const path = join(this.options.folder, ledgerFileName(device, fork));
    return new LedgerLine(path, fork, this.options.append ?? appendDurable);
  }

  async #store(device: string, ledger: DeviceLedger, batch: CheckedBatch): Promise<Stored> {
    const fits = await Promise.all(ledger.lines.map(async (line) => ({ line, fit: await line.fit(batch) })));
    const known = fits.find(({ fit }) => fit === 'known')?.line;
    if (known !== undefined) return { kind: 'known', place: endOf(batch.records), fork: known.fork };
    const next = fits.find(({ fit }) => fit === 'continues')?.line;
    if (next !== undefined) return this.#append(ledger, next, batch, (next.lastOf(batch.epoch) ?? 0) + 1);
    const parent = this.#follows(ledger, batch);
    if (parent !== undefined) return this.#append(ledger, parent, batch, 1);
    const rival = fits.find(({ fit }) => fit === 'differs')?.line;
    if (rival !== undefined) return this.#fork(device, ledger, batch, await rival.divergence(batch));
    if (batch.first === 1) return this.#newEpoch(device, ledger, batch);
    if (batch.gap) return this.#behindGap(device, ledger, batch);
    return { kind: 'hole', place: ledger.current.place };
  }

  /** The line at whose very end a new epoch says that it begins. */
  #follows(ledger: DeviceLedger, { epoch, first, start }: CheckedBatch): LedgerLine | undefined {
    if (first !== 1 || start === undefined) return undefined;
    return ledger.lines.find(
      ({ place, highestEpoch }) => epoch > highestEpoch && samePlace(place, start.previous),
    );
  }

  /** An epoch that begins elsewhere than where we are: kept all the same, and named. */
  async #newEpoch(device: string, ledger: DeviceLedger, batch: CheckedBatch): Promise<Stored> {
    const { epoch, start } = batch;
    const [main = ledger.current] = ledger.lines;
    if (epoch <= main.highestEpoch) return this.#fork(device, ledger, batch, 1);
    const previous = start?.previous ?? null;
    const rolledBack = previous === null || (await main.holds(previous));
    this.options.log.error(rolledBack ? 'journal rolled back' : 'journal gap', {
      device,
      epoch,
      ...(rolledBack ? { alarm: HISTORY_ALARMS.rolledBack } : {}),
      after: previous === null ? 'nothing' : `${previous.epoch}/${previous.seq}`,
      ours: main.place === null ? 'nothing' : `${main.place.epoch}/${main.place.seq}`,
    });
    return this.#append(ledger, main, batch, 1);
  }

  /** The gate has lost records itself. What it still has is kept, and `verify` names what is missing. */
  async #behindGap(device: string, ledger: DeviceLedger, batch: CheckedBatch): Promise<Stored> {
    const line = ledger.current;
    if (batch.epoch < line.highestEpoch) return { kind: 'rejected', reason: 'gap-in-the-past' };
    const last = line.lastOf(batch.epoch) ?? 0;
    if (batch.first - last > MAX_GAP) return { kind: 'rejected', reason: 'gap-too-wide' };
    this.options.log.error('journal gap: records are lost on the device', {
      device,
      epoch: batch.epoch,
      before: batch.first,
      after: last,
    });
    return this.#append(ledger, line, batch, batch.first);
  }

  async #fork(device: string, ledger: DeviceLedger, batch: CheckedBatch, fromSeq: number): Promise<Stored> {
    if (ledger.lines.length > MAX_FORKS) return { kind: 'rejected', reason: 'too-many-forks' };
    const line = ledger.begun ?? this.#line(device, Math.max(...ledger.lines.map(({ fork }) => fork)) + 1);
    const stored = await this.#append(ledger, line, batch, fromSeq).finally(() => {
      // A try that failed is no history yet. One that met the file of another writer has read it, and that is one.
      const holdsSomething = line.place !== null;
      if (holdsSomething) ledger.lines.push(line);
      ledger.begun = holdsSomething ? undefined : line;
    });
    this.options.log.error(
      'journal forked: this device has a second history, its disk was cloned or rolled back',
      {
        device,
        alarm: HISTORY_ALARMS.forked,
        at: `${batch.epoch}/${fromSeq}`,
        file: ledgerFileName(device, line.fork),
      },
    );
    return stored;
  }

  async #append(
    ledger: DeviceLedger,
    line: LedgerLine,
    batch: CheckedBatch,
    fromSeq: number,
  ): Promise<Stored> {
    const records = batch.records.slice(fromSeq - batch.first);
    try {
      await line.store(records);
    } catch (thrown) {
      if (codeOf(thrown) === 'ledger.moved') await line.refresh();
      throw thrown;
    }
    ledger.current = line;
    return { kind: 'stored', place: endOf(batch.records), fork: line.fork, records };
  }
}

function endOf(records: readonly Chained[]): Place {
  const last = records.at(-1);
  if (last === undefined) throw new RangeError('a batch has at least one record');
  const { epoch, seq } = placeOf(last);
  return { epoch, seq, head: last.head.toString('hex') };
}

function samePlace(a: Place | null, b: Place | null): boolean {
  if (a === null || b === null) return a === b;
  return a.epoch === b.epoch && a.seq === b.seq && a.head === b.head;
}
