import fc from 'fast-check';
import t from 'tap';
import {
  deriveSessionKeys,
  encodeHello,
  encodeWelcome,
  encodeWelcomeCore,
  openTicket,
  parseHello,
  parseWelcome,
  type SessionKeys,
  sealTicket,
  sessionId,
  type TicketContent,
  ticketKeyId,
} from '../../../protocol/wire/session.js';
import { flipped } from '../flip.js';
import { assertNeverThrows, mistyped, notRefused, spoiled } from './hostile.js';
import { bytesOf, CORE, HELLO, hexOf, KEYS, TICKET_KEY } from './samples.js';

const TICKET: TicketContent = {
  device: 'gz-bus-a1',
  deviceKey: hexOf('device key', 8),
  issuedMs: 1_767_225_600_000,
  expiresMs: 1_767_229_200_000,
  keys: KEYS,
};
const SECRET = bytesOf('secret', 32);
const HELLO_BODY = encodeHello(HELLO);
const CORE_BYTES = encodeWelcomeCore(CORE);
const DERIVED = deriveSessionKeys(SECRET, HELLO_BODY, CORE_BYTES);

const partsOf = ({ up, down }: SessionKeys) =>
  [up.cipherKey, up.macKey, down.cipherKey, down.macKey].map((key) => Buffer.from(key).toString('hex'));

const wrapCore = (core: Uint8Array) => encodeWelcome(core, Buffer.from('ticket'));
const asWire = (bytes: Buffer): Record<string, unknown> => JSON.parse(bytes.toString('utf8'));

t.test('a hello reads back as it was written, with and without a place', async (t) => {
  t.same(parseHello(HELLO_BODY), { ok: true, value: HELLO });
  const first = { ...HELLO, place: null };
  t.same(parseHello(encodeHello(first)), { ok: true, value: first });
});

t.test('a welcome gives its core, the exact bytes of it, and its ticket', async (t) => {
  // White space that no encoder of ours writes: the keys hang on the bytes that came, not on what they mean.
  const spaced = Buffer.concat([Buffer.from(' '), CORE_BYTES]);
  t.same(parseWelcome(encodeWelcome(spaced, Buffer.from('ticket'))), {
    ok: true,
    value: { core: CORE, coreBytes: spaced, ticket: Buffer.from('ticket') },
  });
});

t.test('a hello, a welcome or a core of another shape is refused with a reason', async (t) => {
  t.same(notRefused(parseHello, spoiled(asWire(HELLO_BODY))), []);
  t.same(notRefused(parseHello, mistyped(asWire(HELLO_BODY), ['place = null'])), []);
  const welcome = asWire(wrapCore(CORE_BYTES));
  t.same(notRefused(parseWelcome, spoiled(welcome)), []);
  t.same(notRefused(parseWelcome, mistyped(welcome, ['ticket = ""'])), []);
  const inCore = (cases: Iterable<readonly [string, Buffer]>) =>
    [...cases]
      .filter(([, core]) => core.length < 32 * 1024)
      .map(([what, core]) => [what, wrapCore(core)] as const);
  t.same(notRefused(parseWelcome, inCore(spoiled(asWire(CORE_BYTES)))), []);
  t.same(notRefused(parseWelcome, inCore(mistyped(asWire(CORE_BYTES), ['place = null']))), []);
});

for (const [what, change] of [
  ['no version', { versions: [] }],
  ['17 versions', { versions: Array(17).fill(1) }],
  ['version 0', { versions: [0] }],
  ['a device id for a topic level', { device: '+' }],
  ['a compressed session key', { sessionKey: `02${hexOf('x', 32)}` }],
  ['a place without head', { place: { epoch: 1, seq: 1 } }],
  ['a place at number 0', { place: { epoch: 1, seq: 0, head: hexOf('head', 32) } }],
] as const) {
  t.test(`a hello with ${what} is refused`, async (t) => {
    t.notOk(parseHello(Buffer.from(JSON.stringify({ ...HELLO, ...change }))).ok);
  });
}

for (const [what, change] of [
  ['a session of no time', { lifetimeMs: 0 }],
  ['a session of 8 days', { lifetimeMs: 8 * 24 * 3600 * 1000 }],
  ['a secret of 31 bytes', { secret: CORE.secret.slice(2) }],
  ['a secret in capitals', { secret: CORE.secret.toUpperCase() }],
] as const) {
  t.test(`a welcome with ${what} is refused`, async (t) => {
    t.notOk(parseWelcome(wrapCore(Buffer.from(JSON.stringify({ ...CORE, ...change })))).ok);
  });
}

t.test('no bytes make the parsers throw', async () => {
  assertNeverThrows(parseHello, Object.keys(HELLO));
  assertNeverThrows(parseWelcome, ['core', 'ticket']);
  assertNeverThrows((bytes) => parseWelcome(wrapCore(bytes)), Object.keys(CORE));
});

t.test('both sides come to the same keys', async (t) => {
  const copies = [SECRET, HELLO_BODY, CORE_BYTES].map((bytes) => Uint8Array.from(bytes)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  t.same(deriveSessionKeys(...copies), DERIVED);
});

t.test('the four keys of a session are four different keys of the right length', async (t) => {
  const keys = partsOf(DERIVED);
  t.same(
    keys.map((key) => key.length / 2),
    [16, 32, 16, 32],
  );
  t.equal(new Set(keys.map((key) => key.slice(0, 32))).size, 4);
});

t.test('one bit turned in secret, hello or welcome changes all four keys', async () => {
  fc.assert(
    fc.property(fc.constantFrom(0, 1, 2), fc.nat(), (which, at) => {
      const parts = [SECRET, HELLO_BODY, CORE_BYTES].map((part, index) =>
        index === which ? flipped(part, at) : part,
      );
      const [secret = SECRET, hello = HELLO_BODY, core = CORE_BYTES] = parts;
      const other = partsOf(deriveSessionKeys(secret, hello, core));
      return partsOf(DERIVED).every((key, index) => key !== other[index]);
    }),
  );
});

t.test('hello and welcome cannot change places', async (t) => {
  t.notSame(deriveSessionKeys(SECRET, CORE_BYTES, HELLO_BODY), DERIVED);
});

const iv = bytesOf('iv', 12);
const SEALED = sealTicket(TICKET, TICKET_KEY, iv);

t.test('a ticket opens to the session that it was sealed over', async (t) => {
  t.same(openTicket(SEALED, TICKET_KEY), TICKET);
  t.equal(ticketKeyId(SEALED), TICKET_KEY.id);
});

t.test('a ticket shows nothing of the session', async (t) => {
  for (const part of [TICKET.device, TICKET.deviceKey, ...partsOf(KEYS)]) {
    t.notOk(SEALED.includes(part));
    t.notOk(SEALED.toString('hex').includes(part));
  }
});

t.test('a ticket with one bit turned, anywhere, does not open', async (t) => {
  const opened = [];
  for (let at = 0; at < SEALED.length * 8; at++) {
    if (openTicket(flipped(SEALED, at), TICKET_KEY) !== undefined) opened.push(at);
  }
  t.same(opened, []);
});

t.test('a ticket does not open with another key, not even under the same id', async (t) => {
  const { keys } = TICKET_KEY;
  t.equal(openTicket(SEALED, { ...TICKET_KEY, id: hexOf('other', 8) }), undefined);
  t.equal(openTicket(SEALED, { ...TICKET_KEY, keys: { ...keys, macKey: bytesOf('other', 32) } }), undefined);
});

t.test('a ticket over keys of another length does not open, whoever sealed it', async (t) => {
  const { up } = KEYS;
  const keys = { ...KEYS, up: { ...up, macKey: up.macKey.subarray(1) } };
  t.equal(openTicket(sealTicket({ ...TICKET, keys }, TICKET_KEY, iv), TICKET_KEY), undefined);
});

t.test('bytes that are no ticket open to nothing and do not throw', async (t) => {
  for (let length = 0; length <= SEALED.length; length++) {
    if (length < 52) t.equal(ticketKeyId(SEALED.subarray(0, length)), undefined);
    if (length < SEALED.length) t.equal(openTicket(SEALED.subarray(0, length), TICKET_KEY), undefined);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => openTicket(bytes, TICKET_KEY) === undefined),
  );
});

t.test('a session has one name on both sides, and another ticket another name', async (t) => {
  t.match(sessionId(SEALED), /^[0-9a-f]{16}$/);
  t.equal(sessionId(Uint8Array.from(SEALED)), sessionId(SEALED));
  t.not(sessionId(sealTicket(TICKET, TICKET_KEY, bytesOf('other iv', 12))), sessionId(SEALED));
});
