import type { LinkFrame } from '../../protocol/journal/frame.js';
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
import type { Place } from '../../protocol/wire/session.js';
import type { HeadAudit } from './headAudit.js';
import type { LedgerFileName, LedgerPart } from './ledgerFile.js';

/** What can be wrong with a stored journal. */
export type FaultKind =
  | 'altered'
  | 'removed'
  | 'reordered'
  | 'repeated'
  | 'forged'
  | 'damaged'
  | 'fork'
  | 'gap'
  | 'undeclared'
  | 'rolled-back';

export interface Fault {
  readonly kind: FaultKind;
  /** The record, where the fault is of one. */
  readonly epoch: number | undefined;
  readonly seq: number | undefined;
  readonly file: string;
  /** For people; holds no personal data. */
  readonly detail: string;
}

/** A record as the chain sees it. */
interface Entry {
  readonly epoch: number;
  readonly seq: number;
  readonly facts: StartFacts | undefined;
}

interface EpochState {
  readonly first: number;
  /** The `seq` after the highest seen. */
  next: number;
  /** The chain's head after the record before `next`. */
  head: Buffer;
  /** Numbers passed over so far. */
  missing: { readonly from: number; readonly to: number; readonly damaged: boolean }[];
}

export interface EpochEnd {
  readonly first: number;
  readonly last: number;
  readonly head: string;
}

/** Recomputes the chain of one ledger file, record by record. */
export class LineAudit {
  readonly faults: Fault[] = [];
  readonly starts: { readonly epoch: number; readonly facts: StartFacts }[] = [];
  readonly #epochs = new Map<number, EpochState>();
  #damagedBefore = false;
  #count = 0;
  /** A fault that both chain and seal speak for. */
  #confirmed: Fault | undefined;
  #newest: { readonly epoch: number; readonly seq: number } | undefined;
  #anchored: string | undefined;

  /** @param anchor a place whose record is looked out for */
  constructor(
    readonly file: LedgerFileName,
    private readonly anchor?: Place,
    /** Checks what the device signed; without it signatures are passed over. */
    readonly heads?: HeadAudit,
  ) {}

  /** The head at the anchor as it is here; undefined where its record is not. */
  get anchored(): string | undefined {
    return this.#anchored;
  }

  get records(): number {
    return this.#count;
  }

  /** The record that came last. */
  get newest(): { readonly epoch: number; readonly seq: number } | undefined {
    return this.#newest;
  }

  /** The epochs by number, as far as they go here. */
  ends(): Map<number, EpochEnd> {
    const ends = [...this.#epochs].map(([epoch, { first, next, head }]): [number, EpochEnd] => [
      epoch,
      { first, last: next - 1, head: head.toString('hex') },
    ]);
    return new Map(ends);
  }

  /** @returns the record of a frame that can be read */
  take(part: LedgerPart): JournalRecord | undefined {
    if (part.kind === 'damage') {
      this.#damagedBefore = true;
      return undefined;
    }
    if (part.kind === 'link') {
      this.#link(part.frame);
      this.#damagedBefore = false;
      return undefined;
    }
    const { previous, body } = part.frame;
    const parsed = parseRecord(body);
    if (!parsed.ok) {
      this.#fault('forged', this.#newest?.epoch, undefined, `what lies at byte ${part.from} is no record`);
      return undefined;
    }
    this.#count += 1;
    const { epoch, seq } = parsed.value;
    const head = nextHead(previous, linkOf(parsed.value, body));
    if ((parsed.value.kind === 'start') !== (seq === 1)) {
      this.#fault('forged', epoch, seq, 'an epoch begins with one start record, and only there');
    }
    this.#chain({ epoch, seq, facts: startFacts(parsed.value) }, previous, head);
    this.#damagedBefore = false;
    this.#signed(parsed.value, head);
    return parsed.value;
  }

  /** A record that its gate dropped for want of room: the chain goes on through what is left of it. */
  #link({ previous, link }: LinkFrame): void {
    const { epoch, seq } = link;
    if (link.class === RECORD_CLASSES.chain)
      this.#fault('forged', epoch, seq, 'a record of this class is never dropped');
    this.#chain({ epoch, seq, facts: undefined }, previous, nextHead(previous, link));
  }

  /** A record whose sealed part is not what the device sealed. */
  unsealed({ epoch, seq }: JournalRecord): void {
    const last = this.faults.at(-1);
    // Chained to something else and not sealed by the device: then it is this record, and not the one before.
    const blamesBefore = last?.kind === 'altered' && last.epoch === epoch && last.seq === seq - 1;
    if (blamesBefore && last !== this.#confirmed) this.faults.pop();
    this.#fault('forged', epoch, seq, 'its sealed part was not made by the device, or was altered since');
  }

  /** Nothing comes any more. */
  finish(tornTail: boolean): void {
    for (const [epoch, { missing }] of this.#epochs) {
      for (const range of missing) {
        const detail =
          range.from === range.to ? 'is missing' : `and all up to ${epoch}/${range.to} are missing`;
        if (range.damaged) this.#fault('altered', epoch, range.from, 'its bytes are damaged');
        else this.#fault('removed', epoch, range.from, detail);
      }
    }
    if (!this.#damagedBefore || tornTail) return;
    const { epoch, seq } = this.#newest ?? {};
    this.#fault(
      'altered',
      epoch,
      seq === undefined ? undefined : seq + 1,
      'the bytes at the end are damaged',
    );
  }

  #signed(record: JournalRecord, head: Buffer): void {
    const found = this.heads?.take(record, head.toString('hex'));
    if (found === undefined) return;
    const { kind, seq, detail } = found;
    // Where the chain itself has shown what was altered, the signature says the same again.
    const isNamed = this.faults.some((fault) => fault.epoch === record.epoch && fault.kind !== 'forged');
    if (kind === 'forged' || !isNamed) this.#fault(kind, record.epoch, seq, detail);
  }

  #chain(entry: Entry, previous: Buffer, head: Buffer): void {
    const { epoch, seq } = entry;
    if (epoch === this.anchor?.epoch && seq === this.anchor.seq) this.#anchored = head.toString('hex');
    const state = this.#epochs.get(epoch);
    this.#newest = { epoch, seq };
    if (state === undefined) this.#begin(entry, previous, head);
    else if (seq >= state.next) this.#goOn(state, entry, previous, head);
    else this.#goBack(state, epoch, seq);
  }

  #begin({ epoch, seq, facts }: Entry, previous: Buffer, head: Buffer): void {
    if (seq === 1 && facts !== undefined) {
      this.starts.push({ epoch, facts });
      const isOwn = facts.device === this.file.device && epochBase(epoch, facts).equals(previous);
      if (!isOwn)
        this.#fault('altered', epoch, 1, 'the epoch does not begin with what its start record says');
    }
    // A fork begins where it differs.
    const passed =
      seq > 1 && this.file.fork === 0 ? [{ from: 1, to: seq - 1, damaged: this.#damagedBefore }] : [];
    this.#epochs.set(epoch, { first: seq, next: seq + 1, head, missing: passed });
  }

  /** The next record tells whether an unsealed one was put in with its chain made to fit, or changed where it lay. */
  #blameBefore(epoch: number, seq: number): void {
    const last = this.faults.at(-1);
    const isUnsealed = last?.kind === 'forged' && last.epoch === epoch && last.seq === seq;
    if (isUnsealed) this.faults.pop();
    this.#fault('altered', epoch, seq, 'the record after it was chained to another one');
    if (isUnsealed) this.#confirmed = this.faults.at(-1);
  }

  #goOn(state: EpochState, { epoch, seq }: Entry, previous: Buffer, head: Buffer): void {
    if (seq > state.next) {
      state.missing.push({ from: state.next, to: seq - 1, damaged: this.#damagedBefore });
    } else if (!previous.equals(state.head)) {
      this.#blameBefore(epoch, seq - 1);
    }
    state.next = seq + 1;
    state.head = head;
  }

  #goBack(state: EpochState, epoch: number, seq: number): void {
    const at = state.missing.findIndex(({ from, to }) => from <= seq && seq <= to);
    const range = state.missing[at];
    if (range === undefined) {
      this.#fault('repeated', epoch, seq, 'is there twice');
      return;
    }
    this.#fault('reordered', epoch, seq, 'does not stand in its place');
    const left = { ...range, to: seq - 1 };
    const right = { ...range, from: seq + 1 };
    state.missing.splice(at, 1, ...[left, right].filter(({ from, to }) => from <= to));
  }

  #fault(kind: FaultKind, epoch: number | undefined, seq: number | undefined, detail: string): void {
    this.faults.push({ kind, epoch, seq, file: this.file.name, detail });
  }
}
