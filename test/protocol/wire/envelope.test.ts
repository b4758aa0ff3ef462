import fc from 'fast-check';
import t from 'tap';
import { seal } from '../../../protocol/sm/sealed.js';
import {
  type EnvelopeAddress,
  MAX_ENVELOPE_BYTES,
  openSealed,
  parseDown,
  parseUp,
  sealDown,
  sealUp,
} from '../../../protocol/wire/envelope.js';
import { MAX_PAYLOAD_BYTES } from '../../../protocol/wire/json.js';
import { DOWN_KINDS, UP_KINDS } from '../../../protocol/wire/topics.js';
import { flipped } from '../flip.js';
import { assertNeverThrows, mistyped, notRefused, spoiled } from './hostile.js';
import { bytesOf, hexOf, KEYS } from './samples.js';

const UP = { direction: 'up', device: 'gz-bus-a1', kind: 'verify' } as const;
const DOWN = { direction: 'down', device: 'gz-bus-a1', kind: 'verdict' } as const;
const TICKET = bytesOf('ticket', 200);
const SESSION = hexOf('session', 8);
const IV = bytesOf('iv', 12);
const upSession = { keys: KEYS.up, ticket: TICKET };
const downSession = { keys: KEYS.down, id: SESSION };

/** The sealed bytes of a message, past its JSON. */
function sealedOf(payload: Buffer, parse: typeof parseUp | typeof parseDown): Buffer {
  const parsed = parse(payload);
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.value.sealed;
}

const SEALED_UP = sealedOf(sealUp(upSession, UP, 5, IV, Buffer.from('question')), parseUp);

const counters = fc.oneof(fc.nat(), fc.constantFrom(0, Number.MAX_SAFE_INTEGER));

t.test('what was sealed opens to the same bytes and counter, both ways', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), counters, (plaintext, counter) => {
      const up = openSealed(KEYS.up, UP, sealedOf(sealUp(upSession, UP, counter, IV, plaintext), parseUp));
      const down = openSealed(
        KEYS.down,
        DOWN,
        sealedOf(sealDown(downSession, DOWN, counter, IV, plaintext), parseDown),
      );
      return [up, down].every(
        (opened) => opened?.counter === counter && Buffer.compare(opened.plaintext, plaintext) === 0,
      );
    }),
  );
});

t.test(
  'the longest plaintext goes through whole and within a payload; one byte more is an error',
  async (t) => {
    const longest = bytesOf('longest', MAX_ENVELOPE_BYTES);
    const payload = sealUp({ keys: KEYS.up, ticket: bytesOf('big ticket', 4096) }, UP, 1, IV, longest);
    t.ok(payload.length <= MAX_PAYLOAD_BYTES);
    t.same(openSealed(KEYS.up, UP, sealedOf(payload, parseUp))?.plaintext, longest);
    t.throws(() => sealUp(upSession, UP, 1, IV, Buffer.alloc(MAX_ENVELOPE_BYTES + 1)), {
      code: 'sm.too-long',
    });
  },
);

t.test('the whole ticket and the session id travel in the message', async (t) => {
  t.match(parseUp(sealUp(upSession, UP, 1, IV, IV)), { ok: true, value: { ticket: TICKET } });
  t.match(parseDown(sealDown(downSession, DOWN, 1, IV, IV)), { ok: true, value: { session: SESSION } });
});

t.test('one bit turned anywhere in the sealed bytes, and it does not open', async (t) => {
  const opened = [];
  for (let at = 0; at < SEALED_UP.length * 8; at++) {
    if (openSealed(KEYS.up, UP, flipped(SEALED_UP, at)) !== undefined) opened.push(at);
  }
  t.same(opened, []);
});

t.test('one bit turned anywhere in the text of the message, and it is refused or not the same', async (t) => {
  const payload = sealUp(upSession, UP, 5, IV, Buffer.from('question'));
  const same = [];
  for (let at = 0; at < payload.length * 8; at++) {
    const parsed = parseUp(flipped(payload, at));
    if (!parsed.ok || !parsed.value.ticket.equals(TICKET)) continue;
    if (openSealed(KEYS.up, UP, parsed.value.sealed) !== undefined) same.push(at);
  }
  t.same(same, []);
});

t.test('cut at any place, it does not open', async (t) => {
  for (let length = 0; length < SEALED_UP.length; length++) {
    t.equal(openSealed(KEYS.up, UP, SEALED_UP.subarray(0, length)), undefined);
  }
});

const ADDRESSES: readonly EnvelopeAddress[] = [
  ...UP_KINDS.map((kind) => ({ direction: 'up', device: 'gz-bus-a1', kind }) as const),
  ...DOWN_KINDS.map((kind) => ({ direction: 'down', device: 'gz-bus-a1', kind }) as const),
  { ...UP, device: 'gz-bus-a2' },
  { ...UP, device: 'gz-bus-a' },
];

for (const address of ADDRESSES) {
  const { direction, device, kind } = address;
  const own = direction === 'up' && device === UP.device && kind === UP.kind;
  t.test(
    `a question of gz-bus-a1 ${own ? 'opens' : 'never opens'} as ${direction}/${kind} of ${device}`,
    async (t) => {
      t.equal(openSealed(KEYS.up, address, SEALED_UP) !== undefined, own);
    },
  );
}

t.test(
  '"config" goes both ways, and one way never opens as the other, even with the same keys',
  async (t) => {
    const address = { direction: 'up', device: 'gz-bus-a1', kind: 'config' } as const;
    const sealed = sealedOf(sealUp(upSession, address, 1, IV, IV), parseUp);
    t.ok(openSealed(KEYS.up, address, sealed));
    t.equal(openSealed(KEYS.up, { ...address, direction: 'down' }, sealed), undefined);
  },
);

t.test('what was sealed up never opens with the keys for down', async (t) => {
  t.equal(openSealed(KEYS.down, UP, SEALED_UP), undefined);
});

t.test('another counter in front, and it does not open', async (t) => {
  const other = Buffer.from(SEALED_UP);
  other.writeBigUInt64BE(6n, 1);
  t.equal(openSealed(KEYS.up, UP, other), undefined);
});

/** Sealed by the rules with right keys, behind a head of its own. */
function sealedBehind(head: Buffer): Buffer {
  const parts = ['cardpad/v1/verify', 'up', 'gz-bus-a1'].map((part) => Buffer.from(part));
  const box = seal({ ...KEYS.up, iv: IV, context: [...parts, head] }, Buffer.from('question'));
  return Buffer.concat([head, box.iv, box.mac, box.ciphertext]);
}

for (const [what, version, counter, opens] of [
  ['this version and any counter', 1, 5n, true],
  ['a counter beyond what a number holds', 1, 2n ** 53n, false],
  ['version 0', 0, 5n, false],
  ['version 2', 2, 5n, false],
] as const) {
  t.test(`${what}, with a right MAC: ${opens ? 'opens' : 'refused'}`, async (t) => {
    const head = Buffer.alloc(9);
    head.writeUInt8(version);
    head.writeBigUInt64BE(counter, 1);
    t.equal(openSealed(KEYS.up, UP, sealedBehind(head)) !== undefined, opens);
  });
}

const CIPHERTEXT_AT = 1 + 8 + 12 + 32;
const xor = (a: Uint8Array, b: Uint8Array) => Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));

t.test('two answers under different ivs share no key stream', async () => {
  const ivs = fc.uniqueArray(fc.uint8Array({ minLength: 12, maxLength: 12 }), {
    minLength: 2,
    maxLength: 2,
    selector: (bytes) => Buffer.from(bytes).toString('hex'),
  });
  const text = fc.uint8Array({ minLength: 64, maxLength: 64 });
  fc.assert(
    fc.property(ivs, text, text, ([iv1 = IV, iv2 = IV], a, b) => {
      const [one, two] = [
        sealedOf(sealDown(downSession, DOWN, 1, iv1, a), parseDown).subarray(CIPHERTEXT_AT),
        sealedOf(sealDown(downSession, DOWN, 1, iv2, b), parseDown).subarray(CIPHERTEXT_AT),
      ];
      // Any 16 bytes in common would be a block of the stream used twice.
      const streams = [xor(one, a), xor(two, b)].map((stream) =>
        [0, 16, 32, 48].map((at) => stream.toString('hex', at, at + 16)),
      );
      return new Set(streams.flat()).size === 8;
    }),
  );
});

t.test('the same bytes are sent again as they were: sealing draws nothing by itself', async (t) => {
  const again = () => sealUp(upSession, UP, 9, IV, Buffer.from('question'));
  t.same(again(), again());
});

t.test('anything but the exact shape is refused with a reason', async (t) => {
  const up = JSON.parse(sealUp(upSession, UP, 1, IV, IV).toString('utf8'));
  const down = JSON.parse(sealDown(downSession, DOWN, 1, IV, IV).toString('utf8'));
  t.same(notRefused(parseUp, spoiled(up)), []);
  t.same(notRefused(parseUp, mistyped(up, ['ticket = ""', 'sealed = ""'])), []);
  t.same(notRefused(parseDown, spoiled(down)), []);
  t.same(notRefused(parseDown, mistyped(down, ['sealed = ""'])), []);
});

t.test('no bytes make it throw', async () => {
  assertNeverThrows(parseUp, ['ticket', 'sealed']);
  assertNeverThrows(parseDown, ['session', 'sealed']);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => openSealed(KEYS.up, UP, bytes) === undefined),
  );
});
