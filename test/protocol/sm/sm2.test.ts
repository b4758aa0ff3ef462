import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import smCrypto from 'sm-crypto';
import smCryptoRandom from 'sm-crypto/src/sm2/rng.js';
import t from 'tap';
import {
  generateSm2KeyPair,
  prepareSm2SigningPoint,
  sm2Decrypt,
  sm2Encrypt,
  sm2Sign,
  sm2Verify,
} from '../../../protocol/sm/sm2.js';
import { isSm2PrivateKey, isSm2PublicKey, keyId } from '../../../protocol/sm/sm2Key.js';
import { systemRandom } from '../../../protocol/sm/sm2Random.js';
import { sm3 } from '../../../protocol/sm/sm3.js';
import { G, hex64, mod, multiply, N, P, pointHex, yAt } from './curve.js';
import { withDraws } from './draws.js';
import { hex, vectors } from './vectors.js';

// Each operation takes tens of milliseconds: a property gets few runs here, and many where it is cheap.
const FEW = { numRuns: 4 };

const [standard] = vectors.sm2_sign;
const privateKey = standard?.d ?? '';
const publicKey = `04${standard?.pub.x}${standard?.pub.y}`;
const message = Buffer.from('message digest');
const signature = `${standard?.r}${standard?.s}`;

const hexDigits = (digits: number) =>
  fc.uint8Array({ minLength: digits / 2, maxLength: digits / 2 }).map((b) => Buffer.from(b).toString('hex'));

t.test('sm-crypto is at least 0.5.8: older ones draw from the clock or fail to check', async (t) => {
  const manifest = new URL('../../../../node_modules/sm-crypto/package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  const [major = 0, minor = 0, patch = 0] = String(version).split('.').map(Number);
  t.ok(major * 1e6 + minor * 1e3 + patch >= 5_008, version);
});

t.test('every number that sm-crypto draws comes from the operating system', async (t) => {
  t.equal(smCryptoRandom.SecureRandom.prototype.nextBytes, systemRandom.nextBytes);
  const bytes: number[] = Array.from({ length: 64 });
  systemRandom.nextBytes(bytes);
  t.ok(bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte <= 255));
  t.ok(new Set(bytes).size > 16, 'not all alike');
  t.throws(() => withDraws([], prepareSm2SigningPoint), /too many/, 'nonces, too');
  t.throws(() => withDraws([], () => sm2Encrypt(message, publicKey)), /too many/, 'ephemeral keys, too');
});

t.test('a fresh key pair fits together and is never the same', async (t) => {
  const [one, two] = [generateSm2KeyPair(), generateSm2KeyPair()];
  t.ok(isSm2PrivateKey(one.privateKey));
  t.equal(pointHex(multiply(BigInt(`0x${one.privateKey}`), G)), one.publicKey);
  t.not(one.privateKey, two.privateKey);
});

t.test('small numbers keep their leading zeros', async (t) => {
  const first = withDraws([1n], generateSm2KeyPair);
  t.same(first, { privateKey: hex64(1n), publicKey: pointHex(G) });
  // 327 and 107 are the first private keys whose x, or y, begins with a zero byte.
  t.match(withDraws([327n], generateSm2KeyPair).publicKey, /^0400/);
  t.match(withDraws([107n], generateSm2KeyPair).publicKey, /^04[0-9a-f]{64}00/);
  // 240 and 121 are the first nonces that give this message an r, or an s, that does.
  for (const [nonce, pattern] of [
    [240n, /^00[0-9a-f]{126}$/],
    [121n, /^[0-9a-f]{64}00[0-9a-f]{62}$/],
  ] as const) {
    const short = withDraws([nonce], () => sm2Sign(message, privateKey, publicKey));
    t.match(short, pattern);
    t.ok(sm2Verify(message, short, publicKey));
  }
  // 194 is the first ephemeral key whose shared point has a coordinate that does; 327 has such a C1.
  for (const ephemeral of [194n, 327n]) {
    const ciphertext = withDraws([ephemeral], () => sm2Encrypt(message, publicKey));
    t.same(sm2Decrypt(ciphertext, privateKey), message);
  }
});

t.test('what was signed verifies, under its own key and for its own message only', async () => {
  const other = generateSm2KeyPair();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (signed) => {
      const made = sm2Sign(signed, privateKey, publicKey);
      return (
        sm2Verify(signed, made, publicKey) &&
        !sm2Verify(signed, made, other.publicKey) &&
        !sm2Verify(Buffer.concat([signed, Buffer.alloc(1)]), made, publicKey)
      );
    }),
    FEW,
  );
});

t.test('bytes are signed as bytes: not as text, not as hex', async (t) => {
  const bytes = Uint8Array.from([0x00, 0x80, 0xff, 0x0a]);
  const made = sm2Sign(bytes, privateKey, publicKey);
  t.ok(sm2Verify(Buffer.from(bytes), made, publicKey));
  t.notOk(sm2Verify(Buffer.from('0080ff0a'), made, publicKey));
});

t.test('one turned bit in a signature, and it does not verify', async () => {
  fc.assert(
    fc.property(fc.nat(511), (bit) => {
      const altered = hex(signature);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return !sm2Verify(message, altered.toString('hex'), publicKey);
    }),
    FEW,
  );
});

t.test('r and s outside [1, n-1] do not verify, nor does their sum of zero', async (t) => {
  const { r = '', s = '' } = standard ?? {};
  const tooBig = ['0'.repeat(64), hex64(N), hex64(N + 1n), 'f'.repeat(64)];
  for (const wrong of tooBig) {
    t.notOk(sm2Verify(message, wrong + s, publicKey), `r ${wrong}`);
    t.notOk(sm2Verify(message, r + wrong, publicKey), `s ${wrong}`);
  }
  t.notOk(sm2Verify(message, r + hex64(N - BigInt(`0x${r}`)), publicKey));
});

t.test('a signature made to meet the point at infinity is false, not an exception', async (t) => {
  const d = 5n;
  const r = 12345n;
  // s + (r + s)d = 0 modulo n; the inverse of 1 + d = 6 by Fermat.
  let inverseOf6 = 1n;
  for (let bit = (N - 2n).toString(2), base = 6n; bit.length > 0; base = (base * base) % N) {
    if (bit.endsWith('1')) inverseOf6 = (inverseOf6 * base) % N;
    bit = bit.slice(0, -1);
  }
  const s = mod(-r * d * inverseOf6, N);
  t.equal(mod(s + (r + s) * d, N), 0n);
  t.equal(sm2Verify(message, hex64(r) + hex64(s), pointHex(multiply(d, G))), false);
});

t.test('a signature has one form: 128 digits of lower-case hex', async (t) => {
  const { r = '', s = '', der = '' } = standard ?? {};
  const forms = [
    der,
    `${r}${s}00`,
    `00${r}${s}`,
    (r + s).slice(1),
    (r + s).toUpperCase(),
    `${r}${s}\n`,
    ` ${r}${s}`,
  ];
  for (const form of ['', ...forms])
    t.equal(sm2Verify(message, form, publicKey), false, JSON.stringify(form));
});

t.test('verification never throws, whatever comes for signature and key', async () => {
  const anyText = fc.oneof(fc.string(), hexDigits(128), hexDigits(130), fc.constant(signature));
  const anyKey = fc.oneof(
    fc.string(),
    hexDigits(128).map((xy) => `04${xy}`),
    fc.constant('00'),
  );
  fc.assert(fc.property(anyText, anyKey, (text, key) => sm2Verify(message, text, key) === false));
  fc.assert(
    fc.property(hexDigits(128), (text) => sm2Verify(message, text, publicKey) === false),
    FEW,
  );
});

t.test('points made ahead are used once, and give signatures that verify', async (t) => {
  const points = [prepareSm2SigningPoint(), prepareSm2SigningPoint()];
  const [one, two] = [1, 2].map(() => sm2Sign(message, privateKey, publicKey, points));
  t.equal(points.length, 0, 'both are gone');
  t.not(one?.slice(0, 64), two?.slice(0, 64), 'another point, another r');
  t.ok(sm2Verify(message, one ?? '', publicKey));
  const third = sm2Sign(message, privateKey, publicKey, points);
  t.ok(sm2Verify(message, third, publicKey), 'with none left one is made');
});

t.test('a public key has one form, and lies on the curve', async (t) => {
  t.ok(isSm2PublicKey(publicKey));
  const offCurve = publicKey.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
  const compressed = `03${publicKey.slice(2, 66)}`;
  const hybrid = `07${publicKey.slice(2)}`;
  for (const wrong of [
    offCurve,
    compressed,
    hybrid,
    publicKey.slice(2),
    publicKey.toUpperCase(),
    `${publicKey}\n`,
    '00',
    '',
    `04${'0'.repeat(128)}`,
    `04${'f'.repeat(128)}`,
  ]) {
    t.notOk(isSm2PublicKey(wrong), JSON.stringify(wrong));
  }
});

t.test('a coordinate of p or more is a second name for a point, which sm-crypto would take', async (t) => {
  let x = 1n;
  while (yAt(x) === undefined) x++;
  const y = hex64(yAt(x) ?? 0n);
  t.ok(isSm2PublicKey(`04${hex64(x)}${y}`));
  const alias = `04${hex64(x + P)}${y}`;
  t.equal(alias.length, 130);
  t.notOk(isSm2PublicKey(alias));
  t.throws(() => sm2Encrypt(message, alias), { code: 'sm.public-key' });
});

t.test('on the curve or not: the same answer as textbook arithmetic', async () => {
  fc.assert(
    fc.property(fc.bigInt(0n, P - 1n), (x) => {
      const y = yAt(x);
      if (y === undefined) return !isSm2PublicKey(`04${hex64(x)}${hex64(1n)}`);
      return (
        isSm2PublicKey(`04${hex64(x)}${hex64(y)}`) && !isSm2PublicKey(`04${hex64(x)}${hex64(mod(y + 1n))}`)
      );
    }),
  );
});

t.test('a key id is the start of SM3 over the 65 bytes of the point', async (t) => {
  t.equal(keyId(publicKey), sm3(hex(publicKey)).toString('hex').slice(0, 16));
  t.match(keyId(publicKey), /^[0-9a-f]{16}$/);
});

t.test('what was encrypted decrypts, and only with its own key', async () => {
  const other = generateSm2KeyPair();
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 2, maxLength: 100 }), (plaintext) => {
      const ciphertext = sm2Encrypt(plaintext, publicKey);
      const back = sm2Decrypt(ciphertext, privateKey);
      return (
        ciphertext[0] === 4 &&
        ciphertext.length === 97 + plaintext.length &&
        back !== undefined &&
        Buffer.compare(back, plaintext) === 0 &&
        sm2Decrypt(ciphertext, other.privateKey) === undefined
      );
    }),
    FEW,
  );
});

t.test('a message of zeros comes back as zeros, not as a failure', async (t) => {
  t.same(sm2Decrypt(sm2Encrypt(Buffer.alloc(32), publicKey), privateKey), Buffer.alloc(32));
});

t.test('an empty message is refused on both sides, since its failure could not be told', async (t) => {
  t.throws(() => sm2Encrypt(Buffer.alloc(0), publicKey), { code: 'sm.empty', disposition: 'reject' });
  const ofNothing = hex(`04${smCrypto.sm2.doEncrypt(Buffer.alloc(0), publicKey, 1)}`);
  t.equal(sm2Decrypt(ofNothing, privateKey), undefined);
  t.throws(() => sm2Encrypt(Buffer.alloc(65_537), publicKey), { code: 'sm.too-long', disposition: 'reject' });
});

t.test('a key stream of zeros is drawn again by the sender and refused by the receiver', async (t) => {
  const oneByte = Buffer.from([0x5a]);
  // 470 is the first ephemeral key whose key stream for this public key begins with a zero byte.
  const inClear = withDraws([470n], () => hex(`04${smCrypto.sm2.doEncrypt(oneByte, publicKey, 1)}`));
  t.same(inClear.subarray(97), oneByte, 'sm-crypto sends it as it is');
  t.equal(sm2Decrypt(inClear, privateKey), undefined);
  const again = withDraws([470n, 3n], () => sm2Encrypt(oneByte, publicKey));
  t.notSame(again.subarray(97), oneByte);
  t.same(sm2Decrypt(again, privateKey), oneByte);
});

t.test('one turned bit anywhere in a ciphertext, and it does not decrypt', async () => {
  const ciphertext = hex(vectors.sm2_encrypt[0]?.c1c3c2 ?? '');
  fc.assert(
    fc.property(fc.nat(ciphertext.length * 8 - 1), (bit) => {
      const altered = Buffer.from(ciphertext);
      altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      return sm2Decrypt(altered, privateKey) === undefined;
    }),
    { numRuns: 20 },
  );
});

t.test('garbage never decrypts and never throws', async () => {
  const point = hex(publicKey);
  const garbage = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.nat(97).map((length) => Buffer.concat([point, Buffer.alloc(32)]).subarray(0, length)),
  );
  fc.assert(fc.property(garbage, (ciphertext) => sm2Decrypt(ciphertext, privateKey) === undefined));
  t.equal(sm2Decrypt(Buffer.concat([point, Buffer.alloc(70_000)]), privateKey), undefined, 'too long');
});

t.test('what is no key is named, without showing it', async (t) => {
  for (const wrong of ['', '0', 'g'.repeat(64), '0'.repeat(64), 'F'.repeat(64), hex64(N), hex64(N - 1n)]) {
    const refused = { code: 'sm.private-key', disposition: 'reject', message: /64 lower-case hex digits$/ };
    t.throws(() => sm2Sign(message, wrong, publicKey), refused);
    t.throws(() => sm2Decrypt(Buffer.alloc(100), wrong), refused);
  }
  t.throws(() => sm2Sign(message, privateKey, '04'), { code: 'sm.public-key', disposition: 'reject' });
  t.throws(() => sm2Encrypt(message, '04'), { code: 'sm.public-key', disposition: 'reject' });
});
