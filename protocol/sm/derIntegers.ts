const SEQUENCE = 0x30;
const INTEGER = 0x02;
const DIGITS = 64;

/**
 * A signature's two numbers as a DER SEQUENCE of INTEGERs (ITU-T X.690, 8.3 and 8.9), as OpenSSL takes one.
 *
 * @param numbers each 64 digits of hex, not negative
 */
export function sequenceOf(numbers: readonly [string, string]): Buffer {
  const content = Buffer.concat(numbers.map(integerOf));
  return Buffer.concat([Buffer.from([SEQUENCE, content.length]), content]);
}

function integerOf(digits: string): Buffer {
  const bytes = Buffer.from(digits, 'hex');
  const first = bytes.findIndex((byte, at) => byte !== 0 || at === bytes.length - 1);
  const shortest = bytes.subarray(first);
  // The first bit is the sign.
  const lead = (shortest[0] ?? 0) & 0x80 ? [0] : [];
  return Buffer.from([INTEGER, lead.length + shortest.length, ...lead, ...shortest]);
}

/** The numbers of such a SEQUENCE that OpenSSL made, each as 64 digits of lower-case hex. */
export function integersOf(sequence: Buffer): string[] {
  const numbers: string[] = [];
  for (let at = 2; at < sequence.length; ) {
    const end = at + 2 + (sequence[at + 1] ?? 0);
    numbers.push(
      sequence
        .toString('hex', at + 2, end)
        .padStart(DIGITS, '0')
        .slice(-DIGITS),
    );
    at = end;
  }
  return numbers;
}
