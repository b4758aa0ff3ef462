import { setImmediate } from 'node:timers/promises';
import { BoundedMap } from '../../platform/boundedMap.js';
import { type JournalRecord, type KeyFacts, keyFacts } from '../../protocol/journal/record.js';
import { MAX_RECORD_KEY_STEPS, openContent, RecordKey } from '../../protocol/journal/seal.js';
import type { SealKeys } from '../../protocol/sm/sealed.js';

const KEYS_KEPT = 64;
/** A longer walk first lets others have their turn: records that jump to and fro would else hold up every gate. */
const STEPS_AT_ONCE = 32;
const RECORD_KEY_BYTES = 32;

/** Opens a wrapped record key with the private ledger key of that id; undefined where it is not ours. */
export type Unwrap = (facts: KeyFacts) => Promise<Buffer | undefined>;

export type Opening =
  | { readonly ok: true; readonly plaintext: Buffer }
  | { readonly ok: false; readonly reason: 'not-sealed' | 'no-key' | 'too-many-steps' | 'altered' };

interface Unwrapped {
  /** As it was wrapped; kept since a record may be asked for twice, and central can unwrap it at any time anyhow. */
  readonly first: Buffer;
  moving: RecordKey;
}

/** How many steps it is to a step, which may lie before the one that the key has reached. */
const stepsTo = ({ moving }: Unwrapped, step: number): number =>
  step < moving.step ? step : step - moving.step;

function keysOf(key: Unwrapped, step: number): SealKeys {
  if (key.moving.step > step) key.moving = new RecordKey(key.first);
  while (key.moving.step < step) key.moving.moveOn();
  return key.moving.current();
}

/** Opens the sealed parts of one device's records. */
export class RecordReader {
  readonly #facts = new BoundedMap<string, KeyFacts>(KEYS_KEPT);
  readonly #keys = new BoundedMap<string, Unwrapped>(KEYS_KEPT);

  /**
   * @param findKey finds a `key` record that was not noted, by epoch and seq
   */
  constructor(
    private readonly device: string,
    private readonly unwrap: Unwrap,
    private readonly findKey: (epoch: number, seq: number) => Promise<JournalRecord | undefined> = async () =>
      undefined,
  ) {}

  /** Every record passes here in order; those of kind `key` are remembered. */
  note(record: JournalRecord): void {
    const facts = keyFacts(record);
    if (facts !== undefined) this.#facts.set(`${record.epoch}/${record.seq}`, facts);
  }

  /** The plaintext of a sealed part; a `reason` of `no-key` says nothing against the record. */
  async open(record: JournalRecord): Promise<Opening> {
    const { sealed, epoch, seq } = record;
    if (sealed === undefined) return { ok: false, reason: 'not-sealed' };
    if (sealed.step >= MAX_RECORD_KEY_STEPS) return { ok: false, reason: 'too-many-steps' };
    // A key moves once a record that lies after it: a larger step is invented.
    if (sealed.step >= seq - sealed.key) return { ok: false, reason: 'altered' };
    const key = await this.#key(epoch, sealed.key);
    if (key === undefined) return { ok: false, reason: 'no-key' };
    if (stepsTo(key, sealed.step) > STEPS_AT_ONCE) await setImmediate();
    const address = { device: this.device, epoch, seq, kind: record.kind };
    const plaintext = openContent(keysOf(key, sealed.step), address, sealed.box);
    return plaintext === undefined ? { ok: false, reason: 'altered' } : { ok: true, plaintext };
  }

  async #key(epoch: number, seq: number): Promise<Unwrapped | undefined> {
    const name = `${epoch}/${seq}`;
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const facts = this.#facts.get(name) ?? (await this.#found(epoch, seq));
    const first = facts === undefined ? undefined : await this.unwrap(facts);
    if (first?.length !== RECORD_KEY_BYTES) return undefined;
    const unwrapped = { first, moving: new RecordKey(first) };
    this.#keys.set(name, unwrapped);
    return unwrapped;
  }

  async #found(epoch: number, seq: number): Promise<KeyFacts | undefined> {
    const record = await this.findKey(epoch, seq);
    return record === undefined ? undefined : keyFacts(record);
  }
}

/** Unwraps with one ledger key. */
export function unwrapWith(
  ledgerKey: { readonly id: string; readonly privateKey: string },
  decrypt: (ciphertext: Uint8Array, privateKey: string) => Promise<Buffer | undefined>,
): Unwrap {
  return async (facts) =>
    facts.ledgerKey === ledgerKey.id
      ? decrypt(Buffer.from(facts.wrapped, 'hex'), ledgerKey.privateKey)
      : undefined;
}
