import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  type EnvelopeAddress,
  openSealed,
  parseDown,
  parseUp,
  sealDown,
  sealUp,
} from '../../../protocol/wire/envelope.js';
import {
  deriveSessionKeys,
  encodeHello,
  encodeWelcome,
  encodeWelcomeCore,
  openTicket,
  parseHello,
  parseWelcome,
  sealTicket,
  sessionId,
} from '../../../protocol/wire/session.js';
import { signedDigest } from '../../../protocol/wire/signed.js';

interface HexKeys {
  readonly cipherKey: string;
  readonly macKey: string;
}
type Message = EnvelopeAddress & {
  readonly counter: number;
  readonly iv: string;
  readonly plaintext: string;
  readonly sealed: string;
  readonly payload: string;
};
interface SessionVectors {
  readonly secret: string;
  readonly hello: string;
  readonly helloDigest: string;
  readonly welcomeCore: string;
  readonly welcomeDigest: string;
  readonly keys: { readonly up: HexKeys; readonly down: HexKeys };
  readonly ticket: {
    readonly keyId: string;
    readonly key: HexKeys;
    readonly iv: string;
    readonly device: string;
    readonly deviceKey: string;
    readonly issuedMs: number;
    readonly expiresMs: number;
    readonly bytes: string;
    readonly sessionId: string;
  };
  readonly up: Message & { readonly direction: 'up' };
  readonly down: Message & { readonly direction: 'down' };
}

// The compiled tests lie in build/test/protocol; the vectors stay where they are.
const FILE = new URL('../../../../test/vectors/session.json', import.meta.url);

// Written down once, and checked by a second implementation in another language. Whoever has to change this file
// changes the protocol: gates in the field would no longer understand central.
const VECTORS: SessionVectors = JSON.parse(readFileSync(FILE, 'utf8'));
const hex = (digits: string) => Buffer.from(digits, 'hex');
const keysOf = ({ cipherKey, macKey }: HexKeys) => ({ cipherKey: hex(cipherKey), macKey: hex(macKey) });

const { secret, hello, welcomeCore, ticket, up, down } = VECTORS;
const KEYS = { up: keysOf(VECTORS.keys.up), down: keysOf(VECTORS.keys.down) };
const TICKET_KEY = { id: ticket.keyId, keys: keysOf(ticket.key) };

t.test('hello and welcome are written as they always were', async (t) => {
  const parsed = parseHello(Buffer.from(hello));
  const welcome = parseWelcome(encodeWelcome(Buffer.from(welcomeCore), hex(ticket.bytes)));
  if (!parsed.ok || !welcome.ok) throw new Error('both can be read');
  t.equal(encodeHello(parsed.value).toString(), hello);
  t.equal(encodeWelcomeCore(welcome.value.core).toString(), welcomeCore);
});

t.test('digests and keys are what they always were', async (t) => {
  t.equal(signedDigest('hello', Buffer.from(hello)).toString('hex'), VECTORS.helloDigest);
  t.equal(signedDigest('welcome', Buffer.from(welcomeCore)).toString('hex'), VECTORS.welcomeDigest);
  t.same(deriveSessionKeys(hex(secret), Buffer.from(hello), Buffer.from(welcomeCore)), KEYS);
});

t.test('a ticket is sealed as it always was, and the session has the same name', async (t) => {
  const { device, deviceKey, issuedMs, expiresMs } = ticket;
  const content = { device, deviceKey, issuedMs, expiresMs, keys: KEYS };
  t.equal(sealTicket(content, TICKET_KEY, hex(ticket.iv)).toString('hex'), ticket.bytes);
  t.same(openTicket(hex(ticket.bytes), TICKET_KEY), content);
  t.equal(sessionId(hex(ticket.bytes)), ticket.sessionId);
});

t.test('a message up and a message down are sealed as they always were', async (t) => {
  const upSession = { keys: KEYS.up, ticket: hex(ticket.bytes) };
  const downSession = { keys: KEYS.down, id: ticket.sessionId };
  t.equal(sealUp(upSession, up, up.counter, hex(up.iv), Buffer.from(up.plaintext)).toString(), up.payload);
  t.equal(
    sealDown(downSession, down, down.counter, hex(down.iv), Buffer.from(down.plaintext)).toString(),
    down.payload,
  );
});

t.test('messages of old open', async (t) => {
  for (const [message, parse, keys] of [
    [up, parseUp, KEYS.up],
    [down, parseDown, KEYS.down],
  ] as const) {
    const parsed = parse(Buffer.from(message.payload));
    if (!parsed.ok) throw new Error(parsed.reason);
    t.equal(parsed.value.sealed.toString('hex'), message.sealed);
    const opened = openSealed(keys, message, parsed.value.sealed);
    t.same(opened, { counter: message.counter, plaintext: Buffer.from(message.plaintext) });
  }
});
