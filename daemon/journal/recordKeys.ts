import type { Log } from '../../platform/log.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import type { KeyFacts } from '../../protocol/journal/record.js';
import { RecordKey } from '../../protocol/journal/seal.js';

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

/** Makes the first record key of each segment ahead of its use: SM2 is paid beside, and never at a tap. */
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

  /** Makes the next one ready, in memory, unless it is. */
  prepare(): void {
    if (this.#making || this.#next !== undefined) return;
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

  /** The key to go over to. While none is ready the old one goes on: no tap waits for a key. */
  take(): WrappedKey | undefined {
    const next = this.#next;
    this.#next = undefined;
    if (next === undefined) this.prepare();
    return next;
  }
}
