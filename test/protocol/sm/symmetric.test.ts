import { createCipheriv, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { platformSm3, platformSm4 } from '../../../protocol/sm/platformEngine.js';
import { portableSm3, portableSm4 } from '../../../protocol/sm/portableEngine.js';
import { equalBytes, hmacSm3, kdfSm3, sm3, sm3Engine } from '../../../protocol/sm/sm3.js';
import { sm4Ctr, sm4Engine } from '../../../protocol/sm/sm4.js';
import { multiply, pointHex, pointOf } from './curve.js';
import { sm4Encrypt, sm4RoundKeys } from './sm4Oracle.js';
import { hex, vectors } from './vectors.js';

const SM3_ENGINES = { platform: platformSm3, portable: portableSm3 };
const SM4_ENGINES = { platform: platformSm4, portable: portableSm4 };
const ZERO_BLOCK = Buffer.alloc(16);
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

t.test('the engine of OpenSSL is in use where there is one', async (t) => {
  t.equal(sm3Engine, platformSm3);
  t.equal(sm4Engine, platformSm4);
});

for (const [engine, { digest, hmac }] of Object.entries(SM3_ENGINES)) {
  for (const { id, msg_hex, msg_repeat, digest: expected } of vectors.sm3) {
    t.test(`${engine} SM3 gives the known digest ${id}`, async (t) => {
      const message = msg_repeat
        ? Buffer.alloc(msg_repeat.count, hex(msg_repeat.byte_hex))
        : hex(msg_hex ?? 'absent');
      t.equal(digest([message]).toString('hex'), expected);
    });
  }
  for (const { id, key, msg_ascii, mac } of vectors.hmac_sm3) {
    t.test(`${engine} HMAC-SM3 gives the known code ${id}`, async (t) => {
      t.equal(hmac(hex(key), [Buffer.from(msg_ascii)]).toString('hex'), mac);
    });
  }
}

t.test(
  'both SM3 engines agree on any message, in any number of parts, under a key of any length',
  async () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 130 }),
        fc.array(fc.uint8Array({ maxLength: 90 })),
        (key, parts) => {
          const whole = Buffer.concat(parts);
          return (
            platformSm3.digest(parts).equals(portableSm3.digest([whole])) &&
            portableSm3.digest(parts).equals(platformSm3.digest([whole])) &&
            platformSm3.hmac(key, parts).equals(portableSm3.hmac(key, [whole])) &&
            portableSm3.hmac(key, parts).equals(platformSm3.hmac(key, [whole]))
          );
        },
      ),
    );
  },
);

t.test('sm3 and hmacSm3 take their message in parts', async (t) => {
  t.same(sm3(Buffer.from('a'), Buffer.from('bc')), hex(vectors.sm3[0]?.digest ?? ''));
  t.same(
    hmacSm3(Buffer.from('k'), Buffer.from('a'), Buffer.from('bc')),
    hmacSm3(Buffer.from('k'), Buffer.from('abc')),
  );
  t.same(sm3(), sm3(Buffer.alloc(0)), 'no part is an empty message');
});

t.test('the key derivation function gives the key stream of the standard SM2 ciphertext', async (t) => {
  for (const { d, c1, c2, msg_hex } of vectors.sm2_encrypt) {
    const shared = multiply(BigInt(`0x${d}`), pointOf(c1.slice(2, 66), c1.slice(66)));
    const xAndY = hex(pointHex(shared).slice(2));
    const keyStream = kdfSm3(c2.length / 2, xAndY.subarray(0, 32), xAndY.subarray(32));
    const plaintext = hex(c2).map((byte, at) => byte ^ (keyStream[at] ?? 0));
    t.equal(Buffer.from(plaintext).toString('hex'), msg_hex);
  }
});

t.test('the key derivation function counts from 1 and cuts the last digest', async (t) => {
  const z = Buffer.from('seed');
  const expected = Buffer.concat([1, 2, 3].map((count) => sm3(z, Buffer.from([0, 0, 0, count]))));
  for (const length of [0, 1, 31, 32, 33, 64, 65, 96]) {
    t.same(kdfSm3(length, z), expected.subarray(0, length), `${length} bytes`);
  }
});

t.test('equal bytes are equal, others are not, and lengths may differ', async (t) => {
  t.equal(equalBytes(Buffer.from('abc'), Uint8Array.from([97, 98, 99])), true);
  t.equal(equalBytes(Buffer.alloc(0), Buffer.alloc(0)), true);
  t.equal(equalBytes(Buffer.from('abc'), Buffer.from('abd')), false);
  t.equal(equalBytes(Buffer.from('abc'), Buffer.from('ab')), false);
  t.equal(equalBytes(Buffer.from('abc'), Buffer.alloc(0)), false);
});

t.test('the round keys of the standard come from the key schedule of the standard', async (t) => {
  for (const { key, round_keys } of vectors.sm4_block) {
    if (round_keys === undefined) continue;
    t.same(
      sm4RoundKeys(hex(key)).map((word) => word.toString(16).padStart(8, '0')),
      round_keys,
    );
  }
});

for (const [engine, { ctr }] of Object.entries(SM4_ENGINES)) {
  // The key stream for one counter block is that block, encrypted.
  const encrypt = (key: Uint8Array, block: Uint8Array) => ctr(key, block, ZERO_BLOCK);

  for (const { id, key, pt, ct, iterations = 1 } of vectors.sm4_block) {
    if (pt === undefined || iterations > 100) continue;
    t.test(`${engine} SM4 gives the known block ${id}`, async (t) => {
      let block = hex(pt);
      for (let times = 0; times < iterations; times++) block = encrypt(hex(key), block);
      t.equal(block.toString('hex'), ct);
    });
  }

  t.test(`${engine} SM4 encrypts any block under any key as the standard says`, async () => {
    fc.assert(
      fc.property(bytes(16), bytes(16), (key, block) => encrypt(key, block).equals(sm4Encrypt(key, block))),
    );
  });

  for (const { id, mode, key, iv, pt, ct } of vectors.sm4_modes) {
    t.test(`${engine} SM4 gives the known ciphertext ${id}`, async (t) => {
      if (mode === 'CTR') {
        t.equal(ctr(hex(key), hex(iv ?? ''), hex(pt)).toString('hex'), ct);
        t.equal(ctr(hex(key), hex(iv ?? ''), hex(ct)).toString('hex'), pt, 'and back');
        return;
      }
      let previous = iv === undefined ? ZERO_BLOCK : hex(iv);
      const blocks: Buffer[] = [];
      for (let at = 0; at < pt.length; at += 32) {
        const plain = hex(pt.slice(at, at + 32));
        const chained = plain.map((byte, i) => byte ^ (previous[i] ?? 0));
        blocks.push(encrypt(hex(key), chained));
        if (mode === 'CBC') previous = blocks.at(-1) ?? previous;
      }
      t.equal(Buffer.concat(blocks).toString('hex'), ct);
    });
  }

  t.test(`${engine} counter carries through all 16 bytes and wraps`, async (t) => {
    const key = randomBytes(16);
    const cases = [
      ['000000000000000000000000ffffffff', '00000000000000000000000100000000'],
      ['00ffffffffffffffffffffffffffffff', '01000000000000000000000000000000'],
      ['ffffffffffffffffffffffffffffffff', '00000000000000000000000000000000'],
    ];
    for (const [first = '', second = ''] of cases) {
      t.same(ctr(key, hex(first), Buffer.alloc(32)).subarray(16), encrypt(key, hex(second)), first);
    }
  });

  t.test(`${engine} counter mode keeps a last short block, and an empty message empty`, async (t) => {
    const whole = ctr(Buffer.alloc(16, 1), ZERO_BLOCK, Buffer.alloc(48));
    for (const length of [0, 1, 15, 16, 17, 33, 47]) {
      t.same(
        ctr(Buffer.alloc(16, 1), ZERO_BLOCK, Buffer.alloc(length)),
        whole.subarray(0, length),
        `${length}`,
      );
    }
  });
}

t.test('a million SM4 encryptions of one block end at the known block', async (t) => {
  for (const { key, pt, ct, iterations = 0 } of vectors.sm4_block) {
    if (pt === undefined || iterations < 1_000_000) continue;
    // In CBC over zeros each block is the one before it, encrypted: the million runs in a single call.
    const chain = createCipheriv('sm4-cbc', hex(key), hex(pt)).update(Buffer.alloc(16 * iterations));
    t.equal(chain.subarray(-16).toString('hex'), ct);
  }
});

t.test('both SM4 engines agree on any message', async () => {
  fc.assert(
    fc.property(bytes(16), bytes(16), fc.uint8Array({ maxLength: 100 }), (key, iv, data) =>
      platformSm4.ctr(key, iv, data).equals(portableSm4.ctr(key, iv, data)),
    ),
  );
});

t.test('a key or an iv of another length is a fault of the program, by name', async (t) => {
  for (const [keyBytes, ivBytes] of [
    [15, 16],
    [32, 16],
    [16, 12],
    [16, 17],
    [0, 0],
  ]) {
    t.throws(() => sm4Ctr(Buffer.alloc(keyBytes ?? 0), Buffer.alloc(ivBytes ?? 0), Buffer.alloc(1)), {
      code: 'sm.length',
      disposition: 'fatal',
    });
  }
});
