import t from 'tap';
import { portableSm2Encryption, portableSm2Signatures } from '../../../protocol/sm/portableSm2.js';
import { generateSm2KeyPair, sm2Decrypt, sm2Encrypt, sm2Sign, sm2Verify } from '../../../protocol/sm/sm2.js';
import { isSm2PrivateKey, isSm2PublicKey, SM2_USER_ID } from '../../../protocol/sm/sm2Key.js';
import { sm3 } from '../../../protocol/sm/sm3.js';
import { G, hex64, isOnCurve, mod, multiply, N, pointHex, pointOf } from './curve.js';
import { withDraws } from './draws.js';
import { encrypters, signers } from './engines.js';
import { hex, vectors } from './vectors.js';

const { a, b, n, gx, gy } = vectors.curves.sm2p256v1;

/** The fields of one DER SEQUENCE, each of a length below 128, as hex: enough for a signature or a ciphertext. */
function derFields(der: string): string[] {
  const bytes = hex(der);
  const fields: string[] = [];
  for (let at = 2; at < bytes.length; at += 2 + (bytes[at + 1] ?? 0)) {
    fields.push(bytes.toString('hex', at + 2, at + 2 + (bytes[at + 1] ?? 0)));
  }
  return fields;
}

/** A DER INTEGER as 32 bytes. */
const integer = (field = ''): string => field.replace(/^(00)+/, '').padStart(64, '0');

t.test('the generator lies on the curve, has order n, and is a public key', async (t) => {
  t.ok(isOnCurve(G));
  t.equal(multiply(N, G), undefined, 'n times G is the point at infinity');
  t.ok(isSm2PublicKey(pointHex(G)));
  t.equal(mod(-3n).toString(16), a, 'a is p - 3, on which the check of public keys relies');
});

t.test('private keys end below n - 1', async (t) => {
  t.ok(isSm2PrivateKey(hex64(1n)));
  t.ok(isSm2PrivateKey(hex64(N - 2n)));
  t.notOk(isSm2PrivateKey(hex64(0n)));
  t.notOk(isSm2PrivateKey(hex64(N - 1n)));
  t.notOk(isSm2PrivateKey(n));
});

for (const vector of [...vectors.sm2_sign, ...vectors.sm2_encrypt]) {
  t.test(`the public key of ${vector.id} belongs to its private key`, async (t) => {
    const publicKey = `04${vector.pub.x}${vector.pub.y}`;
    t.ok(isSm2PublicKey(publicKey));
    t.equal(pointHex(multiply(BigInt(`0x${vector.d}`), G)), publicKey);
    t.same(
      withDraws([BigInt(`0x${vector.d}`)], () => generateSm2KeyPair(portableSm2Signatures)),
      { privateKey: vector.d, publicKey },
      'and key generation finds it',
    );
  });
}

for (const { id, id_ascii, id_hex, msg_hex, d, pub, k, za, e, x1y1, r, s, der } of vectors.sm2_sign) {
  const publicKey = `04${pub.x}${pub.y}`;

  t.test(`the default identifier is the one of ${id}`, async (t) => {
    t.equal(SM2_USER_ID, id_ascii);
    t.equal(Buffer.from(SM2_USER_ID).toString('hex'), id_hex);
  });

  t.test(`Z and e of ${id} are the digests that the standard says`, async (t) => {
    const z = sm3(hex('0080'), hex(id_hex), hex(a + b + gx + gy), hex(pub.x + pub.y));
    t.equal(z.toString('hex'), za);
    t.equal(sm3(z, hex(msg_hex)).toString('hex'), e);
    const nonce = multiply(BigInt(`0x${k}`), G);
    t.equal(pointHex(nonce), `04${x1y1.x}${x1y1.y}`);
    t.equal(hex64(mod(BigInt(`0x${e}`) + (nonce?.x ?? 0n), N)), r, 'r is e + x1');
  });

  t.test(`the signature of ${id} verifies`, async (t) => {
    for (const { name, engine } of signers) {
      t.equal(sm2Verify(hex(msg_hex), r + s, publicKey, engine), true, name);
      const plain = Uint8Array.from(hex(msg_hex));
      t.equal(sm2Verify(plain, r + s, publicKey, engine), true, `${name}, of a plain Uint8Array too`);
    }
  });

  t.test(`with the nonce of ${id} the signature comes out to the bit`, async (t) => {
    const nonce = BigInt(`0x${k}`);
    t.equal(
      withDraws([nonce], () => sm2Sign(hex(msg_hex), d, publicKey, portableSm2Signatures)),
      r + s,
    );
  });

  t.test(`the DER form of ${id} holds the same r and s`, async (t) => {
    t.same(derFields(der).map(integer), [r, s]);
  });
}

for (const vector of vectors.sm2_encrypt) {
  const { id, msg_hex, d, pub, k, c1, c2, c3, c1c3c2, c1c2c3_legacy, der_gmt0009 } = vector;
  const publicKey = `04${pub.x}${pub.y}`;

  t.test(`the ciphertext of ${id} decrypts`, async (t) => {
    t.equal(c1c3c2, c1 + c3 + c2);
    for (const { name, engine } of encrypters) {
      t.equal(sm2Decrypt(hex(c1c3c2), d, engine)?.toString('hex'), msg_hex, name);
      const plain = Uint8Array.from(hex(c1c3c2));
      t.equal(sm2Decrypt(plain, d, engine)?.toString('hex'), msg_hex, `${name}, as a plain Uint8Array too`);
    }
  });

  t.test(`with the ephemeral key of ${id} the ciphertext comes out to the bit`, async (t) => {
    const ephemeral = BigInt(`0x${k}`);
    t.equal(
      withDraws([ephemeral], () => sm2Encrypt(hex(msg_hex), publicKey, portableSm2Encryption)).toString(
        'hex',
      ),
      c1c3c2,
    );
  });

  t.test(`the old order C1C2C3 of ${id} is refused, not misread`, async (t) => {
    t.equal(c1c2c3_legacy, c1 + c2 + c3);
    t.equal(sm2Decrypt(hex(c1c2c3_legacy), d), undefined);
  });

  t.test(`the DER form of ${id} holds the same x, y, C3 and C2`, async (t) => {
    const [x, y, check, text] = derFields(der_gmt0009);
    t.equal(pointHex(pointOf(integer(x), integer(y))), c1);
    t.same([check, text], [c3, c2]);
    t.equal(sm2Decrypt(hex(der_gmt0009), d), undefined, 'and is not taken for the raw form');
  });
}
