import { readFileSync } from 'node:fs';
import smCrypto from 'sm-crypto';
import smCryptoRandom from 'sm-crypto/src/sm2/rng.js';
import t from 'tap';
import { portableSm2Encryption, portableSm2Signatures } from '../../../protocol/sm/portableSm2.js';
import { generateSm2KeyPair, sm2Decrypt, sm2Encrypt, sm2Sign, sm2Verify } from '../../../protocol/sm/sm2.js';
import { systemRandom } from '../../../protocol/sm/sm2Random.js';
import { G, hex64, pointHex } from './curve.js';
import { withDraws } from './draws.js';
import { encrypters, signers } from './engines.js';
import { hex, vectors } from './vectors.js';

const [standard] = vectors.sm2_sign;
const privateKey = standard?.d ?? '';
const publicKey = `04${standard?.pub.x}${standard?.pub.y}`;
const message = Buffer.from('message digest');

const generate = () => generateSm2KeyPair(portableSm2Signatures);
const sign = () => sm2Sign(message, privateKey, publicKey, portableSm2Signatures);
const encrypt = (plaintext: Uint8Array) => sm2Encrypt(plaintext, publicKey, portableSm2Encryption);

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
  t.throws(() => withDraws([], sign), /too many/, 'nonces, too');
  t.throws(() => withDraws([], () => encrypt(message)), /too many/, 'ephemeral keys, too');
});

t.test('small numbers keep their leading zeros', async (t) => {
  const first = withDraws([1n], generate);
  t.same(first, { privateKey: hex64(1n), publicKey: pointHex(G) });
  // 327 and 107 are the first private keys whose x, or y, begins with a zero byte.
  t.match(withDraws([327n], generate).publicKey, /^0400/);
  t.match(withDraws([107n], generate).publicKey, /^04[0-9a-f]{64}00/);
  // 240 and 121 are the first nonces that give this message an r, or an s, that does.
  for (const [nonce, pattern] of [
    [240n, /^00[0-9a-f]{126}$/],
    [121n, /^[0-9a-f]{64}00[0-9a-f]{62}$/],
  ] as const) {
    const short = withDraws([nonce], sign);
    t.match(short, pattern);
    for (const { name, engine } of signers) t.ok(sm2Verify(message, short, publicKey, engine), name);
  }
  // 194 is the first ephemeral key whose shared point has a coordinate that does; 327 has such a C1.
  for (const ephemeral of [194n, 327n]) {
    const ciphertext = withDraws([ephemeral], () => encrypt(message));
    for (const { name, engine } of encrypters)
      t.same(sm2Decrypt(ciphertext, privateKey, engine), message, name);
  }
});

t.test('a key stream of zeros is drawn again by the sender and refused by the receiver', async (t) => {
  const oneByte = Buffer.from([0x5a]);
  // 470 is the first ephemeral key whose key stream for this public key begins with a zero byte.
  const inClear = withDraws([470n], () => hex(`04${smCrypto.sm2.doEncrypt(oneByte, publicKey, 1)}`));
  t.same(inClear.subarray(97), oneByte, 'sm-crypto sends it as it is');
  for (const { name, engine } of encrypters)
    t.equal(sm2Decrypt(inClear, privateKey, engine), undefined, name);
  const again = withDraws([470n, 3n], () => encrypt(oneByte));
  t.notSame(again.subarray(97), oneByte);
  t.same(sm2Decrypt(again, privateKey), oneByte);
});
