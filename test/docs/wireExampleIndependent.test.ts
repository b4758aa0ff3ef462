import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  base64,
  digest,
  epochBase,
  frame,
  hex,
  keyId,
  macInput,
  nextHead,
  openBox,
  openEnvelope,
  openRecord,
  type SessionKeys,
  sealEnvelope,
  sessionId,
  sessionKeys,
  signedBytes,
  sm2Decrypt,
  sm2PublicKey,
  sm2Verify,
  sm3,
  toHex,
  uint32,
  utf8,
} from './fromThePage.js';

/*
 * The example of docs/wire-example.md, recomputed with what docs/wire-protocol.md says and nothing else: no code of
 * cardpad's own. What is missing there could not be written here.
 */

// The compiled tests lie in build/test/docs; the vectors stay where they are.
const FILE = new URL('../../../test/vectors/wireExample.json', import.meta.url);
const example = JSON.parse(readFileSync(FILE, 'utf8'));
const { device, keys, hello, welcome, derivation, journal } = example;

const helloBody = utf8(hello.body);
const core = utf8(welcome.core);
const session = sessionKeys(hex(welcome.secret), helloBody, core);

t.test('nothing of cardpad is imported here, nor by the other central', async (t) => {
  const SOURCES = new URL('../../../test/docs/', import.meta.url);
  for (const file of ['wireExampleIndependent.test.ts', 'fromThePage.ts', 'otherCentral.ts']) {
    const source = readFileSync(new URL(file, SOURCES), 'utf8');
    const imported = [...source.matchAll(/^(?:import .*|\} )from '([^']+)';$/gm)].map(([, name]) => name);
    const others = ['node:crypto', 'node:fs', 'mqtt', 'sm-crypto', 'tap', './fromThePage.js'];
    t.ok(imported.length > 1, file);
    t.same(
      imported.filter((name) => !others.includes(name ?? '')),
      [],
      file,
    );
  }
});

t.test('keys and their ids', async (t) => {
  for (const [name, { privateKey, publicKey, id }] of Object.entries<Record<string, string>>(keys)) {
    t.equal(sm2PublicKey(privateKey ?? ''), publicKey, name);
    t.equal(keyId(publicKey ?? ''), id, name);
  }
  const lists = JSON.parse(example.centralPublic).keys;
  for (const name of ['session', 'authority', 'ledger']) {
    t.same(lists[name], [{ id: keys[name].id, publicKey: keys[name].publicKey }], name);
  }
});

t.test('the enrolment is signed by the key in it', async (t) => {
  const { v, device: named, key, signature } = JSON.parse(example.enrolment.document);
  t.same([v, named], [1, device]);
  const covered = utf8(`cardpad/v1/enrolment\n${device}\n${key.publicKey}`);
  t.ok(sm2Verify(covered, signature, key.publicKey));
});

t.test('the hello', async (t) => {
  const { v, key, body, signature } = JSON.parse(hello.payload);
  t.equal(hello.topic, `cardpad/v1/d/${device}/up/hello`);
  t.same([v, key, base64(body).toString()], [1, keys.device.id, hello.body]);
  t.ok(sm2Verify(signedBytes('hello', base64(body)), signature, keys.device.publicKey));
  t.equal(toHex(digest('hello', base64(body))), hello.digest);
  t.equal(toHex(sm3(utf8(hello.payload)).subarray(0, 8)), example.correlation.hello);
  const { sessionKey, place, versions } = JSON.parse(hello.body);
  t.equal(sessionKey, keys.hello.publicKey);
  t.same(place, { epoch: 1, seq: 2, head: journal.records[1].head });
  t.same(versions, [1]);
});

t.test('the welcome', async (t) => {
  const { key, body, signature } = JSON.parse(welcome.payload);
  t.equal(key, keys.session.id);
  t.ok(sm2Verify(signedBytes('welcome', base64(body)), signature, keys.session.publicKey));
  const parts = JSON.parse(base64(body).toString());
  t.equal(base64(parts.core).toString(), welcome.core);
  t.equal(toHex(base64(parts.ticket)), welcome.ticket);
  t.equal(sessionId(base64(parts.ticket)), welcome.session);
  const { hello: answered, secret } = JSON.parse(welcome.core);
  t.equal(answered, hello.digest);
  t.equal(toHex(sm2Decrypt(secret, keys.hello.privateKey)), welcome.secret);
});

t.test('the keys of the session', async (t) => {
  t.equal(toHex(digest('welcome', core)), welcome.coreDigest);
  const z = Buffer.concat([hex(welcome.secret), digest('hello', helloBody), digest('welcome', core)]);
  t.equal(toHex(z), derivation.z);
  const blocks = [1, 2, 3].map((count) => toHex(sm3(z, uint32(count))));
  t.same(blocks, derivation.blocks);
  t.equal(toHex(session.up.cipherKey), derivation.upCipherKey);
  t.equal(toHex(session.up.macKey), derivation.upMacKey);
  t.equal(toHex(session.down.cipherKey), derivation.downCipherKey);
  t.equal(toHex(session.down.macKey), derivation.downMacKey);
});

t.test('the ticket, as the reference central makes it', async (t) => {
  const { id, cipherKey, macKey } = example.ticketKey;
  const ticket = hex(welcome.ticket);
  t.equal(toHex(ticket.subarray(0, 8)), id);
  const ticketKeys = { cipherKey: hex(cipherKey), macKey: hex(macKey) };
  const plaintext = openBox(ticketKeys, [utf8('cardpad/v1/ticket')], ticket.subarray(8));
  const content = JSON.parse(plaintext?.toString() ?? '');
  const { up, down } = session;
  const all = Buffer.concat([up.cipherKey, up.macKey, down.cipherKey, down.macKey]);
  t.equal(base64(content.keys).compare(all), 0);
  t.same([content.device, content.deviceKey], [device, keys.device.id]);
  t.equal(content.expiresMs - content.issuedMs, JSON.parse(welcome.core).lifetimeMs);
});

t.test('the journal: chain, frames and sealed parts', async (t) => {
  const start = JSON.parse(journal.records[0].body).clear;
  let head = epochBase(device, 1, start.nonce, start.previous);
  t.equal(toHex(head), journal.base);
  const { wrapped, ledgerKey } = JSON.parse(journal.records[1].body).clear;
  t.equal(ledgerKey, keys.ledger.id);
  const recordKey = sm2Decrypt(wrapped, keys.ledger.privateKey);
  t.equal(toHex(recordKey), journal.recordKey);
  for (const [at, record] of journal.records.entries()) {
    const body = utf8(record.body);
    const { epoch, seq, kind, class: recordClass, sealed } = JSON.parse(record.body);
    t.same([epoch, seq, kind], [1, at + 1, record.kind]);
    t.equal(toHex(frame(head, body)), record.frameHeader + toHex(body), `frame ${seq}`);
    head = nextHead(head, seq, recordClass, body);
    t.equal(toHex(head), record.head, `head ${seq}`);
    if (record.seal === undefined) continue;
    const opened = openRecord(recordKey, sealed.step, [device, 1, seq, kind], base64(sealed.box));
    t.equal(opened?.length, 256);
    t.equal(opened?.toString().trimEnd(), record.seal.plaintext, kind);
  }
});

const MESSAGES = [
  { name: 'verify', direction: 'up', block: 512 },
  { name: 'verdict', direction: 'down', block: 512 },
  { name: 'events', direction: 'up', block: 512 },
  { name: 'ack', direction: 'down', block: 1 },
] as const;

for (const { name, direction, block } of MESSAGES) {
  t.test(`the ${name}`, async (t) => {
    const message = example[name];
    const { ticket, session: id, sealed } = JSON.parse(message.payload);
    t.equal(message.topic, `cardpad/v1/d/${device}/${direction}/${name}`);
    if (direction === 'up') t.equal(toHex(base64(ticket)), welcome.ticket);
    else t.equal(id, welcome.session);
    const bytes = base64(sealed);
    const boxKeys = session[direction satisfies keyof SessionKeys];
    const opened = openEnvelope(boxKeys, [direction, name, device], bytes);
    t.equal(opened?.counter, message.counter);
    const plaintext = opened?.plaintext ?? Buffer.alloc(0);
    t.equal(plaintext.length % block, 0);
    t.equal(plaintext.toString().trimEnd(), message.plaintext);
    const again = sealEnvelope(
      boxKeys,
      [direction, name, device],
      message.counter,
      hex(message.iv),
      plaintext,
    );
    t.equal(again.compare(bytes), 0, 'sealed again it is the same');
    const context = [utf8(`cardpad/v1/${name}`), utf8(direction), utf8(device), bytes.subarray(0, 9)];
    t.equal(toHex(macInput(context, hex(message.iv), hex(message.ciphertext))), message.macInput);
    for (const wrong of ['verify', 'verdict', 'events', 'ack'].filter((kind) => kind !== name)) {
      t.equal(openEnvelope(boxKeys, [direction, wrong, device], bytes), undefined, `it opens as no ${wrong}`);
    }
  });
}

t.test('what the messages say fits together', async (t) => {
  const [question, verdict, batch, ack] = MESSAGES.map(({ name }) => JSON.parse(example[name].plaintext));
  t.same([verdict.re, verdict.tap], [example.verify.counter, question.tap]);
  t.equal(ack.re, example.events.counter);
  t.same([batch.epoch, batch.first, batch.previous], [1, 1, journal.base]);
  const bodies = batch.records.map((record: string) => base64(record).toString());
  t.same(
    bodies,
    journal.records.map(({ body }: { body: string }) => body),
  );
  t.same(ack.place, { epoch: 1, seq: 4, head: journal.records[3].head });
  for (const name of ['verify', 'events']) {
    t.equal(toHex(sm3(utf8(example[name].payload)).subarray(0, 8)), example.correlation[name]);
  }
});
