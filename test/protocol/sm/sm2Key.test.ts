import fc from 'fast-check';
import t from 'tap';
import { sm2Encrypt } from '../../../protocol/sm/sm2.js';
import { isSm2PublicKey, keyId } from '../../../protocol/sm/sm2Key.js';
import { sm3 } from '../../../protocol/sm/sm3.js';
import { hex64, mod, P, yAt } from './curve.js';
import { hex, vectors } from './vectors.js';

const [standard] = vectors.sm2_sign;
const publicKey = `04${standard?.pub.x}${standard?.pub.y}`;
const message = Buffer.from('message digest');

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

t.test('a coordinate of p or more is a second name for a point, which SM2 itself would take', async (t) => {
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
