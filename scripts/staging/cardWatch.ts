import { PHOTO_BYTES } from '../../protocol/reader/samCommands.js';
import { PREAMBLE } from '../../protocol/reader/samFrame.js';

/** Notes when a whole card has left a module. A card's reply is the only one that is longer than a photo. */
export class CardWatch {
  #sentBytes = 0;
  #cardNs: bigint | undefined;

  /** Give it to the module as its `onSend`. */
  readonly onSend = (bytes: Uint8Array): void => {
    // Not by time: on a busy machine the pieces of one reply may be as far apart as two replies.
    if (PREAMBLE.every((byte, at) => bytes[at] === byte)) this.#sentBytes = 0;
    this.#sentBytes += bytes.length;
    if (this.#sentBytes > PHOTO_BYTES) this.#cardNs = process.hrtime.bigint();
  };

  /** When the last byte of the card's frame left, in nanoseconds of the monotonic clock; undefined before. */
  readonly cardReadNs = (): bigint | undefined => this.#cardNs;

  forget(): void {
    this.#cardNs = undefined;
  }
}
