import type { Log } from '../../platform/log.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import type { KeyFacts } from '../../protocol/journal/record.js';
import { RecordKey } from '../../protocol/journal/seal.js';

/** Records that one wrapped key seals: whoever opens the last of them walks so many steps. */
const RECORDS_A_KEY = 256;
/** The next key is wrapped when this one is half used: SM2 is paid ahead, beside, and never at a tap. */
const PREPARE_AT = RECORDS_A_KEY / 2;

/** A record key that is wrapped and not in use yet. */
export interface WrappedKey {
  readonly key: RecordKey;
  /** What its `key` record says. */
  readonly facts: KeyFacts;
}

export interface RecordKeysOptions {
  readonly randomBytes: (length: number) => Buffer;
  /** Wraps a 32-byte record key to central's ledger key. */
  readonly wrapKey: (key: Buffer) => Promise<KeyFacts>;
  readonly log: Log;
}

/** Makes record keys ahead of their use; each is in memory only. */
export class RecordKeys {
  #next: WrappedKey | undefined;
  #making = false;

  constructor(private readonly options: RecordKeysOptions) {}

  /** A fresh key. @throws what wrapping throws */
  async make(): Promise<WrappedKey> {
    const bytes = this.options.randomBytes(32);
    try {
      const facts = await this.options.wrapKey(bytes);
      return { key: new RecordKey(bytes), facts };
    } finally {
      bytes.fill(0);
    }
  }

  /**
   * The key to go over to before the next record, when `inUse` is used up and another one is ready. While none is,
   * the old one goes on: no tap waits for a key.
   */
  nextAfter(inUse: RecordKey): WrappedKey | undefined {
    if (inUse.step >= PREPARE_AT && this.#next === undefined) this.#prepare();
    if (inUse.step < RECORDS_A_KEY) return undefined;
    const next = this.#next;
    this.#next = undefined;
    return next;
  }

  #prepare(): void {
    if (this.#making) return;
    this.#making = true;
    this.make()
      .then((wrapped) => {
        this.#next = wrapped;
      })
      .catch((thrown) => {
        this.options.log.warn('cannot wrap a record key', { problem: codeOf(thrown) ?? messageOf(thrown) });
      })
      .finally(() => {
        this.#making = false;
      });
  }
}
