/** Bytes that must not turn up anywhere, and what they are. */
interface Needle {
  readonly bytes: Buffer;
  readonly form: string;
}

let gbkOf: Map<string, Buffer> | undefined;

/** GBK, which Node decodes and does not encode: every pair of bytes is decoded once. */
function gbk(text: string): Buffer {
  if (gbkOf === undefined) {
    gbkOf = new Map();
    const decoder = new TextDecoder('gbk');
    for (let high = 0x81; high <= 0xfe; high++) {
      for (let low = 0x40; low <= 0xfe; low++) {
        const bytes = Buffer.of(high, low);
        const character = decoder.decode(bytes);
        if ([...character].length === 1) gbkOf.set(character, bytes);
      }
    }
  }
  const table = gbkOf;
  return Buffer.concat(
    [...text].map((character) => table.get(character) ?? Buffer.from(character, 'latin1')),
  );
}

/** The characters of base64 that bytes give behind `before` others, whatever those and what follows are. */
function base64Core(bytes: Buffer, before: number): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  return text.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6));
}

function needlesOf(text: string): Needle[] {
  const charsets: [string, Buffer][] = [
    ['UTF-8', Buffer.from(text, 'utf8')],
    ['UTF-16LE', Buffer.from(text, 'utf16le')],
    ['GBK', gbk(text)],
  ];
  return charsets.flatMap(([charset, bytes]) => {
    const hex = bytes.toString('hex');
    const shapes = [hex, hex.toUpperCase(), ...[0, 1, 2].map((before) => base64Core(bytes, before))];
    const inText = shapes.map((shape) => ({
      bytes: Buffer.from(shape, 'latin1'),
      form: `${charset}, encoded`,
    }));
    return [{ bytes, form: charset }, ...inText];
  });
}

/** Looks for many texts at once, in every shape that they could have: one pass over the bytes. */
export class PlainSearch {
  /** By their first four bytes. */
  readonly #needles = new Map<number, Needle[]>();
  /** Which values the first two of these bytes take, since almost nothing gets further. */
  readonly #beginnings = new Uint8Array(65_536);

  constructor(texts: readonly string[]) {
    for (const needle of texts.flatMap(needlesOf)) {
      const first = needle.bytes.readUInt32BE(0);
      this.#needles.set(first, [...(this.#needles.get(first) ?? []), needle]);
      this.#beginnings[first >>> 16] = 1;
    }
  }

  /** The forms that were found. */
  formsIn(bytes: Buffer): string[] {
    const found: string[] = [];
    for (let at = 0; at + 4 <= bytes.length; at++) {
      const two = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
      if (this.#beginnings[two] === 0) continue;
      for (const needle of this.#needles.get(bytes.readUInt32BE(at)) ?? []) {
        const there = bytes.subarray(at, at + needle.bytes.length);
        if (there.equals(needle.bytes)) found.push(needle.form);
      }
    }
    return found;
  }
}
