import { CardpadError } from '../errors.js';

/** The five bytes before every frame, both ways (GA/T 467 interface, SAM_V protocol sheets). */
export const PREAMBLE: Uint8Array = Uint8Array.of(0xaa, 0xaa, 0xaa, 0x96, 0x69);

const HEADER_BYTES = PREAMBLE.length + 2;

/** LEN counts every byte behind it, CHK included. The shortest frame is a request: CMD PARA CHK. */
const MIN_LEN = 3;
/** The longest frame in the field is the reply to 30 10: text, photo and two fingerprints, 2,321 bytes in all. */
const MAX_LEN = 0x090a;

/** Bytes on the wire of the longest frame. */
export const MAX_FRAME_BYTES = HEADER_BYTES + MAX_LEN;

/** Twice the longest frame: each compaction then moves less than was consumed since the last one. */
const BUFFER_BYTES = 2 * MAX_FRAME_BYTES;

export type DiscardReason = 'noise' | 'bad-length' | 'bad-checksum' | 'incomplete';

/** What the parser made of the bytes, in their order. Every pushed byte is counted in exactly one of them. */
export type SamParsed =
  | { readonly type: 'frame'; readonly payload: Buffer }
  | { readonly type: 'discarded'; readonly reason: DiscardReason; readonly bytes: number };

/**
 * Builds `AA AA AA 96 69 | LEN (2, big-endian) | payload | CHK`; CHK is the XOR of LEN and payload.
 *
 * @param payload `CMD PARA [DATA]` or `SW1 SW2 SW3 [DATA]`, 2..2313 bytes
 * @throws CardpadError `sam.payload-length` (reject) for a payload outside that range
 */
export function encodeSamFrame(payload: Uint8Array): Buffer {
  const len = payload.length + 1;
  if (len < MIN_LEN || len > MAX_LEN) {
    throw new CardpadError('sam.payload-length', 'reject', `a SAM frame cannot hold ${payload.length} bytes`);
  }
  const frame = Buffer.alloc(HEADER_BYTES + len);
  frame.set(PREAMBLE, 0);
  frame.writeUInt16BE(len, PREAMBLE.length);
  frame.set(payload, HEADER_BYTES);
  let check = 0;
  for (const byte of frame.subarray(PREAMBLE.length)) check ^= byte;
  frame[frame.length - 1] = check;
  return frame;
}

/**
 * Finds frames in a stream of bytes that may be split, merged, damaged or surrounded by noise.
 *
 * It never waits for a frame that no module sends: a LEN out of range is refused at once. A refused frame costs
 * only its preamble; what stood behind it is scanned again, since a good frame may start there. Memory is fixed
 * and the work is linear in the bytes pushed, whatever they are: `#xor` keeps running sums, so that a checksum
 * is one subtraction even where a hostile stream announces a frame every seven bytes.
 */
export class SamParser {
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  /** `#xor[i]` is the XOR of the bytes up to and including `#buffer[i]`, from an arbitrary start. */
  readonly #xor = new Uint8Array(BUFFER_BYTES);
  #start = 0;
  #end = 0;

  /**
   * Takes the next bytes of the stream; returns the frames they complete and what had to be dropped.
   * Noise next to other noise, or behind a refused frame, is reported together with it.
   */
  push(bytes: Uint8Array): SamParsed[] {
    const parsed = new Report();
    for (let offset = 0; offset < bytes.length; ) {
      if (this.#end === BUFFER_BYTES) this.#compact();
      const taken = Math.min(bytes.length - offset, BUFFER_BYTES - this.#end);
      this.#append(bytes.subarray(offset, offset + taken));
      offset += taken;
      this.#scan(parsed);
    }
    return parsed.items;
  }

  /**
   * The payload so far of the frame that is now arriving, empty when there is none. Not checked by anything yet.
   * A view into the parser: valid until the next `push` or `giveUp`.
   */
  pending(): Uint8Array {
    if (this.#awaitedLen() === undefined) return new Uint8Array(0);
    return this.#buffer.subarray(this.#start + HEADER_BYTES, this.#end);
  }

  /**
   * Call on a time-out. The frame being waited for is taken as false and the bytes behind its preamble are
   * scanned again, so that a good frame swallowed by a false header is found. The parser is empty afterwards.
   */
  giveUp(): SamParsed[] {
    const parsed = new Report();
    while (this.#awaitedLen() !== undefined) {
      this.#drop(PREAMBLE.length, 'incomplete', parsed);
      this.#scan(parsed);
    }
    // What is left is at most the beginning of a header: also something that never came to its end.
    this.#drop(this.#end - this.#start, 'incomplete', parsed);
    return parsed.items;
  }

  #append(bytes: Uint8Array): void {
    let sum = this.#end === 0 ? 0 : (this.#xor[this.#end - 1] ?? 0);
    this.#buffer.set(bytes, this.#end);
    for (const byte of bytes) {
      sum ^= byte;
      this.#xor[this.#end++] = sum;
    }
  }

  #compact(): void {
    this.#buffer.copyWithin(0, this.#start, this.#end);
    this.#xor.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  /** Consumes all that can be decided; afterwards less than one frame is left. */
  #scan(parsed: Report): void {
    for (;;) {
      this.#skipNoise(parsed);
      const len = this.#awaitedLen();
      if (len === undefined) return;
      if (len < MIN_LEN || len > MAX_LEN) {
        this.#drop(PREAMBLE.length, 'bad-length', parsed);
        continue;
      }
      const frameEnd = this.#start + HEADER_BYTES + len;
      if (frameEnd > this.#end) return;
      if (!this.#sumIsZero(this.#start + PREAMBLE.length, frameEnd)) {
        this.#drop(PREAMBLE.length, 'bad-checksum', parsed);
        continue;
      }
      parsed.frame(Buffer.from(this.#buffer.subarray(this.#start + HEADER_BYTES, frameEnd - 1)));
      this.#start = frameEnd;
    }
  }

  /** Drops what stands before the next preamble, keeping a tail that may yet become one. */
  #skipNoise(parsed: Report): void {
    const waiting = this.#buffer.subarray(this.#start, this.#end);
    const at = waiting.indexOf(PREAMBLE);
    const keep = at >= 0 ? waiting.length - at : preamblePrefixAtEnd(waiting);
    this.#drop(waiting.length - keep, 'noise', parsed);
  }

  /** The LEN of the frame whose header starts the buffer, or undefined while there is none. */
  #awaitedLen(): number | undefined {
    if (this.#end - this.#start < HEADER_BYTES) return undefined;
    return this.#buffer.readUInt16BE(this.#start + PREAMBLE.length);
  }

  /** `from` is behind a preamble, so `from - 1` is in the buffer. */
  #sumIsZero(from: number, end: number): boolean {
    return this.#xor[end - 1] === this.#xor[from - 1];
  }

  #drop(bytes: number, reason: DiscardReason, parsed: Report): void {
    this.#start += bytes;
    parsed.discarded(reason, bytes);
  }
}

/** Collects the outcome of one call, joining noise to the discard before it. */
class Report {
  readonly items: SamParsed[] = [];

  frame(payload: Buffer): void {
    this.items.push({ type: 'frame', payload });
  }

  discarded(reason: DiscardReason, bytes: number): void {
    if (bytes === 0) return;
    const last = this.items.at(-1);
    if (reason === 'noise' && last?.type === 'discarded') {
      this.items[this.items.length - 1] = { ...last, bytes: last.bytes + bytes };
    } else {
      this.items.push({ type: 'discarded', reason, bytes });
    }
  }
}

/** How many bytes at the end of `bytes` are the beginning of a preamble, 0..4. */
function preamblePrefixAtEnd(bytes: Buffer): number {
  for (let count = Math.min(PREAMBLE.length - 1, bytes.length); count > 0; count--) {
    if (bytes.subarray(bytes.length - count).equals(PREAMBLE.subarray(0, count))) return count;
  }
  return 0;
}
