const CONTINUES = 0x80;
/** Type and flags, then at most four bytes of length: MQTT 5 clause 2.1, the same in 3.1.1 clause 2.2. */
export const HEADER_MOST_BYTES = 5;

const lengthOf = (bytes: readonly number[]) =>
  bytes.reduce((length, byte, index) => length + (byte & 0x7f) * 128 ** index, 0);

/** MQTT 5 clause 1.5.5. */
export function lengthBytes(length: number): number[] {
  const low = length % 128;
  return length < 128 ? [low] : [low | CONTINUES, ...lengthBytes(Math.floor(length / 128))];
}

/**
 * Shortens packets on their way from a broker to the parser, which would gather up to 256 MB for each. A message that
 * was too long so arrives with a part of its payload: it is acknowledged like any other, and dropped for its size
 * where it is read. Ending the connection would be worse: a retained one would be there again after each connect.
 */
export class PacketCut {
  #header: number[] = [];
  #keepBytes = 0;
  #skipBytes = 0;

  /** @param mostBytes that follow a packet's header; more than the longest topic (64 KiB) with its properties */
  constructor(private readonly mostBytes: number) {}

  /** The next piece of the stream, as it may go on. */
  pass(chunk: Buffer): Buffer {
    const parts: Buffer[] = [];
    let at = 0;
    while (at < chunk.length) {
      const kept = chunk.subarray(at, at + this.#keepBytes);
      if (kept.length > 0) parts.push(kept);
      this.#keepBytes -= kept.length;
      at += kept.length;
      const skipped = Math.min(this.#skipBytes, chunk.length - at);
      this.#skipBytes -= skipped;
      at += skipped;
      for (; at < chunk.length && this.#keepBytes === 0 && this.#skipBytes === 0; at += 1) {
        const header = this.#headerWith(chunk[at] ?? 0);
        if (header !== undefined) parts.push(header);
      }
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  /** The header as it goes on, once it is whole. */
  #headerWith(byte: number): Buffer | undefined {
    const header = [...this.#header, byte];
    const isWhole = header.length > 1 && (byte < CONTINUES || header.length === HEADER_MOST_BYTES);
    this.#header = isWhole ? [] : header;
    if (!isWhole) return undefined;
    const [type = 0, ...given] = header;
    // A length that goes on after its fourth byte is none: the parser ends the connection for it.
    if (byte >= CONTINUES) return Buffer.from(header);
    const length = lengthOf(given);
    this.#keepBytes = Math.min(length, this.mostBytes);
    this.#skipBytes = length - this.#keepBytes;
    return Buffer.from(this.#skipBytes === 0 ? header : [type, ...lengthBytes(this.#keepBytes)]);
  }
}
