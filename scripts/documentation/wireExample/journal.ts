import { encodeFrame, FRAME_HEADER_BYTES } from '../../../protocol/journal/frame.js';
import {
  encodeRecord,
  epochBase,
  type JournalRecord,
  linkOf,
  nextHead,
  RECORD_KINDS,
} from '../../../protocol/journal/record.js';
import { RecordKey } from '../../../protocol/journal/seal.js';
import { sm3 } from '../../../protocol/sm/sm3.js';
import {
  bytesOf,
  drawn,
  type ExampleBox,
  type ExampleKey,
  exampleBox,
  exampleEncryption,
  hexOf,
  utf8,
} from './parts.js';

export interface ExampleRecord {
  readonly kind: string;
  /** The sealed part, where it has one. `recordKey` is k_n before it moves on. */
  readonly seal?: ExampleBox & { readonly step: number; readonly recordKey: string };
  readonly body: string;
  readonly digest: string;
  readonly headBefore: string;
  /** What SM3 is taken of for the head after it. */
  readonly headInput: string;
  readonly head: string;
  /** What stands before the body in a file. */
  readonly frameHeader: string;
}

export interface ExampleJournal {
  readonly baseInput: string;
  readonly base: string;
  readonly recordKey: string;
  readonly wrapped: { readonly nonce: string; readonly ciphertext: string };
  readonly records: readonly ExampleRecord[];
}

const EPOCH = 1;
const KEY_SEQ = 2;
const PAD_BYTES = 256;
/** When each record was appended, from midnight. */
const AT_MS = [1_000, 2_000, 3_000, 3_042];
/** 2026-01-01, 08:00 in China. */
export const MIDNIGHT_MS = Date.UTC(2026, 0, 1);

const TAP = { epoch: EPOCH, seq: 3 };
/** What the question and the tap record say alike. */
export const PRESENTED = {
  medium: 'id-card',
  assurance: 'sam',
  validity: 'valid',
  token: '11010519491231002X',
  schemes: ['health-code@1'],
  site: 'gz-bus',
  lane: 'A1',
  direction: 'entry',
};
const DECIDED = {
  tap: TAP,
  outcome: 'pass',
  reasons: ['health.green'],
  action: 'open',
  decidedBy: 'central',
  tookMs: 41.5,
};

/** The first four records of a gate's first start: start, key, a tap and its verdict. */
export function exampleJournal(device: string, ledger: ExampleKey): ExampleJournal {
  const start = { device, nonce: hexOf(drawn('nonce of the epoch').subarray(0, 8)), previous: null };
  const first = drawn('record key');
  const key = new RecordKey(first);
  const wrapped = exampleEncryption('the record key', first, ledger.publicKey);
  const base = epochBase(EPOCH, start);
  const chain = new Chain(base);
  chain.add('start', { clear: start });
  chain.add('key', { clear: { ledgerKey: ledger.id, wrapped: wrapped.ciphertext } });
  const recordKeys = [first, drawnNext(first)].map(hexOf);
  for (const [kind, content, clear] of [
    ['tap', PRESENTED, undefined],
    ['verdict', DECIDED, { tap: TAP }],
  ] as const) {
    const { step } = key;
    const address = `${device}\n${EPOCH}\n${chain.records.length + 1}\n${kind}`;
    const context = [utf8('cardpad/v1/journal/record'), utf8(address)];
    const seal = exampleBox(key.current(), context, JSON.stringify(content), PAD_BYTES);
    key.moveOn();
    const box = bytesOf(seal.iv + seal.mac + seal.ciphertext);
    const part = { ...(clear === undefined ? {} : { clear }), sealed: { key: KEY_SEQ, step, box } };
    chain.add(kind, part, { ...seal, step, recordKey: recordKeys[step] ?? '' });
  }
  return {
    baseInput: `cardpad/v1/epoch\n${device}\n${EPOCH}\n${start.nonce}\nnone`,
    base: hexOf(base),
    recordKey: hexOf(first),
    wrapped,
    records: chain.records,
  };
}

/** k1, which a record key does not show. */
function drawnNext(first: Uint8Array): Buffer {
  return sm3(utf8('cardpad/v1/journal/next'), first, bytesOf('00000001'));
}

/** Records one after the other, each with the chain's head. */
class Chain {
  readonly records: ExampleRecord[] = [];

  constructor(private head: Buffer) {}

  add(
    kind: keyof typeof RECORD_KINDS,
    part: Pick<JournalRecord, 'clear' | 'sealed'>,
    seal?: ExampleRecord['seal'],
  ): void {
    const seq = this.records.length + 1;
    const atMs = AT_MS[seq - 1] ?? 0;
    const record: JournalRecord = {
      v: 1,
      epoch: EPOCH,
      seq,
      kind,
      class: RECORD_KINDS[kind],
      boot: 'a1b2c3d4e5f60718',
      monoMs: 60_000 + atMs,
      wallMs: MIDNIGHT_MS + atMs,
      trusted: seq > KEY_SEQ,
      ...part,
    };
    const body = encodeRecord(record);
    const before = this.head;
    this.head = nextHead(before, linkOf(record, body));
    const place = Buffer.alloc(9);
    place.writeBigUInt64BE(BigInt(seq));
    place.writeUInt8(record.class, 8);
    this.records.push({
      kind,
      ...(seal === undefined ? {} : { seal }),
      body: body.toString('utf8'),
      digest: hexOf(sm3(body)),
      headBefore: hexOf(before),
      headInput: hexOf(Buffer.concat([before, place, sm3(body)])),
      head: hexOf(this.head),
      frameHeader: hexOf(encodeFrame(before, body).subarray(0, FRAME_HEADER_BYTES)),
    });
  }
}
