import { kdfSm3 } from '../../../protocol/sm/sm3.js';
import { correlationOf } from '../../../protocol/wire/correlation.js';
import {
  deriveSessionKeys,
  encodeWelcome,
  type SessionKeys,
  sealTicket,
  sessionId,
} from '../../../protocol/wire/session.js';
import { encodeSigned, type SignedKind, signedDigest } from '../../../protocol/wire/signed.js';
import {
  centralStateTopic,
  type DownKind,
  downTopic,
  type UpKind,
  upTopic,
} from '../../../protocol/wire/topics.js';
import { type ExampleJournal, exampleJournal, MIDNIGHT_MS, PRESENTED } from './journal.js';
import {
  bytesOf,
  drawn,
  type ExampleBox,
  type ExampleKey,
  type ExampleSignature,
  exampleBox,
  exampleEncryption,
  exampleKey,
  exampleSignature,
  hexOf,
  utf8,
} from './parts.js';

interface ExampleMessage {
  readonly topic: string;
  readonly payload: string;
}

/** A message with a signature. */
export interface ExampleSigned extends ExampleMessage, ExampleSignature {
  readonly body: string;
  readonly digest: string;
}

/** A message in a session. */
export interface ExampleSealed extends ExampleMessage, ExampleBox {
  readonly counter: number;
  /** What stands in the payload in base64. */
  readonly sealed: string;
}

/** One whole exchange between a gate and central, byte by byte. */
export interface WireExample {
  readonly about: string;
  readonly device: string;
  readonly worker: string;
  readonly keys: Readonly<Record<'device' | 'session' | 'authority' | 'ledger' | 'hello', ExampleKey>>;
  readonly ticketKey: { readonly id: string; readonly cipherKey: string; readonly macKey: string };
  readonly centralPublic: string;
  readonly enrolment: ExampleSignature & { readonly document: string };
  readonly centralState: ExampleMessage;
  readonly gateState: ExampleMessage & { readonly will: string };
  readonly hello: ExampleSigned;
  readonly welcome: ExampleSigned & {
    readonly secret: string;
    readonly wrapped: { readonly nonce: string; readonly ciphertext: string };
    readonly core: string;
    readonly coreDigest: string;
    readonly ticketBox: ExampleBox;
    readonly ticket: string;
    readonly session: string;
  };
  readonly derivation: {
    readonly z: string;
    /** SM3(Z | 1), SM3(Z | 2), SM3(Z | 3). */
    readonly blocks: readonly string[];
    readonly upCipherKey: string;
    readonly upMacKey: string;
    readonly downCipherKey: string;
    readonly downMacKey: string;
  };
  readonly journal: ExampleJournal;
  readonly verify: ExampleSealed;
  readonly verdict: ExampleSealed;
  readonly events: ExampleSealed;
  readonly ack: ExampleSealed;
  /** MQTT 5 correlation data of each message that is answered. */
  readonly correlation: Readonly<Record<'hello' | 'verify' | 'events', string>>;
}

const DEVICE = 'gz-bus-a1';
const WORKER = 'a';
const PAD_BYTES = 512;
const LIFETIME_MS = 43_200_000;

const publicPart = ({ id, publicKey }: ExampleKey) => ({ id, publicKey });

function signed(kind: SignedKind, topic: string, body: string, key: ExampleKey): ExampleSigned {
  const signature = exampleSignature(kind, body, key);
  const payload = encodeSigned(key.id, utf8(body), signature.signature).toString('utf8');
  return { topic, body, ...signature, digest: hexOf(signedDigest(kind, utf8(body))), payload };
}

function enrolment(key: ExampleKey): WireExample['enrolment'] {
  const signature = exampleSignature('enrolment', `${DEVICE}\n${key.publicKey}`, key);
  const document = { v: 1, device: DEVICE, key: publicPart(key), signature: signature.signature };
  return { ...signature, document: JSON.stringify(document) };
}

function hello(keys: WireExample['keys'], journal: ExampleJournal): ExampleSigned {
  const body = JSON.stringify({
    device: DEVICE,
    sessionKey: keys.hello.publicKey,
    nonce: hexOf(drawn('nonce in the hello').subarray(0, 16)),
    wallMs: MIDNIGHT_MS + 2_100,
    // At the start of a gate: its start and key records are on disk already.
    place: { epoch: 1, seq: 2, head: journal.records[1]?.head },
    versions: [1],
  });
  return signed('hello', upTopic(DEVICE, 'hello'), body, keys.device);
}

function exampleTicketKey() {
  const bytes = Buffer.concat([drawn('ticket key, 1'), drawn('ticket key, 2')]);
  const [id, cipherKey, macKey] = [bytes.subarray(0, 8), bytes.subarray(8, 24), bytes.subarray(24, 56)];
  return { id: hexOf(id), keys: { cipherKey, macKey } };
}

function welcome(keys: WireExample['keys'], { body: helloBody, digest }: ExampleSigned) {
  const secret = drawn('secret of the session');
  const wrapped = exampleEncryption('the secret', secret, keys.hello.publicKey);
  const issuedMs = MIDNIGHT_MS + 2_150;
  const core = JSON.stringify({
    device: DEVICE,
    hello: digest,
    versions: [1],
    version: 1,
    secret: wrapped.ciphertext,
    lifetimeMs: LIFETIME_MS,
    wallMs: issuedMs,
    place: null,
  });
  const sessionKeys = deriveSessionKeys(secret, utf8(helloBody), utf8(core));
  const ticketKey = exampleTicketKey();
  const content = { device: DEVICE, deviceKey: keys.device.id, issuedMs, expiresMs: issuedMs + LIFETIME_MS };
  const { up, down } = sessionKeys;
  const secrets = Buffer.concat([up.cipherKey, up.macKey, down.cipherKey, down.macKey]).toString('base64');
  const plaintext = JSON.stringify({ ...content, keys: secrets });
  const ticketBox = exampleBox(ticketKey.keys, [utf8('cardpad/v1/ticket')], plaintext, 1);
  const ticket = sealTicket({ ...content, keys: sessionKeys }, ticketKey, bytesOf(ticketBox.iv));
  const body = encodeWelcome(utf8(core), ticket).toString('utf8');
  const message = signed('welcome', downTopic(DEVICE, 'welcome'), body, keys.session);
  const coreDigest = hexOf(signedDigest('welcome', utf8(core)));
  const session = sessionId(ticket);
  return {
    sessionKeys,
    welcome: {
      ...{ secret: hexOf(secret), wrapped, core, coreDigest, ticketBox, ticket: hexOf(ticket), session },
      ...message,
    },
  };
}

function derivation(secret: string, helloDigest: string, coreDigest: string): WireExample['derivation'] {
  const z = bytesOf(secret + helloDigest + coreDigest);
  const all = kdfSm3(96, z);
  const part = (from: number, to: number) => hexOf(all.subarray(from, to));
  return {
    z: hexOf(z),
    blocks: [part(0, 32), part(32, 64), part(64, 96)],
    upCipherKey: part(0, 16),
    upMacKey: part(16, 48),
    downCipherKey: part(48, 64),
    downMacKey: part(64, 96),
  };
}

type Address =
  | { readonly direction: 'up'; readonly kind: UpKind }
  | { readonly direction: 'down'; readonly kind: DownKind };

/** Seals messages of one session. */
class Session {
  constructor(
    private readonly keys: SessionKeys,
    private readonly ticket: string,
    private readonly id: string,
  ) {}

  message(address: Address, counter: number, document: unknown, padTo: number): ExampleSealed {
    const { direction, kind } = address;
    const head = Buffer.alloc(9);
    head.writeUInt8(1);
    head.writeBigUInt64BE(BigInt(counter), 1);
    const context = [utf8(`cardpad/v1/${kind}`), utf8(direction), utf8(DEVICE), head];
    const box = exampleBox(this.keys[direction], context, JSON.stringify(document), padTo);
    const sealed = hexOf(head) + box.iv + box.mac + box.ciphertext;
    const base64 = bytesOf(sealed).toString('base64');
    const isUp = address.direction === 'up';
    const topic = isUp ? upTopic(DEVICE, address.kind) : downTopic(DEVICE, address.kind);
    const payload = isUp
      ? { ticket: bytesOf(this.ticket).toString('base64'), sealed: base64 }
      : { session: this.id, sealed: base64 };
    return { topic, counter, ...box, sealed, payload: JSON.stringify(payload) };
  }
}

function inSession(session: Session, journal: ExampleJournal) {
  const tap = { epoch: 1, seq: 3 };
  const asOfMs = MIDNIGHT_MS + 3_020;
  const verify = session.message({ direction: 'up', kind: 'verify' }, 1, { tap, ...PRESENTED }, PAD_BYTES);
  const answer = {
    ...{ re: 1, tap, outcome: 'pass', reasons: ['health.green'], asOfMs, validForMs: 0 },
    show: { name: '王*', tail: '002X' },
  };
  const verdict = session.message({ direction: 'down', kind: 'verdict' }, asOfMs * 1_000, answer, PAD_BYTES);
  const batch = {
    epoch: 1,
    first: 1,
    previous: journal.base,
    records: journal.records.map(({ body }) => utf8(body).toString('base64')),
  };
  const events = session.message({ direction: 'up', kind: 'events' }, 2, batch, PAD_BYTES);
  const place = { epoch: 1, seq: 4, head: journal.records.at(-1)?.head };
  const ackCounter = (MIDNIGHT_MS + 4_100) * 1_000;
  const ack = session.message({ direction: 'down', kind: 'ack' }, ackCounter, { re: 2, place }, 1);
  return { verify, verdict, events, ack };
}

/** The same bytes each time. Every key in it is public, and good for nothing else. */
export function makeWireExample(): WireExample {
  const [device, session, authority, ledger] = [
    exampleKey('device key'),
    exampleKey('session key of central'),
    exampleKey('authority key of central'),
    exampleKey('ledger key of central'),
  ];
  const keys = { device, session, authority, ledger, hello: exampleKey('session key in the hello') };
  const journal = exampleJournal(DEVICE, ledger);
  const greeting = hello(keys, journal);
  const answered = welcome(keys, greeting);
  const { secret, coreDigest, ticket, session: id } = answered.welcome;
  const messages = inSession(new Session(answered.sessionKeys, ticket, id), journal);
  const ticketKey = exampleTicketKey();
  const lists = { session: [session], authority: [authority], ledger: [ledger] };
  const publicLists = Object.entries(lists).map(([name, list]) => [name, list.map(publicPart)]);
  const gate = (state: string) => JSON.stringify({ state, connection: 1, boot: 'b0b1b2b3b4b5b6b7' });
  const central = { state: 'ready', connection: 1, boot: 'c0c1c2c3c4c5c6c7' };
  const correlation = (payload: string) => hexOf(correlationOf(utf8(payload)));
  return {
    about:
      'One whole exchange, version 1 (docs/wire-example.md). Bytes in lower-case hex, documents as text.',
    device: DEVICE,
    worker: WORKER,
    keys,
    ticketKey: {
      id: ticketKey.id,
      cipherKey: hexOf(ticketKey.keys.cipherKey),
      macKey: hexOf(ticketKey.keys.macKey),
    },
    centralPublic: JSON.stringify({ v: 1, keys: Object.fromEntries(publicLists) }),
    enrolment: enrolment(device),
    centralState: { topic: centralStateTopic(WORKER), payload: JSON.stringify(central) },
    gateState: { topic: upTopic(DEVICE, 'state'), payload: gate('ready'), will: gate('lost') },
    hello: greeting,
    welcome: answered.welcome,
    derivation: derivation(secret, greeting.digest, coreDigest),
    journal,
    ...messages,
    correlation: {
      hello: correlation(greeting.payload),
      verify: correlation(messages.verify.payload),
      events: correlation(messages.events.payload),
    },
  };
}
