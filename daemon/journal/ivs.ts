import { SEAL_IV_BYTES } from '../../protocol/sm/sealed.js';

/** Drawn at once: asking the system for 12 bytes costs as much as for all of these. */
const DRAWN = 256;

/** Fresh IVs. They are no secret: each stands in the clear beside what it sealed. */
export class Ivs {
  #drawn: Buffer = Buffer.alloc(0);

  constructor(private readonly randomBytes: (length: number) => Buffer) {}

  /** 12 random bytes that nobody was given before. */
  next(): Buffer {
    if (this.#drawn.length === 0) this.#drawn = this.randomBytes(DRAWN * SEAL_IV_BYTES);
    const iv = this.#drawn.subarray(0, SEAL_IV_BYTES);
    this.#drawn = this.#drawn.subarray(SEAL_IV_BYTES);
    return iv;
  }
}
