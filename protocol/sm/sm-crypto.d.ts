/**
 * What cardpad uses of sm-crypto 0.5.8, and nothing else. Every option that has a default is required here, since
 * defaults have changed between versions (`hash` became true in 0.4.0). DefinitelyTyped describes 0.3.4.
 */
declare module 'sm-crypto' {
  /** A source of random bytes: fills every element of `bytes` with 0..255. */
  export interface RandomSource {
    nextBytes(bytes: number[]): void;
  }

  interface SignatureOptions {
    readonly hash: true;
    readonly der: false;
    readonly userId: string;
  }

  interface Sm2 {
    generateKeyPairHex(bits: number, source: RandomSource): { privateKey: string; publicKey: string };
    getPublicKeyFromPrivateKey(privateKey: string): string;
    doSignature(
      message: Uint8Array,
      privateKey: string,
      options: SignatureOptions & { readonly publicKey: string; readonly pointPool: readonly [] },
    ): string;
    doVerifySignature(
      message: Uint8Array,
      signature: string,
      publicKey: string,
      options: SignatureOptions,
    ): boolean;
    /** @param cipherMode 1 is C1C3C2. The result has no `04` in front. */
    doEncrypt(message: Uint8Array, publicKey: string, cipherMode: 1): string;
    /** Takes no `04` in front. Gives `[]` both for a failed check and for an empty message. */
    doDecrypt(
      ciphertext: string,
      privateKey: string,
      cipherMode: 1,
      options: { readonly output: 'array' },
    ): number[];
  }

  interface Sm4 {
    /** Drops without a word what is left over after the last whole block of 16 bytes. */
    encrypt(
      blocks: Uint8Array,
      key: Uint8Array,
      options: { readonly mode: 'ecb'; readonly padding: 'none'; readonly output: 'array' },
    ): number[];
  }

  interface Sm3 {
    (message: Uint8Array): string;
    (message: Uint8Array, options: { readonly mode: 'hmac'; readonly key: Uint8Array }): string;
  }

  const smCrypto: { readonly sm2: Sm2; readonly sm3: Sm3; readonly sm4: Sm4 };
  export default smCrypto;
}

/** The generator that sm-crypto draws signing nonces and ephemeral keys from, where no parameter reaches. */
declare module 'sm-crypto/src/sm2/rng.js' {
  import type { RandomSource } from 'sm-crypto';

  const random: { readonly SecureRandom: { new (): RandomSource; readonly prototype: RandomSource } };
  export default random;
}
