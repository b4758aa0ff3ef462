import fc from 'fast-check';
import smCrypto from 'sm-crypto';
import t from 'tap';
import { generateSm2KeyPair, sm2Decrypt, sm2Encrypt, sm2Sign, sm2Verify } from '../../../protocol/sm/sm2.js';
import { isSm2PrivateKey } from '../../../protocol/sm/sm2Key.js';
import { G, hex64, mod, multiply, N, pointHex } from './curve.js';
import { encrypters, signers } from './engines.js';
import { hex, vectors } from './vectors.js';

// By sm-crypto an operation takes tens of milliseconds: a property gets few runs here, and many where it is cheap.
const FEW = { numRuns: 4 };

const [standard] = vectors.sm2_sign;
const privateKey = standard?.d ?? '';
const publicKey = `04${standard?.pub.x}${standard?.pub.y}`;
const message = Buffer.from('message digest');
const signature = `${standard?.r}${standard?.s}`;

const hexDigits = (digits: number) =>
  fc.uint8Array({ minLength: digits / 2, maxLength: digits / 2 }).map((b) => Buffer.from(b).toString('hex'));

for (const { name, engine } of signers) {
  t.test(`${name}: a fresh key pair fits together and is never the same`, async (t) => {
    const [one, two] = [generateSm2KeyPair(engine), generateSm2KeyPair(engine)];
    t.ok(isSm2PrivateKey(one.privateKey));
    t.equal(pointHex(multiply(BigInt(`0x${one.privateKey}`), G)), one.publicKey);
    t.not(one.privateKey, two.privateKey);
  });

  t.test(`${name}: what was signed verifies, under its own key and for its own message only`, async () => {
    const other = generateSm2KeyPair(engine);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (signed) => {
        const made = sm2Sign(signed, privateKey, publicKey, engine);
        return (
          sm2Verify(signed, made, publicKey, engine) &&
          !sm2Verify(signed, made, other.publicKey, engine) &&
          !sm2Verify(Buffer.concat([signed, Buffer.alloc(1)]), made, publicKey, engine)
        );
      }),
      FEW,
    );
  });

  t.test(`${name}: bytes are signed as bytes: not as text, not as hex`, async (t) => {
    const bytes = Uint8Array.from([0x00, 0x80, 0xff, 0x0a]);
    const made = sm2Sign(bytes, privateKey, publicKey, engine);
    t.ok(sm2Verify(Buffer.from(bytes), made, publicKey, engine));
    t.notOk(sm2Verify(Buffer.from('0080ff0a'), made, publicKey, engine));
  });

  t.test(`${name}: one turned bit in a signature, and it does not verify`, async () => {
    fc.assert(
      fc.property(fc.nat(511), (bit) => {
        const altered = hex(signature);
        altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        return !sm2Verify(message, altered.toString('hex'), publicKey, engine);
      }),
      FEW,
    );
  });

  t.test(`${name}: r and s outside [1, n-1] do not verify, nor does their sum of zero`, async (t) => {
    const { r = '', s = '' } = standard ?? {};
    const tooBig = ['0'.repeat(64), hex64(N), hex64(N + 1n), 'f'.repeat(64)];
    for (const wrong of tooBig) {
      t.notOk(sm2Verify(message, wrong + s, publicKey, engine), `r ${wrong}`);
      t.notOk(sm2Verify(message, r + wrong, publicKey, engine), `s ${wrong}`);
    }
    t.notOk(sm2Verify(message, r + hex64(N - BigInt(`0x${r}`)), publicKey, engine));
  });

  t.test(`${name}: a signature made to meet the point at infinity is false, not an exception`, async (t) => {
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
    t.equal(sm2Verify(message, hex64(r) + hex64(s), pointHex(multiply(d, G)), engine), false);
  });

  t.test(`${name}: a signature has one form: 128 digits of lower-case hex`, async (t) => {
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
      t.equal(sm2Verify(message, form, publicKey, engine), false, JSON.stringify(form));
  });

  t.test(`${name}: verification never throws, whatever comes for signature and key`, async () => {
    const anyText = fc.oneof(fc.string(), hexDigits(128), hexDigits(130), fc.constant(signature));
    const anyKey = fc.oneof(
      fc.string(),
      hexDigits(128).map((xy) => `04${xy}`),
      fc.constant('00'),
    );
    fc.assert(fc.property(anyText, anyKey, (text, key) => sm2Verify(message, text, key, engine) === false));
    fc.assert(
      fc.property(hexDigits(128), (text) => sm2Verify(message, text, publicKey, engine) === false),
      FEW,
    );
  });
}

for (const { name, engine } of encrypters) {
  t.test(`${name}: what was encrypted decrypts, and only with its own key`, async () => {
    const other = generateSm2KeyPair();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 2, maxLength: 100 }), (plaintext) => {
        const ciphertext = sm2Encrypt(plaintext, publicKey, engine);
        const back = sm2Decrypt(ciphertext, privateKey, engine);
        return (
          ciphertext[0] === 4 &&
          ciphertext.length === 97 + plaintext.length &&
          back !== undefined &&
          Buffer.compare(back, plaintext) === 0 &&
          sm2Decrypt(ciphertext, other.privateKey, engine) === undefined
        );
      }),
      FEW,
    );
  });

  t.test(`${name}: a message of zeros comes back as zeros, not as a failure`, async (t) => {
    t.same(sm2Decrypt(sm2Encrypt(Buffer.alloc(32), publicKey, engine), privateKey, engine), Buffer.alloc(32));
  });

  t.test(
    `${name}: an empty message is refused on both sides, since its failure could not be told`,
    async (t) => {
      t.throws(() => sm2Encrypt(Buffer.alloc(0), publicKey, engine), {
        code: 'sm.empty',
        disposition: 'reject',
      });
      const ofNothing = hex(`04${smCrypto.sm2.doEncrypt(Buffer.alloc(0), publicKey, 1)}`);
      t.equal(sm2Decrypt(ofNothing, privateKey, engine), undefined);
      t.throws(() => sm2Encrypt(Buffer.alloc(65_537), publicKey, engine), {
        code: 'sm.too-long',
        disposition: 'reject',
      });
    },
  );

  t.test(`${name}: one turned bit anywhere in a ciphertext, and it does not decrypt`, async () => {
    const ciphertext = hex(vectors.sm2_encrypt[0]?.c1c3c2 ?? '');
    fc.assert(
      fc.property(fc.nat(ciphertext.length * 8 - 1), (bit) => {
        const altered = Buffer.from(ciphertext);
        altered[bit >> 3] = (altered[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        return sm2Decrypt(altered, privateKey, engine) === undefined;
      }),
      { numRuns: 20 },
    );
  });

  t.test(`${name}: garbage never decrypts and never throws`, async () => {
    const point = hex(publicKey);
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.nat(97).map((length) => Buffer.concat([point, Buffer.alloc(32)]).subarray(0, length)),
    );
    fc.assert(fc.property(garbage, (ciphertext) => sm2Decrypt(ciphertext, privateKey, engine) === undefined));
    t.equal(
      sm2Decrypt(Buffer.concat([point, Buffer.alloc(70_000)]), privateKey, engine),
      undefined,
      'too long',
    );
  });
}

t.test('what is no key is named, without showing it', async (t) => {
  for (const wrong of ['', '0', 'g'.repeat(64), '0'.repeat(64), 'F'.repeat(64), hex64(N), hex64(N - 1n)]) {
    const refused = { code: 'sm.private-key', disposition: 'reject', message: /64 lower-case hex digits$/ };
    t.throws(() => sm2Sign(message, wrong, publicKey), refused);
    t.throws(() => sm2Decrypt(Buffer.alloc(100), wrong), refused);
  }
  t.throws(() => sm2Sign(message, privateKey, '04'), { code: 'sm.public-key', disposition: 'reject' });
  t.throws(() => sm2Encrypt(message, '04'), { code: 'sm.public-key', disposition: 'reject' });
});
