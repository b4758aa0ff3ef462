/**
 * Zeros to put a secret in, which `fill(0)` then really overwrites. A typed array of 64 bytes or less lies in V8's own
 * heap at first (`--typed-array-max-size-in-heap`), which moves what it holds and leaves the old bytes behind; a small
 * Buffer may be a slice of a shared slab. This lies outside of both, in one place.
 */
export const secretBytes = (lengthBytes: number): Buffer => Buffer.from(new ArrayBuffer(lengthBytes));
