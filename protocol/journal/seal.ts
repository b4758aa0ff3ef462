import * as v from 'valibot';
import { joinBox, open, type SealKeys, seal, splitBox } from '../sm/sealed.js';
import { secretBytes } from '../sm/secretBytes.js';
import { KdfSm3 } from '../sm/sm3.js';
import { DECIDERS, OutcomeSchema, ReasonSchema, ReasonsSchema } from '../verdict.js';
import { parseJson, toPaddedJson } from '../wire/json.js';
import { DIRECTIONS, presentedFields, TapIdSchema } from '../wire/messages.js';
import type { JournalRecord } from './record.js';

/** What a lane does with an outcome; `none` where a newer card had ended the wait. */
export const ACTIONS = ['open', 'hold', 'call-staff', 'hold+call-staff', 'none'] as const;
export type Action = (typeof ACTIONS)[number];

const TapSchema = v.strictObject(presentedFields);
/** The sealed part of a `tap` record. */
export type TapContent = v.InferOutput<typeof TapSchema>;

const VerdictSchema = v.strictObject({
  tap: TapIdSchema,
  outcome: OutcomeSchema,
  reasons: ReasonsSchema,
  action: v.picklist(ACTIONS),
  decidedBy: v.picklist(DECIDERS),
  /** From the card's text to the decision, in milliseconds. */
  tookMs: v.pipe(v.number(), v.finite(), v.minValue(0)),
});
/** The sealed part of a `verdict` record. */
export type VerdictContent = v.InferOutput<typeof VerdictSchema>;

const VoidSchema = v.strictObject({ tap: TapIdSchema, reason: ReasonSchema });
/** The sealed part of a `tap-void` record. */
export type VoidContent = v.InferOutput<typeof VoidSchema>;

const PassageSchema = v.strictObject({
  /** The tap that the gate was opened for; without one, nobody was let in, or the lane was held free. */
  tap: v.optional(TapIdSchema),
  direction: v.picklist(DIRECTIONS),
});
/** The sealed part of a `passage` record. */
export type PassageContent = v.InferOutput<typeof PassageSchema>;

/** Names and words of an alarm's detail: up to 16 characters, so that no ID number fits. */
const DetailNameSchema = v.pipe(v.string(), v.regex(/^[a-z][a-zA-Z]{0,15}$/));
const DetailWordSchema = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9.-]{0,15}$/));
const MOST_DETAILS = 8;

/** What an alarm says, in its record and in the message that goes ahead of it. */
export const alarmFields = {
  /** A stable code, such as `central.silent`. A reader takes codes that it does not know. */
  alarm: ReasonSchema,
  /** A few short machine words, such as the ids of two starts. Nothing that a person wrote or that a card said. */
  detail: v.optional(
    v.pipe(
      v.record(DetailNameSchema, DetailWordSchema),
      v.check((detail) => Object.keys(detail).length <= MOST_DETAILS),
    ),
  ),
} as const;
const AlarmSchema = v.strictObject(alarmFields);
/** The sealed part of an `alarm` record. */
export type AlarmContent = v.InferOutput<typeof AlarmSchema>;

export const parseTapContent = (plaintext: Uint8Array) => parseJson(plaintext, TapSchema);
export const parseVerdictContent = (plaintext: Uint8Array) => parseJson(plaintext, VerdictSchema);
export const parseVoidContent = (plaintext: Uint8Array) => parseJson(plaintext, VoidSchema);
export const parsePassageContent = (plaintext: Uint8Array) => parseJson(plaintext, PassageSchema);
export const parseAlarmContent = (plaintext: Uint8Array) => parseJson(plaintext, AlarmSchema);

const KEY_BYTES = 32;
const CIPHER_KEY_BYTES = 16;
const MAC_KEY_BYTES = 32;
/**
 * Steps that one record key may take: a sealed `step` is below this. A device wraps a new key long before; whoever
 * reads walks no further, whatever a record says.
 */
export const MAX_RECORD_KEY_STEPS = 1024;
/** Contents of a record are padded to this, so that a record's length does not tell a pass from a refusal. */
const PAD_BYTES = 256;

const label = (text: string) => Buffer.from(`cardpad/v1/journal/${text}`, 'utf8');
const NEXT = label('next');
const SEAL = label('seal');
const RECORD = label('record');

/**
 * A record key that moves one way: after each use it becomes KDF(key) and the old one is overwritten. Whoever takes
 * the board at a moment can neither read nor quietly alter what was sealed before it.
 */
export class RecordKey {
  readonly #seal = new KdfSm3(SEAL, KEY_BYTES, CIPHER_KEY_BYTES + MAC_KEY_BYTES);
  readonly #next = new KdfSm3(NEXT, KEY_BYTES, KEY_BYTES);
  /** Where `#seal` derives them to. */
  readonly #keys: SealKeys = {
    cipherKey: this.#seal.derived.subarray(0, CIPHER_KEY_BYTES),
    macKey: this.#seal.derived.subarray(CIPHER_KEY_BYTES),
  };
  #step = 0;

  /** @param first the key as it was wrapped, 32 bytes; copied */
  constructor(first: Uint8Array) {
    if (first.length !== KEY_BYTES) throw new RangeError(`a record key has ${KEY_BYTES} bytes`);
    this.#set(first);
  }

  #set(key: Uint8Array): void {
    this.#seal.secret.set(key);
    this.#next.secret.set(key);
  }

  /** How often the key has moved on. */
  get step(): number {
    return this.#step;
  }

  /** The keys of the current step, the caller's own. */
  current(): SealKeys {
    return this.use(({ cipherKey, macKey }) => {
      const bytes = secretBytes(CIPHER_KEY_BYTES + MAC_KEY_BYTES);
      bytes.set(cipherKey);
      bytes.set(macKey, CIPHER_KEY_BYTES);
      return { cipherKey: bytes.subarray(0, CIPHER_KEY_BYTES), macKey: bytes.subarray(CIPHER_KEY_BYTES) };
    });
  }

  /** Lends the keys of the current step: they are overwritten when the work is done. */
  use<T>(work: (keys: SealKeys) => T): T {
    this.#seal.derive();
    try {
      return work(this.#keys);
    } finally {
      this.#seal.derived.fill(0);
    }
  }

  moveOn(): void {
    const next = this.#next.derive();
    this.#set(next);
    next.fill(0);
    this.#step += 1;
  }

  /** Overwrites the key: it serves no more. */
  erase(): void {
    this.#seal.erase();
    this.#next.erase();
  }
}

/** What a record's sealed part is bound to: it opens nowhere else. */
export type RecordAddress = Pick<JournalRecord, 'epoch' | 'seq' | 'kind'> & { readonly device: string };

function context(address: RecordAddress): Buffer[] {
  const { device, epoch, seq, kind } = address;
  return [RECORD, Buffer.from(`${device}\n${epoch}\n${seq}\n${kind}`, 'utf8')];
}

/**
 * Seals one record's content and moves the key on.
 * @param keySeq `seq` of the `key` record
 * @param iv 12 fresh random bytes
 */
export function sealContent(
  key: RecordKey,
  keySeq: number,
  address: RecordAddress,
  iv: Uint8Array,
  content: TapContent | VerdictContent | VoidContent | PassageContent | AlarmContent,
): NonNullable<JournalRecord['sealed']> {
  const { step } = key;
  const plaintext = toPaddedJson(content, PAD_BYTES);
  const sealed = key.use(({ cipherKey, macKey }) =>
    seal({ cipherKey, macKey, iv, context: context(address) }, plaintext),
  );
  plaintext.fill(0);
  key.moveOn();
  return { key: keySeq, step, box: joinBox(sealed) };
}

/** Opens a sealed part with the keys of its step; undefined when it was not sealed so, or altered since. */
export function openContent(keys: SealKeys, address: RecordAddress, box: Uint8Array): Buffer | undefined {
  return open({ ...keys, context: context(address) }, splitBox(box));
}
