import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import { droppedFacts, type JournalRecord, parseRecord } from '../../protocol/journal/record.js';
import {
  parseAlarmContent,
  parsePassageContent,
  parseTapContent,
  parseVerdictContent,
  parseVoidContent,
} from '../../protocol/journal/seal.js';
import type { TapId } from '../../protocol/wire/messages.js';
import { ledgerFolder } from '../keys.js';
import type { People } from '../rules/people.js';
import { subjectOf } from '../rules/subject.js';
import { BootClocks } from './bootClocks.js';
import { Histories } from './histories.js';
import { type LedgerFileName, ledgerFiles, readLedger } from './ledgerFile.js';
import { RecordReader, type Unwrap } from './reading.js';

/** One line of `central events`: never a number or a name. */
export type EventLine = Readonly<Record<string, unknown>>;

/** It opened, and what is inside is nothing that this kind of record says. */
const UNFIT = { unreadable: true, reason: 'wrong-shape' } as const;

export interface EventOptions {
  readonly folder: string;
  /** One device only. */
  readonly device?: string;
  readonly siteKey: Buffer;
  readonly unwrap: Unwrap;
  /** Binds other cards to persons, where there is a people file. */
  readonly people: People;
}

/** The ledger's files, in order of device. @throws CardpadError `ledger.missing` (fatal) */
export async function listLedger(folder: string, device?: string): Promise<LedgerFileName[]> {
  let names: string[];
  try {
    names = await readdir(ledgerFolder(folder));
  } catch (cause) {
    const help = 'Give the folder that "central init" made with --data.';
    const path = ledgerFolder(folder);
    throw new CardpadError('ledger.missing', 'fatal', `cannot read ${path} (${codeOf(cause) ?? 'error'})`, {
      help,
    });
  }
  return ledgerFiles(names).filter((file) => device === undefined || file.device === device);
}

/** The last instant that a date can say (ECMAScript, time values). */
const LAST_DATE_MS = 8.64e15;

/** Reads one file from where it stopped last time. */
class FileEvents {
  #fromByte = 0;
  readonly #reader: RecordReader;
  readonly #clocks = new BootClocks();
  readonly #histories: Histories;

  constructor(
    private readonly file: LedgerFileName,
    private readonly options: EventOptions,
  ) {
    this.#reader = new RecordReader(file.device, options.unwrap);
    this.#histories = new Histories(file.fork > 0);
  }

  async *poll(): AsyncGenerator<EventLine> {
    const voids = new Map<
      string,
      { readonly reason: string; printed: boolean; readonly at: JournalRecord }
    >();
    const fromByte = this.#fromByte;
    // A tap that was voided says so at its own place, and a time may be known from what came later: these come first.
    for await (const record of this.#records(fromByte)) {
      this.#reader.note(record);
      this.#clocks.note(record);
      if (record.kind !== 'tap-void') continue;
      const opening = await this.#reader.open(record);
      const content = opening.ok ? parseVoidContent(opening.plaintext) : opening;
      if (!content.ok) continue;
      const { tap, reason } = content.value;
      voids.set(`${tap.epoch}/${tap.seq}`, { reason, printed: false, at: record });
    }
    const end = this.#fromByte;
    this.#fromByte = fromByte;
    for await (const record of this.#records(fromByte, end)) {
      this.#reader.note(record);
      const alarm = this.#histories.alarmAt(record);
      if (alarm !== undefined) yield { ...this.#head(record), kind: 'alarm', alarm };
      const voided = record.kind === 'tap' ? voids.get(`${record.epoch}/${record.seq}`) : undefined;
      if (voided !== undefined) voided.printed = true;
      const line = await this.#line(record, voided?.reason);
      if (line !== undefined) yield line;
    }
    for (const [tap, { reason, printed, at }] of voids) if (!printed) yield this.#late(tap, reason, at);
  }

  /** Whole records from an offset; moves the place from which the next look begins. */
  async *#records(fromByte: number, end = Number.POSITIVE_INFINITY): AsyncGenerator<JournalRecord> {
    const path = join(ledgerFolder(this.options.folder), this.file.name);
    for await (const part of readLedger(path, fromByte)) {
      if (part.from >= end) return;
      if (part.kind === 'damage') continue;
      this.#fromByte = part.to;
      // Of a dropped record nothing is left to print; a record of kind `dropped` tells of it.
      if (part.kind === 'link') continue;
      const record = parseRecord(part.frame.body);
      if (record.ok) yield record.value;
    }
  }

  /** The tap was printed at an earlier look, so that its end comes as a line of its own. */
  #late(tap: string, reason: string, at: JournalRecord): EventLine {
    const [epoch, seq] = tap.split('/').map(Number);
    return { ...this.#head(at), epoch, seq, kind: 'tap-void', reason };
  }

  #head(record: JournalRecord): EventLine {
    const { epoch, seq, kind } = record;
    const { device, fork } = this.file;
    const wallMs = this.#clocks.wallMs(record);
    const at = new Date(Math.min(wallMs ?? record.wallMs, LAST_DATE_MS)).toISOString();
    const isCertain = wallMs !== undefined;
    const marks = { ...(isCertain ? {} : { trusted: false }), ...(fork === 0 ? {} : { fork }) };
    return { device, epoch, seq, kind, at, ...marks };
  }

  async #line(record: JournalRecord, voidReason: string | undefined): Promise<EventLine | undefined> {
    const head = this.#head(record);
    if (record.sealed === undefined) return { ...head, ...droppedFields(record) };
    const unreadable = (reason: string) => ({ ...head, unreadable: true, reason });
    const opening = await this.#reader.open(record);
    if (!opening.ok) return unreadable(opening.reason);
    const { plaintext } = opening;
    switch (record.kind) {
      case 'tap':
        return { ...head, ...(this.#tap(plaintext, voidReason) ?? UNFIT) };
      case 'verdict':
        return { ...head, ...(verdictFields(plaintext, record.epoch) ?? UNFIT) };
      case 'tap-void':
        return parseVoidContent(plaintext).ok ? undefined : { ...head, ...UNFIT };
      case 'passage':
        return { ...head, ...(passageFields(plaintext, record.epoch) ?? UNFIT) };
      case 'alarm': {
        const alarm = parseAlarmContent(plaintext);
        return { ...head, ...(alarm.ok ? alarm.value : UNFIT) };
      }
      default:
        return head;
    }
  }

  #tap(plaintext: Buffer, voidReason: string | undefined): EventLine | undefined {
    const content = parseTapContent(plaintext);
    if (!content.ok) return undefined;
    const { medium, assurance, token, lane, direction, schemes } = content.value;
    const { siteKey, people } = this.options;
    const subject = subjectOf(siteKey, medium, token, people);
    const ended = voidReason === undefined ? {} : { kind: 'tap-void', reason: voidReason };
    return { ...ended, medium, assurance, subject, lane, direction, schemes };
  }
}

function droppedFields(record: JournalRecord): EventLine {
  const facts = droppedFacts(record);
  if (facts === undefined) return {};
  const { epoch, first, last, counts, reason } = facts;
  return { from: `${epoch}/${first}`, to: `${epoch}/${last}`, counts, reason };
}

function verdictFields(plaintext: Buffer, ownEpoch: number): EventLine | undefined {
  const content = parseVerdictContent(plaintext);
  if (!content.ok) return undefined;
  const { tap, outcome, reasons, action, decidedBy } = content.value;
  return { ...tapFields(tap, ownEpoch), outcome, reasons, action, decidedBy };
}

function passageFields(plaintext: Buffer, ownEpoch: number): EventLine | undefined {
  const content = parsePassageContent(plaintext);
  if (!content.ok) return undefined;
  const { tap, direction } = content.value;
  return { ...(tap === undefined ? {} : tapFields(tap, ownEpoch)), direction };
}

/** Which tap is meant: its number, and its epoch where that is another one. */
const tapFields = (tap: TapId, ownEpoch: number): EventLine => ({
  tap: tap.seq,
  ...(tap.epoch === ownEpoch ? {} : { tapEpoch: tap.epoch }),
});

/** All events of a ledger, beside the central that writes it. */
export class EventReader {
  readonly #files = new Map<string, FileEvents>();

  constructor(private readonly options: EventOptions) {}

  /** What came since the last call, in order for each device. A record that is being written comes at the next. */
  async *poll(): AsyncGenerator<EventLine> {
    for (const file of await listLedger(this.options.folder, this.options.device)) {
      const events = this.#files.get(file.name) ?? new FileEvents(file, this.options);
      this.#files.set(file.name, events);
      yield* events.poll();
    }
  }
}
