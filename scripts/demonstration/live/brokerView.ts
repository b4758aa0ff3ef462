/** Version and counter of an envelope stand in the clear, and are the same but for the counter. */
const HEAD_BYTES = 9;

/**
 * The sealed bytes of a message from the IV on, where it has some; else the message as it is. Nothing is opened here:
 * who owns the broker has no key.
 */
export function sealedBytes(payload: Buffer): Buffer {
  try {
    const document = JSON.parse(payload.toString('utf8')) as unknown;
    if (typeof document !== 'object' || document === null) return payload;
    const { sealed } = document as Record<string, unknown>;
    return typeof sealed === 'string' ? Buffer.from(sealed, 'base64').subarray(HEAD_BYTES) : payload;
  } catch {
    return payload;
  }
}
