import t from 'tap';
import { CardpadError } from '../../../protocol/errors.js';
import { portableSm3, portableSm4 } from '../../../protocol/sm/portableEngine.js';
import { selfTestSymmetric } from '../../../protocol/sm/selfTest.js';
import { generateSm2KeyPair, sm2Decrypt, sm2Encrypt, sm2Sign, sm2Verify } from '../../../protocol/sm/sm2.js';
import { type Sm2Functions, selfTestSm2 } from '../../../protocol/sm/sm2SelfTest.js';
import { sm3Engine } from '../../../protocol/sm/sm3.js';
import { sm4Engine } from '../../../protocol/sm/sm4.js';

/** The message of the failure, which must be fatal and carry the one code. */
function failureOf(selfTest: () => void): string {
  try {
    selfTest();
  } catch (thrown) {
    if (thrown instanceof CardpadError && thrown.code === 'sm.self-test' && thrown.disposition === 'fatal') {
      return thrown.message;
    }
    throw thrown;
  }
  return 'none';
}

function spoiled(bytes: Buffer): Buffer {
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return bytes;
}

const SM2: Sm2Functions = {
  generate: () => generateSm2KeyPair(),
  sign: sm2Sign,
  verify: sm2Verify,
  encrypt: sm2Encrypt,
  decrypt: sm2Decrypt,
};

t.test('the engines in use and the portable ones pass', async (t) => {
  t.equal(
    failureOf(() => selfTestSymmetric()),
    'none',
  );
  t.equal(
    failureOf(() => selfTestSymmetric(portableSm3, portableSm4)),
    'none',
  );
});

t.test('the symmetric self-test is over before the first card', async (t) => {
  const takenNs = Array.from({ length: 5 }, () => {
    const start = process.hrtime.bigint();
    selfTestSymmetric();
    return Number(process.hrtime.bigint() - start);
  });
  // Measured at 0.1 ms; the bound only says that no SM2 has crept in.
  t.ok(Math.min(...takenNs) < 10_000_000, `${takenNs} ns`);
});

t.test('one wrong bit is found, and the test that found it is named', async (t) => {
  const badDigest = {
    ...sm3Engine,
    digest: (parts: readonly Uint8Array[]) => spoiled(sm3Engine.digest(parts)),
  };
  const badHmac = {
    ...sm3Engine,
    hmac: (key: Uint8Array, parts: readonly Uint8Array[]) => spoiled(sm3Engine.hmac(key, parts)),
  };
  const badCtr = {
    ctr: (key: Uint8Array, iv: Uint8Array, data: Uint8Array) => spoiled(sm4Engine.ctr(key, iv, data)),
  };
  t.match(
    failureOf(() => selfTestSymmetric(badDigest)),
    /of SM3 failed/,
  );
  t.match(
    failureOf(() => selfTestSymmetric(badHmac)),
    /of HMAC-SM3 failed/,
  );
  t.match(
    failureOf(() => selfTestSymmetric(sm3Engine, badCtr)),
    /of SM4-CTR failed/,
  );
});

t.test('an engine that throws fails the self-test by the same name, with its cause', async (t) => {
  const cause = new Error('digital envelope routines::unsupported');
  const broken = {
    ...sm3Engine,
    digest: () => {
      throw cause;
    },
  };
  t.throws(() => selfTestSymmetric(broken), { code: 'sm.self-test', disposition: 'fatal', cause });
});

t.test('SM2 as it is passes', async (t) => {
  t.equal(
    failureOf(() => selfTestSm2()),
    'none',
  );
});

t.test('each broken part of SM2 is named', async (t) => {
  const cases: readonly (readonly [Partial<Sm2Functions>, RegExp])[] = [
    [{ verify: () => false }, /of SM2 verification failed/],
    [{ decrypt: () => undefined }, /of SM2 decryption failed/],
    [{ decrypt: () => Buffer.from('another text') }, /of SM2 decryption failed/],
    [{ sign: () => '0'.repeat(128) }, /of SM2 signature failed/],
    [{ encrypt: (plaintext) => Buffer.from(plaintext) }, /of SM2 encryption failed/],
  ];
  for (const [broken, expected] of cases) {
    t.match(
      failureOf(() => selfTestSm2({ ...SM2, ...broken })),
      expected,
    );
  }
});
