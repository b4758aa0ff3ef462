import type { JournalRecord } from '../../protocol/journal/record.js';
import { headBytes, headFacts } from '../../protocol/journal/signedHead.js';
import type { PublicKey } from '../../protocol/wire/enrolment.js';

/** A head is signed a few records behind the newest one: so many computed heads are kept to compare it with. */
const HEADS_KEPT = 2_048;

export interface HeadFault {
  readonly kind: 'forged' | 'altered';
  readonly seq: number;
  readonly detail: string;
}

/** SM2: (message, signature, public key). */
export type VerifySignature = (message: Uint8Array, signature: string, publicKey: string) => boolean;

export interface HeadKeys {
  /** Every key by which the device was ever enrolled. */
  readonly keys: readonly PublicKey[];
  readonly verify: VerifySignature;
}

/**
 * Holds the heads that a device signed against the chain as it lies there: who has the files can make a chain anew, but
 * not its signatures. One line of one device, its records in order.
 */
export class HeadAudit {
  /** Heads as computed, of the newest epoch only. */
  readonly #computed = new Map<number, string>();
  #epoch = 0;
  #lastSigned = 0;
  #signed: { readonly epoch: number; readonly seq: number } | undefined;
  readonly #unsigned = new Set<number>();

  constructor(
    private readonly device: string,
    private readonly trust: HeadKeys,
  ) {}

  /** The last record that a good signature covers. */
  get signedUpTo(): { readonly epoch: number; readonly seq: number } | undefined {
    return this.#signed;
  }

  /** Epochs without any good signature, the newest one left out: it may be going on. */
  get unsignedEpochs(): readonly number[] {
    return [...this.#unsigned].filter((epoch) => epoch !== this.#epoch);
  }

  /**
   * Takes in a record in its place.
   * @param head the chain's head after it, hex
   * @returns what its signature speaks against
   */
  take(record: JournalRecord, head: string): HeadFault | undefined {
    const { epoch, seq } = record;
    if (epoch !== this.#epoch) this.#begin(epoch);
    this.#computed.set(seq, head);
    if (this.#computed.size > HEADS_KEPT) {
      for (const oldest of this.#computed.keys()) {
        this.#computed.delete(oldest);
        break;
      }
    }
    return record.kind === 'head' ? this.#check(record) : undefined;
  }

  #begin(epoch: number): void {
    this.#epoch = epoch;
    this.#computed.clear();
    this.#lastSigned = 0;
    this.#unsigned.add(epoch);
  }

  #check(record: JournalRecord): HeadFault | undefined {
    const { epoch } = record;
    const facts = headFacts(record);
    const forged = (detail: string): HeadFault => ({ kind: 'forged', seq: record.seq, detail });
    if (facts === undefined) return forged('it is no signed head');
    const { seq, head, key, signature } = facts;
    const publicKey = this.trust.keys.find(({ id }) => id === key)?.publicKey;
    if (publicKey === undefined)
      return forged(`key ${key}, which signed it, was never enrolled for this device`);
    if (!this.trust.verify(headBytes(this.device, { epoch, seq, head }), signature, publicKey))
      return forged('its signature was not made by the device');
    const computed = this.#computed.get(seq);
    // What is missing is named as such; there is nothing to compare with.
    if (computed === undefined) return undefined;
    if (computed !== head) return this.#altered(epoch, seq);
    this.#lastSigned = seq;
    this.#signed = { epoch, seq };
    this.#unsigned.delete(epoch);
    return undefined;
  }

  #altered(epoch: number, seq: number): HeadFault {
    const from = this.#lastSigned + 1;
    const which =
      from >= seq ? `record ${epoch}/${seq}` : `one of the records ${epoch}/${from} to ${epoch}/${seq}`;
    const detail = `${which} is not what the device signed: the chain behind it was made anew`;
    return { kind: 'altered', seq: from, detail };
  }
}
