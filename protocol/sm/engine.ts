/** SM3 (GB/T 32905-2016) and HMAC with it (RFC 2104, block of 64 bytes), by whoever computes it. */
export interface Sm3Engine {
  /** 32 bytes over the parts, one after the other. */
  digest(parts: readonly Uint8Array[]): Buffer;
  /** The same, of what is a key and of which no copy may stay: 32 bytes that the caller overwrites. */
  digestSecret(bytes: Uint8Array): Buffer;
  /** 32 bytes over the parts, one after the other; `key` of any length. */
  hmac(key: Uint8Array, parts: readonly Uint8Array[]): Buffer;
}

/** SM4 (GB/T 32907-2016) in counter mode, by whoever computes it. */
export interface Sm4Engine {
  /**
   * As many bytes as `data`. `counter` (16 bytes) is the first counter block, counted up as one big-endian number
   * of 128 bits (GB/T 17964-2021, CTR).
   */
  ctr(key: Uint8Array, counter: Uint8Array, data: Uint8Array): Buffer;
}
