import * as v from 'valibot';
import { sm3 } from '../sm/sm3.js';
import { base64, count, hex, type Parsed, parseJson } from '../wire/json.js';
import { PlaceSchema } from '../wire/session.js';

/**
 * How dear a record is when room runs out, dearest first: the larger number of the oldest segment goes first.
 * `chain` is what the rest cannot be read or proved without.
 */
export const RECORD_CLASSES = { chain: 0, alarm: 1, visit: 2, routine: 3 } as const;
export type RecordClass = (typeof RECORD_CLASSES)[keyof typeof RECORD_CLASSES];

/** The kinds of record written so far, each with its class. A reader keeps and proves kinds that it does not know. */
export const RECORD_KINDS = {
  /** The first of an epoch, which is one start of the daemon: ties it to the last place found on disk. */
  start: RECORD_CLASSES.chain,
  /** A record key wrapped to central's ledger key; sealed records after it use that key. */
  key: RECORD_CLASSES.chain,
  /** What was dropped for want of room: in the clear, since it tells of nobody. */
  dropped: RECORD_CLASSES.chain,
  /** The chain's head at an earlier record, signed by the device: see `signedHead.ts`. */
  head: RECORD_CLASSES.chain,
  /** What time it was at one moment of a boot: see `clockMark.ts`. */
  clock: RECORD_CLASSES.chain,
  /** A credential was presented. */
  tap: RECORD_CLASSES.visit,
  /** The tap's card frame failed after its text had been taken: nobody was there. */
  'tap-void': RECORD_CLASSES.visit,
  /** How a tap ended. */
  verdict: RECORD_CLASSES.visit,
  /** Somebody walked through. */
  passage: RECORD_CLASSES.visit,
  /** Something that somebody must look at. */
  alarm: RECORD_CLASSES.alarm,
} as const;
export type RecordKind = keyof typeof RECORD_KINDS;

const SealSchema = v.strictObject({
  /** `seq` of the `key` record of this epoch. */
  key: count(1),
  /** How many times the key moved on before it sealed this record. */
  step: count(),
  /** iv (12) | mac (32) | ciphertext. */
  box: base64(16 * 1024),
});

const RecordSchema = v.strictObject({
  v: v.literal(1),
  epoch: count(1),
  /** From 1, without a gap in its epoch. */
  seq: count(1),
  kind: v.pipe(v.string(), v.regex(/^[a-z][a-z-]{0,23}$/)),
  class: v.pipe(count(), v.maxValue(9)),
  /** The system's boot, 16 hex characters of a digest: monotonic times compare within one boot only. */
  boot: hex(8),
  /** Milliseconds on the monotonic clock of that boot. */
  monoMs: count(),
  /** Milliseconds since 1970 as the device believed. */
  wallMs: count(),
  /** Whether wall time had been had from central since this start. */
  trusted: v.boolean(),
  /** Facts that are no secret: of `start`, `key`, `head` and `clock`, and which tap a `verdict` or `tap-void` ends. */
  clear: v.optional(v.record(v.string(), v.unknown())),
  /** Everything that says who came and what was decided. */
  sealed: v.optional(SealSchema),
});

/** One journal record. In the clear stand kind, class, number and times; all else is sealed. */
export type JournalRecord = v.InferOutput<typeof RecordSchema>;

/**
 * A record as text, which in UTF-8 is what is digested, stored on both sides and sent: JSON, its fields in this order and
 * without white space. Put together by hand: it takes a sixth of the time that a stringifier takes.
 */
export function recordText(record: JournalRecord): string {
  const { v, epoch, seq, kind, class: recordClass, boot, monoMs, wallMs, trusted, clear, sealed } = record;
  const place = `{"v":${v},"epoch":${epoch},"seq":${seq},"kind":"${kind}","class":${recordClass}`;
  const times = `,"boot":"${boot}","monoMs":${monoMs},"wallMs":${wallMs},"trusted":${trusted}`;
  const facts = clear === undefined ? '' : `,"clear":${JSON.stringify(clear)}`;
  const box = sealed === undefined ? '' : sealedText(sealed);
  return `${place}${times}${facts}${box}}`;
}

const sealedText = ({ key, step, box }: NonNullable<JournalRecord['sealed']>): string =>
  `,"sealed":{"key":${key},"step":${step},"box":"${box.toString('base64')}"}`;

/** A record's bytes. */
export const encodeRecord = (record: JournalRecord): Buffer => Buffer.from(recordText(record), 'utf8');

export const parseRecord = (body: Uint8Array): Parsed<JournalRecord> => parseJson(body, RecordSchema);

const StartSchema = v.strictObject({
  device: v.string(),
  /** 8 random bytes: two disks that count the same epoch are still told apart. */
  nonce: hex(8),
  /** The last place found on disk at this start; null on an empty disk. */
  previous: v.nullable(PlaceSchema),
});
/** What a `start` record says in the clear. */
export type StartFacts = v.InferOutput<typeof StartSchema>;

const KeySchema = v.strictObject({
  /** Id of the ledger key that it is wrapped to. */
  ledgerKey: hex(8),
  /** 32 bytes, SM2-encrypted (C1C3C2, 04 prefix). */
  wrapped: v.pipe(v.string(), v.regex(/^04[0-9a-f]{256}$/)),
});
/** What a `key` record says in the clear. */
export type KeyFacts = v.InferOutput<typeof KeySchema>;

export function startFacts(record: JournalRecord): StartFacts | undefined {
  const result = v.safeParse(StartSchema, record.clear);
  return record.kind === 'start' && result.success ? result.output : undefined;
}

export function keyFacts(record: JournalRecord): KeyFacts | undefined {
  const result = v.safeParse(KeySchema, record.clear);
  return record.kind === 'key' && result.success ? result.output : undefined;
}

const DroppedSchema = v.strictObject({
  /** The epoch of the records, and the first and last of them. What lies between and is not counted was kept. */
  epoch: count(1),
  first: count(1),
  last: count(1),
  /** How many of each class, by its name. */
  counts: v.record(v.pipe(v.string(), v.regex(/^[a-z][a-z0-9-]{0,15}$/)), count(1)),
  /** `room`: the journal had reached its limit. */
  reason: v.pipe(v.string(), v.regex(/^[a-z][a-z-]{0,15}$/)),
});
/** What a `dropped` record says in the clear: so many records were replaced by their links. */
export type DroppedFacts = v.InferOutput<typeof DroppedSchema>;

export function droppedFacts(record: JournalRecord): DroppedFacts | undefined {
  const result = v.safeParse(DroppedSchema, record.clear);
  return record.kind === 'dropped' && result.success ? result.output : undefined;
}

/** A class's name as `dropped` records use it; of one that this code does not know, its number. */
export function classNameOf(value: number): string {
  const known = Object.entries(RECORD_CLASSES).find(([, number]) => number === value);
  return known?.[0] ?? `class-${value}`;
}

const EndSchema = v.strictObject({ tap: v.strictObject({ epoch: count(1), seq: count(1) }) });

/** The tap that a `verdict` or a `tap-void` ends: in the clear, so that the next start finds taps left without an end. */
export function endedTap(
  record: JournalRecord,
): { readonly epoch: number; readonly seq: number } | undefined {
  const result = v.safeParse(EndSchema, record.clear);
  const ends = record.kind === 'verdict' || record.kind === 'tap-void';
  return ends && result.success ? result.output.tap : undefined;
}

/** As `encodeRecord` begins: the order of its fields is fixed. */
const OUTLINE =
  /^\{"v":1,"epoch":(\d{1,15}),"seq":(\d{1,15}),"kind":"([a-z-]{1,24})","class":(\d),"boot":"[0-9a-f]{16}","monoMs":\d{1,16},"wallMs":\d{1,16},"trusted":(?:true|false),(?:"clear":\{"tap":\{"epoch":(\d{1,15}),"seq":(\d{1,15})\}\},)?/;
/** Longer than any beginning that fits the pattern. */
const OUTLINE_BYTES = 320;

/** What a few of a record's first bytes say. */
export interface Outline {
  readonly epoch: number;
  readonly seq: number;
  readonly kind: string;
  readonly class: number;
  /** The tap that it ends, where it ends one. */
  readonly ends: { readonly epoch: number; readonly seq: number } | undefined;
}

/**
 * Reads the beginning of what this code wrote, and all of anything else: some forty times faster than `parseRecord`
 * where thousands of records are gone through for their places.
 * @returns undefined for what is no record
 */
export function outlineOf(body: Buffer): Outline | undefined {
  const found = OUTLINE.exec(body.toString('latin1', 0, OUTLINE_BYTES));
  if (found === null) {
    const parsed = parseRecord(body);
    return parsed.ok ? { ...parsed.value, ends: endedTap(parsed.value) } : undefined;
  }
  const [, epoch, seq, kind = '', value, tapEpoch, tapSeq] = found;
  const isEnd = tapEpoch !== undefined && (kind === 'verdict' || kind === 'tap-void');
  const ends = isEnd ? { epoch: Number(tapEpoch), seq: Number(tapSeq) } : undefined;
  return { epoch: Number(epoch), seq: Number(seq), kind, class: Number(value), ends };
}

/** What the chain proves of a record: enough to go on proving after its body was dropped for want of room. */
export interface ChainLink {
  readonly seq: number;
  readonly class: number;
  /** SM3 of the record's bytes. */
  readonly digest: Uint8Array;
}

const text = (value: string) => Buffer.from(value, 'utf8');

/** The head before the first record of an epoch: binds device, epoch, its random bytes and the place before it. */
export function epochBase(epoch: number, start: StartFacts): Buffer {
  const { previous } = start;
  const before = previous === null ? 'none' : `${previous.epoch}/${previous.seq}/${previous.head}`;
  return sm3(text(`cardpad/v1/epoch\n${start.device}\n${epoch}\n${start.nonce}\n${before}`));
}

/** head = SM3(previous head, seq, class, SM3(record)). */
export function nextHead(previous: Uint8Array, link: ChainLink): Buffer {
  const { seq, class: recordClass, digest } = link;
  const input = Buffer.allocUnsafe(32 + 8 + 1 + 32);
  input.set(previous, 0);
  input.writeUInt32BE(Math.floor(seq / 2 ** 32), 32);
  input.writeUInt32BE(seq % 2 ** 32, 36);
  input.writeUInt8(recordClass, 40);
  input.set(digest, 41);
  return sm3(input);
}

/** The link of a whole record. */
export const linkOf = (record: JournalRecord, body: Uint8Array): ChainLink => ({
  seq: record.seq,
  class: record.class,
  digest: sm3(body),
});
