import { readFileSync } from 'node:fs';

interface Point {
  readonly x: string;
  readonly y: string;
}

interface Sm2Vector {
  readonly id: string;
  readonly msg_hex: string;
  readonly d: string;
  readonly pub: Point;
  readonly k: string;
}

/** The part of `test/vectors/sm-vectors.json` that is about SM2, SM3 and SM4. Hex, lower case, big-endian. */
export interface SmVectors {
  readonly sm3: readonly {
    readonly id: string;
    readonly msg_hex?: string;
    readonly msg_repeat?: { readonly byte_hex: string; readonly count: number };
    readonly digest: string;
  }[];
  readonly hmac_sm3: readonly {
    readonly id: string;
    readonly key: string;
    readonly msg_ascii: string;
    readonly mac: string;
  }[];
  readonly sm4_block: readonly {
    readonly id: string;
    readonly key: string;
    readonly pt?: string;
    readonly ct?: string;
    readonly iterations?: number;
    readonly round_keys?: readonly string[];
  }[];
  readonly sm4_modes: readonly {
    readonly id: string;
    readonly mode: string;
    readonly key: string;
    readonly iv?: string;
    readonly pt: string;
    readonly ct: string;
  }[];
  readonly curves: {
    readonly sm2p256v1: Readonly<Record<'p' | 'a' | 'b' | 'n' | 'gx' | 'gy', string>>;
  };
  readonly sm2_sign: readonly (Sm2Vector & {
    readonly id_ascii: string;
    readonly id_hex: string;
    readonly za: string;
    readonly e: string;
    readonly x1y1: Point;
    readonly r: string;
    readonly s: string;
    readonly der: string;
  })[];
  readonly sm2_encrypt: readonly (Sm2Vector & {
    readonly c1: string;
    readonly c2: string;
    readonly c3: string;
    readonly c1c3c2: string;
    readonly c1c2c3_legacy: string;
    readonly der_gmt0009: string;
  })[];
}

// The compiled tests lie in build/test/protocol/sm; the vectors stay where they are.
const file = new URL('../../../../test/vectors/sm-vectors.json', import.meta.url);

export const vectors: SmVectors = JSON.parse(readFileSync(file, 'utf8'));

export const hex = (digits: string): Buffer => Buffer.from(digits, 'hex');
