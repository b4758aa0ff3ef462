import fc from 'fast-check';
import t from 'tap';
import { portableSm3, portableSm4 } from '../../../protocol/sm/portableEngine.js';
import { open, SEAL_MAX_BYTES, type Sealed, type SealWith, seal } from '../../../protocol/sm/sealed.js';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const sealWith: fc.Arbitrary<SealWith> = fc.record({
  cipherKey: bytes(16),
  macKey: bytes(32),
  iv: bytes(12),
  context: fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 4 }),
});
const plaintexts = fc.uint8Array({ maxLength: 80 });

const SAMPLE: SealWith = {
  cipherKey: Buffer.alloc(16, 1),
  macKey: Buffer.alloc(32, 2),
  iv: Buffer.alloc(12, 3),
  context: [Buffer.from('cardpad/v1/verify'), Buffer.from('gz-bus-a1')],
};

/** The same bytes with one bit turned; `at` may be any number. */
function flipped(original: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(original);
  const bit = at % (copy.length * 8);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

t.test('what was sealed opens to the same bytes', async () => {
  fc.assert(
    fc.property(sealWith, plaintexts, (keys, plaintext) => {
      const opened = open(keys, seal(keys, plaintext));
      return opened !== undefined && Buffer.compare(opened, plaintext) === 0;
    }),
  );
});

t.test('an empty message opens to an empty message, not to a failure', async (t) => {
  t.same(open(SAMPLE, seal(SAMPLE, Buffer.alloc(0))), Buffer.alloc(0));
});

t.test('one turned bit anywhere in iv, ciphertext or code, and it does not open', async () => {
  fc.assert(
    fc.property(sealWith, fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.nat(), (keys, plaintext, at) => {
      const sealed = seal(keys, plaintext);
      const altered: Sealed[] = [
        { ...sealed, iv: flipped(sealed.iv, at) },
        { ...sealed, ciphertext: flipped(sealed.ciphertext, at) },
        { ...sealed, mac: flipped(sealed.mac, at) },
      ];
      return altered.every((each) => open(keys, each) === undefined);
    }),
  );
});

t.test('one turned bit in a key that matters or in the context, and it does not open', async () => {
  fc.assert(
    fc.property(
      sealWith,
      fc.uint8Array({ minLength: 1, maxLength: 9 }),
      plaintexts,
      fc.nat(),
      (keys, part, text, at) => {
        const inContext = { ...keys, context: [...keys.context, part] };
        const sealed = seal(inContext, text);
        return (
          open({ ...inContext, context: [...keys.context, flipped(part, at)] }, sealed) === undefined &&
          open({ ...inContext, macKey: flipped(keys.macKey, at) }, sealed) === undefined
        );
      },
    ),
  );
});

t.test('a context cut at another place, or with an empty part more, is another context', async (t) => {
  const sealed = seal({ ...SAMPLE, context: [Buffer.from('ab'), Buffer.from('c')] }, Buffer.from('text'));
  for (const parts of [['a', 'bc'], ['abc'], ['ab', 'c', ''], ['', 'ab', 'c'], ['c', 'ab'], []]) {
    const context = parts.map((part) => Buffer.from(part));
    t.equal(open({ ...SAMPLE, context }, sealed), undefined, JSON.stringify(parts));
  }
});

t.test('bytes moved between iv and ciphertext do not open', async (t) => {
  const { iv, ciphertext, mac } = seal(SAMPLE, Buffer.from('some plaintext'));
  const joined = Buffer.concat([iv, ciphertext]);
  for (const cut of [0, 11, 13, joined.length]) {
    const moved = { iv: joined.subarray(0, cut), ciphertext: joined.subarray(cut), mac };
    t.equal(open(SAMPLE, moved), undefined, `iv of ${cut} bytes`);
  }
});

t.test('a code that is cut short, empty or too long does not open', async (t) => {
  const sealed = seal(SAMPLE, Buffer.from('text'));
  for (const mac of [
    sealed.mac.subarray(0, 31),
    Buffer.alloc(0),
    Buffer.concat([sealed.mac, Buffer.alloc(1)]),
  ]) {
    t.equal(open(SAMPLE, { ...sealed, mac }), undefined, `${mac.length} bytes`);
  }
});

t.test('garbage never opens and never throws', async () => {
  const garbage = fc.record({ iv: plaintexts, ciphertext: plaintexts, mac: plaintexts });
  fc.assert(fc.property(garbage, (sealed) => open(SAMPLE, sealed) === undefined));
});

t.test('the bytes are those that the wire protocol writes down', async (t) => {
  const plaintext = Buffer.from('two blocks and a little more of plaintext');
  const sealed = seal(SAMPLE, plaintext);
  const counterBlock = Buffer.concat([SAMPLE.iv, Buffer.alloc(4)]);
  t.same(sealed.iv, SAMPLE.iv);
  t.same(sealed.ciphertext, portableSm4.ctr(SAMPLE.cipherKey, counterBlock, plaintext));
  const authenticated = Buffer.concat([
    Buffer.from('00000002', 'hex'),
    Buffer.from('00000011', 'hex'),
    Buffer.from('cardpad/v1/verify'),
    Buffer.from('00000009', 'hex'),
    Buffer.from('gz-bus-a1'),
    sealed.iv,
    sealed.ciphertext,
  ]);
  t.same(sealed.mac, portableSm3.hmac(SAMPLE.macKey, [authenticated]));
});

t.test('64 KiB is sealed, a byte more is refused on both sides', async (t) => {
  const longest = seal(SAMPLE, Buffer.alloc(SEAL_MAX_BYTES, 7));
  t.same(open(SAMPLE, longest), Buffer.alloc(SEAL_MAX_BYTES, 7));
  t.throws(() => seal(SAMPLE, Buffer.alloc(SEAL_MAX_BYTES + 1)), {
    code: 'sm.too-long',
    disposition: 'reject',
  });
  t.equal(open(SAMPLE, { ...longest, ciphertext: Buffer.alloc(SEAL_MAX_BYTES + 1) }), undefined);
});

t.test('a caller who reuses his iv buffer does not change what was sealed', async (t) => {
  const iv = Buffer.from(SAMPLE.iv);
  const sealed = seal({ ...SAMPLE, iv }, Buffer.from('text'));
  iv.fill(0);
  t.same(open(SAMPLE, sealed), Buffer.from('text'));
});

t.test('keys and ivs of a wrong length are faults of the program, by name', async (t) => {
  const fault = { code: 'sm.length', disposition: 'fatal' };
  const sealed = seal(SAMPLE, Buffer.from('text'));
  t.throws(() => seal({ ...SAMPLE, iv: Buffer.alloc(16) }, Buffer.alloc(1)), fault);
  for (const wrong of [
    { cipherKey: Buffer.alloc(32) },
    { macKey: Buffer.alloc(16) },
    { macKey: Buffer.alloc(0) },
  ]) {
    t.throws(() => seal({ ...SAMPLE, ...wrong }, Buffer.alloc(1)), fault);
    t.throws(() => open({ ...SAMPLE, ...wrong }, sealed), fault);
  }
});
