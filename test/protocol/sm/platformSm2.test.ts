import fc from 'fast-check';
import t from 'tap';
import { integersOf, sequenceOf } from '../../../protocol/sm/derIntegers.js';
import { platformSm2Encryption, platformSm2Signatures } from '../../../protocol/sm/platformSm2.js';
import {
  fitsSm2Encryption,
  fitsSm2Signatures,
  sm2Decrypt,
  sm2Encrypt,
  sm2EncryptionEngine,
  sm2PublicKeyOf,
  sm2Sign,
  sm2SignatureEngine,
  sm2Verify,
} from '../../../protocol/sm/sm2.js';
import { isOnSm2Curve, recoverY } from '../../../protocol/sm/sm2Curve.js';
import { isSm2PrivateKey, isSm2PublicKey } from '../../../protocol/sm/sm2Key.js';
import { G, hex64, multiply, N, pointHex } from './curve.js';
import { encrypters, signers } from './engines.js';

const FEW = { numRuns: 8 };

/** Private keys, the smallest and the largest among them. */
const scalars = fc.oneof(fc.constantFrom(1n, 2n, 3n, N - 2n), fc.bigInt(1n, N - 2n));

t.test('the first engine that gives the known answers is in use', async (t) => {
  t.equal(sm2SignatureEngine, signers[0]?.engine);
  t.equal(sm2EncryptionEngine, encrypters[0]?.engine);
});

t.test('an engine that miscounts, or throws, is not taken', async (t) => {
  const thrown = () => {
    throw new RangeError('Invalid key pair');
  };
  const signing = signers[0]?.engine ?? platformSm2Signatures;
  t.ok(fitsSm2Signatures(signing));
  t.notOk(fitsSm2Signatures({ ...signing, publicKeyOf: thrown }));
  t.notOk(fitsSm2Signatures({ ...signing, verify: () => false }));
  t.notOk(fitsSm2Signatures({ ...signing, sign: () => '0'.repeat(128) }));
  t.notOk(fitsSm2Signatures({ ...signing, sign: thrown }));
  const encryption = encrypters[0]?.engine ?? platformSm2Encryption;
  t.ok(fitsSm2Encryption(encryption));
  t.notOk(fitsSm2Encryption({ ...encryption, decrypt: () => undefined }));
  t.notOk(fitsSm2Encryption({ ...encryption, decrypt: () => Buffer.from('another text') }));
  t.notOk(fitsSm2Encryption({ ...encryption, decrypt: thrown }));
});

t.test('the public key of a private one is what textbook arithmetic says, whoever computes it', async () => {
  fc.assert(
    fc.property(scalars, (scalar) => {
      const expected = pointHex(multiply(scalar, G));
      return signers.every(({ engine }) => sm2PublicKeyOf(hex64(scalar), engine) === expected);
    }),
    FEW,
  );
});

t.test('key pairs have the one form, also where a number begins with zeros', async (t) => {
  for (let count = 0; count < 600; count++) {
    const { privateKey, publicKey } = platformSm2Signatures.generate();
    if (isSm2PrivateKey(privateKey) && isSm2PublicKey(publicKey)) continue;
    t.fail(`${privateKey} ${publicKey}`);
  }
});

t.test('what one engine signs the other verifies', async () => {
  fc.assert(
    fc.property(scalars, fc.uint8Array({ maxLength: 200 }), (scalar, message) => {
      const [privateKey, publicKey] = [hex64(scalar), pointHex(multiply(scalar, G))];
      return signers.every((by) => {
        const signature = sm2Sign(message, privateKey, publicKey, by.engine);
        return signers.every((other) => sm2Verify(message, signature, publicKey, other.engine));
      });
    }),
    FEW,
  );
});

t.test('what one engine encrypts the other decrypts', async () => {
  fc.assert(
    fc.property(scalars, fc.uint8Array({ minLength: 2, maxLength: 200 }), (scalar, plaintext) => {
      const [privateKey, publicKey] = [hex64(scalar), pointHex(multiply(scalar, G))];
      return encrypters.every((by) => {
        const ciphertext = sm2Encrypt(plaintext, publicKey, by.engine);
        return encrypters.every(
          (other) => sm2Decrypt(ciphertext, privateKey, other.engine)?.equals(plaintext) ?? false,
        );
      });
    }),
    FEW,
  );
});

t.test('y comes back from what Diffie and Hellman tell, which is x alone', async () => {
  fc.assert(
    fc.property(fc.bigInt(1n, N - 2n), fc.bigInt(1n, N - 1n), (scalar, other) => {
      const q = multiply(other, G);
      if (q === undefined) return false;
      const [product, next] = [multiply(scalar, q), multiply(scalar + 1n, q)];
      return product !== undefined && next !== undefined && recoverY(q, product.x, next.x) === product.y;
    }),
    // Textbook arithmetic takes a tenth of a second a multiplication.
    FEW,
  );
});

t.test('a wrong x gives no point of the curve', async (t) => {
  const none = { x: 0n, y: 0n };
  const [product, next] = [multiply(5n, G) ?? none, multiply(6n, G) ?? none];
  t.ok(isOnSm2Curve(product.x, recoverY(G, product.x, next.x)));
  t.notOk(isOnSm2Curve(product.x + 1n, recoverY(G, product.x + 1n, next.x)));
  t.notOk(isOnSm2Curve(product.x, recoverY(G, product.x, next.x + 1n)));
});

t.test('two numbers as DER, by ITU-T X.690, and back', async (t) => {
  const cases = [
    [0n, 1n, '3006020100020101'],
    [0x7fn, 0x80n, '300702017f02020080'],
    [0x100n, N, `302702020100022100${hex64(N)}`],
  ] as const;
  for (const [one, two, der] of cases) t.equal(sequenceOf([hex64(one), hex64(two)]).toString('hex'), der);
  fc.assert(
    fc.property(fc.bigInt(0n, (1n << 256n) - 1n), fc.nat(255), (number, shift) => {
      const pair = [hex64(number), hex64(number >> BigInt(shift))] as const;
      const back = integersOf(sequenceOf(pair));
      return back.length === 2 && back[0] === pair[0] && back[1] === pair[1];
    }),
  );
});
