import { readFileSync } from 'node:fs';
import t, { type Test } from 'tap';
import { scanFrames } from '../../protocol/journal/frame.js';
import {
  epochBase,
  keyFacts,
  linkOf,
  nextHead,
  parseRecord,
  startFacts,
} from '../../protocol/journal/record.js';
import { openContent, parseTapContent, parseVerdictContent, RecordKey } from '../../protocol/journal/seal.js';
import { sm2Decrypt, sm2PublicKeyOf, sm2Verify } from '../../protocol/sm/sm2.js';
import { keyId } from '../../protocol/sm/sm2Key.js';
import { sm3 } from '../../protocol/sm/sm3.js';
import { correlationOf } from '../../protocol/wire/correlation.js';
import { enrolmentBytes, parseCentralPublic, parseEnrolment } from '../../protocol/wire/enrolment.js';
import { openSealed, parseDown, parseUp } from '../../protocol/wire/envelope.js';
import type { Parsed } from '../../protocol/wire/json.js';
import {
  encodeAck,
  encodeBatch,
  encodeQuestion,
  encodeVerdict,
  parseAck,
  parseBatch,
  parseQuestion,
  parseState,
  parseVerdict,
} from '../../protocol/wire/messages.js';
import {
  deriveSessionKeys,
  openTicket,
  parseHello,
  parseWelcome,
  type SessionKeys,
  sessionId,
} from '../../protocol/wire/session.js';
import { parseSigned, signedBytes, signedDigest } from '../../protocol/wire/signed.js';
import { parseTopic } from '../../protocol/wire/topics.js';
import { generatedDocuments } from '../../scripts/documentation/documents.js';
import { type ExampleSigned, makeWireExample } from '../../scripts/documentation/wireExample/example.js';
import { readWireExample, WIRE_EXAMPLE_FILE } from '../../scripts/documentation/wireExample/file.js';

/** The checkout, seen from `build/test/docs`. */
const ROOT = new URL('../../../', import.meta.url);
const example = readWireExample();
const { device, keys, hello, welcome, derivation, journal } = example;

const utf8 = (text: string) => Buffer.from(text, 'utf8');
const fromHex = (text: string) => Buffer.from(text, 'hex');

function value<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Error(parsed.reason);
}

t.test('the page shows the bytes that were written down (npm run docs)', async (t) => {
  const page = generatedDocuments()['docs/wire-example.md'] ?? '';
  t.equal(readFileSync(new URL('docs/wire-example.md', ROOT), 'utf8'), page);
  // Payloads and documents, each whole on one line.
  const lines = new Set(page.split('\n'));
  const { centralPublic, enrolment, verify, verdict, events, ack } = example;
  for (const { payload } of [hello, welcome, verify, verdict, events, ack]) t.ok(lines.has(payload));
  for (const text of [centralPublic, enrolment.document, hello.body, welcome.core]) t.ok(lines.has(text));
  for (const { body } of journal.records) t.ok(lines.has(body));
});

t.test('what was written down is what cardpad makes of the same draws today', async (t) => {
  t.same(JSON.parse(readFileSync(WIRE_EXAMPLE_FILE, 'utf8')), JSON.parse(JSON.stringify(makeWireExample())));
});

t.test('keys, enrolment and state messages', async (t) => {
  for (const { privateKey, publicKey, id } of Object.values(keys)) {
    t.equal(sm2PublicKeyOf(privateKey), publicKey);
    t.equal(keyId(publicKey), id);
  }
  const lists = value(parseCentralPublic(utf8(example.centralPublic))).keys;
  t.same(lists.ledger, [{ id: keys.ledger.id, publicKey: keys.ledger.publicKey }]);
  const { key, signature } = value(parseEnrolment(utf8(example.enrolment.document)));
  t.ok(sm2Verify(enrolmentBytes(device, key.publicKey), signature, keys.device.publicKey));
  t.equal(value(parseState(utf8(example.centralState.payload))).state, 'ready');
  t.same(parseTopic(example.centralState.topic), { to: 'central', worker: example.worker });
  t.equal(value(parseState(utf8(example.gateState.payload))).state, 'ready');
  t.equal(value(parseState(utf8(example.gateState.will))).state, 'lost');
});

function checkSigned(t: Test, kind: 'hello' | 'welcome', message: ExampleSigned, publicKey: string) {
  const { key, body, signature } = value(parseSigned(utf8(message.payload)));
  t.equal(key, keyId(publicKey));
  t.equal(body.toString('utf8'), message.body);
  t.ok(sm2Verify(signedBytes(kind, body), signature, publicKey));
  t.equal(signedDigest(kind, body).toString('hex'), message.digest);
}

t.test('hello, welcome and the keys that they make', async (t) => {
  checkSigned(t, 'hello', hello, keys.device.publicKey);
  t.equal(value(parseHello(utf8(hello.body))).sessionKey, keys.hello.publicKey);
  checkSigned(t, 'welcome', welcome, keys.session.publicKey);
  const { core, coreBytes, ticket } = value(parseWelcome(utf8(welcome.body)));
  t.equal(core.hello, hello.digest);
  const secret = sm2Decrypt(fromHex(core.secret), keys.hello.privateKey);
  t.equal(secret?.toString('hex'), welcome.secret);
  const made = deriveSessionKeys(secret ?? Buffer.alloc(0), utf8(hello.body), coreBytes);
  t.same(inHex(made), {
    up: [derivation.upCipherKey, derivation.upMacKey],
    down: [derivation.downCipherKey, derivation.downMacKey],
  });
  t.equal(sessionId(ticket), welcome.session);
  const { id, cipherKey, macKey } = example.ticketKey;
  const content = openTicket(ticket, {
    id,
    keys: { cipherKey: fromHex(cipherKey), macKey: fromHex(macKey) },
  });
  t.same(content === undefined ? undefined : inHex(content.keys), inHex(made));
});

function inHex({ up, down }: SessionKeys) {
  const both = ({ cipherKey, macKey }: SessionKeys['up']) =>
    [cipherKey, macKey].map((key) => Buffer.from(key).toString('hex'));
  return { up: both(up), down: both(down) };
}

const sessionKeys: SessionKeys = {
  up: { cipherKey: fromHex(derivation.upCipherKey), macKey: fromHex(derivation.upMacKey) },
  down: { cipherKey: fromHex(derivation.downCipherKey), macKey: fromHex(derivation.downMacKey) },
};

t.test('what goes up in the session', async (t) => {
  for (const kind of ['verify', 'events'] as const) {
    const message = example[kind];
    const { ticket, sealed } = value(parseUp(utf8(message.payload)));
    t.equal(ticket.toString('hex'), welcome.ticket);
    t.equal(sealed.toString('hex'), message.sealed);
    const opened = openSealed(sessionKeys.up, { direction: 'up', device, kind }, sealed);
    t.equal(opened?.counter, message.counter);
    const plaintext = opened?.plaintext ?? Buffer.alloc(0);
    t.equal(plaintext.length, message.paddedBytes);
    const again =
      kind === 'verify'
        ? encodeQuestion(value(parseQuestion(plaintext)))
        : encodeBatch(value(parseBatch(plaintext)));
    t.equal(again.compare(plaintext), 0, kind);
    t.equal(correlationOf(utf8(message.payload)).toString('hex'), example.correlation[kind]);
  }
});

t.test('what comes down in the session', async (t) => {
  for (const kind of ['verdict', 'ack'] as const) {
    const message = example[kind];
    const { session, sealed } = value(parseDown(utf8(message.payload)));
    t.equal(session, welcome.session);
    const opened = openSealed(sessionKeys.down, { direction: 'down', device, kind }, sealed);
    t.equal(opened?.counter, message.counter);
    const plaintext = opened?.plaintext ?? Buffer.alloc(0);
    const again =
      kind === 'verdict'
        ? encodeVerdict(value(parseVerdict(plaintext)))
        : encodeAck(value(parseAck(plaintext)));
    t.equal(again.compare(plaintext), 0, kind);
  }
});

t.test('the journal', async (t) => {
  const bodies = journal.records.map(({ body }) => utf8(body));
  const file = Buffer.concat(
    bodies.map((body, at) => Buffer.concat([fromHex(journal.records[at]?.frameHeader ?? ''), body])),
  );
  const { frames, damaged } = scanFrames(file);
  t.same(damaged, []);
  const [start, key] = bodies.map((body) => value(parseRecord(body)));
  const facts = start === undefined ? undefined : startFacts(start);
  let head = facts === undefined ? Buffer.alloc(0) : epochBase(1, facts);
  t.equal(head.toString('hex'), journal.base);
  const { wrapped = '' } = (key === undefined ? undefined : keyFacts(key)) ?? {};
  const first = sm2Decrypt(fromHex(wrapped), keys.ledger.privateKey);
  const recordKey = new RecordKey(first ?? Buffer.alloc(32));
  for (const [at, expected] of journal.records.entries()) {
    const body = frames[at]?.body ?? Buffer.alloc(0);
    t.equal(frames[at]?.previous.equals(head), true);
    const record = value(parseRecord(body));
    t.equal(sm3(body).toString('hex'), expected.digest);
    head = nextHead(head, linkOf(record, body));
    t.equal(head.toString('hex'), expected.head, expected.kind);
    if (record.sealed === undefined) continue;
    t.equal(record.sealed.step, recordKey.step);
    const content = openContent(recordKey.current(), { device, ...record }, record.sealed.box);
    recordKey.moveOn();
    const parse = record.kind === 'tap' ? parseTapContent : parseVerdictContent;
    t.ok(parse(content ?? Buffer.alloc(0)).ok, record.kind);
  }
});
