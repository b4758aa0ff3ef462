import t from 'tap';
import { createSm2Inline } from '../../../platform/sm2/inline.js';
import { createSm2Pool } from '../../../platform/sm2/pool.js';
import type { Sm2Service } from '../../../platform/sm2/service.js';
import { sm2Verify } from '../../../protocol/sm/sm2.js';
import { hex, vectors } from '../../protocol/sm/vectors.js';

/** One contract for every way of computing SM2. */
const SERVICES: Readonly<Record<string, () => Sm2Service>> = {
  'on the caller’s thread': createSm2Inline,
  'in a pool of one': () => createSm2Pool({ size: 1 }),
  'in an eager pool of two': () => createSm2Pool({ size: 2, eager: true }),
};

const [signed] = vectors.sm2_sign;
const [encrypted] = vectors.sm2_encrypt;
const standardKey = `04${signed?.pub.x}${signed?.pub.y}`;

for (const [where, create] of Object.entries(SERVICES)) {
  t.test(`SM2 ${where}`, async (t) => {
    const service = create();
    t.teardown(() => service.close());
    const keyPair = await service.generate();
    const message = Buffer.from('a hello, 你好');

    t.test('signs what verifies, here and there', async (t) => {
      for (let times = 0; times < 6; times++) {
        const signature = await service.sign(message, keyPair);
        t.equal(sm2Verify(message, signature, keyPair.publicKey), true);
        if (times === 0) t.equal(await service.verify(message, signature, keyPair.publicKey), true);
      }
    });

    t.test('verifies the signature of the standard and refuses another message', async (t) => {
      const signature = `${signed?.r}${signed?.s}`;
      t.equal(await service.verify(hex(signed?.msg_hex ?? ''), signature, standardKey), true);
      t.equal(await service.verify(Buffer.from('another'), signature, standardKey), false);
      t.equal(await service.verify(message, 'garbage', 'garbage'), false);
    });

    t.test('decrypts what it encrypted and the ciphertext of the standard, to a Buffer', async (t) => {
      const ciphertext = await service.encrypt(message, keyPair.publicKey);
      t.ok(Buffer.isBuffer(ciphertext));
      const plaintext = await service.decrypt(ciphertext, keyPair.privateKey);
      t.ok(Buffer.isBuffer(plaintext));
      t.same(plaintext, message);
      const standard = await service.decrypt(hex(encrypted?.c1c3c2 ?? ''), encrypted?.d ?? '');
      t.equal(standard?.toString('hex'), encrypted?.msg_hex);
      t.equal(await service.decrypt(ciphertext, encrypted?.d ?? ''), undefined, 'another key');
    });

    t.test('has room for the longest message', async (t) => {
      const longest = Buffer.alloc(65_536, 7);
      const signature = await service.sign(longest, keyPair);
      t.equal(await service.verify(longest, signature, keyPair.publicKey), true);
      const ciphertext = await service.encrypt(longest, keyPair.publicKey);
      t.ok((await service.decrypt(ciphertext, keyPair.privateKey))?.equals(longest));
    });

    t.test('takes the bytes as they are when it is called', async (t) => {
      const reused = Buffer.from('first text');
      const signing = service.sign(reused, keyPair);
      reused.fill(0);
      t.equal(sm2Verify(Buffer.from('first text'), await signing, keyPair.publicKey), true);
    });

    t.test('an error keeps its code, disposition and words', async (t) => {
      const help = undefined;
      await t.rejects(service.encrypt(message, '04'), {
        name: 'CardpadError',
        code: 'sm.public-key',
        disposition: 'reject',
        help,
      });
      await t.rejects(service.encrypt(Buffer.alloc(0), keyPair.publicKey), {
        code: 'sm.empty',
        disposition: 'reject',
      });
      await t.rejects(service.sign(message, { ...keyPair, privateKey: '00' }), {
        code: 'sm.private-key',
        message: /not an SM2 private key/,
      });
      t.ok(await service.sign(message, keyPair), 'and the service lives on');
    });

    t.test('passes its self-test', async (t) => {
      await t.resolves(service.selfTest());
    });

    t.test('closes once and for all', async (t) => {
      await service.close();
      await t.rejects(service.generate(), { code: 'sm2.closed', disposition: 'reject' });
      await t.resolves(service.close());
    });
  });
}
