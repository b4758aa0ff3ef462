import { randomBytes } from 'node:crypto';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import {
  base64,
  digest,
  epochBase,
  hex,
  keyId,
  nextHead,
  openEnvelope,
  openRecord,
  type Place,
  padded,
  type SessionKeys,
  sealEnvelope,
  sessionId,
  sessionKeys,
  signedBytes,
  sm2Decrypt,
  sm2Encrypt,
  sm2PublicKey,
  sm2Sign,
  sm2Verify,
  sm3,
  toHex,
  utf8,
} from './fromThePage.js';

/*
 * Another central, written from docs/wire-protocol.md alone: nothing of cardpad's own code is used here. It shows that the
 * page is enough, and it chooses otherwise where the page leaves a choice: its tickets are random names of sessions that it
 * keeps in memory. As a support of tests it answers enrolled gates and trusts what they say once it was authenticated.
 */

/** What must outlive a central: its keys, who is enrolled, and the journals. */
export interface Kept {
  readonly privateKeys: Readonly<Record<'session' | 'authority' | 'ledger', string>>;
  /** Public keys by device. */
  readonly enrolled: Map<string, string>;
  /** What stands for the disk: the records of each device in their order, with the chain's head after each. */
  readonly journals: Map<string, KeptRecord[]>;
}

export interface KeptRecord extends Place {
  readonly kind: string;
  readonly body: Buffer;
}

export interface Question {
  readonly token: string;
  readonly tap: { readonly epoch: number; readonly seq: number };
}

interface Session {
  readonly device: string;
  readonly deviceKey: string;
  readonly id: string;
  readonly keys: SessionKeys;
  readonly expiresMs: number;
}

const LIFETIME_MS = 3_600_000;
const MOST_PAYLOAD_BYTES = 128 * 1024;

/** A number in [1, n-2] in hex; n begins with 31 ones. */
function newPrivateKey(): string {
  const bytes = randomBytes(32);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return toHex(bytes);
}

export const newKept = (): Kept => ({
  privateKeys: { session: newPrivateKey(), authority: newPrivateKey(), ledger: newPrivateKey() },
  enrolled: new Map(),
  journals: new Map(),
});

export class OtherCentral {
  readonly hellos: { readonly device: string; readonly place: Place | null }[] = [];
  readonly questions: Question[] = [];
  readonly batches: { readonly device: string; readonly epoch: number; readonly first: number }[] = [];
  /** Why messages were dropped. */
  readonly dropped: string[] = [];
  /** Called whenever something has come. */
  onChange: () => void = () => {};
  readonly #boot = toHex(randomBytes(8));
  readonly #sessions = new Map<string, Session>();
  readonly #noncesSeen = new Set<string>();
  readonly #answered = new Map<string, number>();
  readonly #clients: MqttClient[] = [];
  #counter = 0;

  /** @param judge says of a token whether it passes */
  constructor(
    private readonly kept: Kept,
    private readonly judge: (token: string) => 'pass' | 'refuse',
  ) {}

  /** `central.public.json`: section 3. */
  get publicFile(): string {
    const { session, authority, ledger } = this.kept.privateKeys;
    const list = (privateKey: string) => {
      const publicKey = sm2PublicKey(privateKey);
      return [{ id: keyId(publicKey), publicKey }];
    };
    return JSON.stringify({
      v: 1,
      keys: { session: list(session), authority: list(authority), ledger: list(ledger) },
    });
  }

  /** Takes what `provision` prints: section 3. */
  enroll(document: string): void {
    const { device, key, signature } = JSON.parse(document);
    const covered = utf8(`cardpad/v1/enrolment\n${device}\n${key.publicKey}`);
    if (keyId(key.publicKey) !== key.id || !sm2Verify(covered, signature, key.publicKey)) {
      throw new Error('no enrolment');
    }
    this.kept.enrolled.set(device, key.publicKey);
  }

  /** Section 2: two connections, a will, and the birth when both are there. */
  async start(url: string, options: IClientOptions): Promise<void> {
    const worker = 'other';
    const topic = `cardpad/v1/central/${worker}/state`;
    const state = (word: string) => JSON.stringify({ state: word, connection: 1, boot: this.#boot });
    const common = { ...options, clean: true, keepalive: 10 };
    const questions = await mqtt.connectAsync(url, {
      ...common,
      clientId: `cardpad-central-${worker}-questions`,
    });
    const records = await mqtt.connectAsync(url, {
      ...common,
      clientId: `cardpad-central-${worker}-records`,
      will: { topic, payload: utf8(state('lost')), qos: 1, retain: true },
    });
    this.#clients.push(questions, records);
    for (const client of this.#clients) {
      client.on('message', (from, payload, { retain }) => this.#onMessage(client, from, payload, retain));
    }
    await questions.subscribeAsync('cardpad/v1/d/+/up/verify', { qos: 0 });
    await records.subscribeAsync(['cardpad/v1/d/+/up/hello', 'cardpad/v1/d/+/up/events'], { qos: 1 });
    await records.publishAsync(topic, state('ready'), { qos: 1, retain: true });
  }

  /** Ends as a crash does: the broker publishes the will. */
  async crash(): Promise<void> {
    for (const client of this.#clients.splice(0)) await client.endAsync(true);
  }

  journal(device: string): KeptRecord[] {
    const known = this.kept.journals.get(device) ?? [];
    this.kept.journals.set(device, known);
    return known;
  }

  /** What a record of a device says, opened with the ledger key: section 8. */
  read(device: string, record: KeptRecord): Record<string, unknown> {
    const { sealed } = JSON.parse(record.body.toString());
    if (sealed === undefined) return {};
    const keyRecord = this.journal(device).find(
      ({ epoch, seq }) => epoch === record.epoch && seq === sealed.key,
    );
    const { clear } = JSON.parse(keyRecord?.body.toString() ?? '{}');
    const recordKey = sm2Decrypt(clear.wrapped, this.kept.privateKeys.ledger);
    const address = [device, record.epoch, record.seq, record.kind] as const;
    return JSON.parse(openRecord(recordKey, sealed.step, address, base64(sealed.box))?.toString() ?? '{}');
  }

  #onMessage(client: MqttClient, topic: string, payload: Buffer, retained: boolean): void {
    const [, , , device = '', , kind] = topic.split('/');
    try {
      if (payload.length > MOST_PAYLOAD_BYTES) throw new Error('too-long');
      if (retained) throw new Error('retained');
      if (kind === 'hello') this.#hello(client, device, JSON.parse(payload.toString()));
      else if (kind === 'verify') this.#verify(client, device, JSON.parse(payload.toString()));
      else if (kind === 'events') this.#events(client, device, JSON.parse(payload.toString()));
    } catch (thrown) {
      this.dropped.push(`${kind} ${thrown instanceof Error ? thrown.message : ''}`);
    }
    this.onChange();
  }

  /** Section 4. */
  #hello(
    client: MqttClient,
    device: string,
    message: { key: string; body: string; signature: string },
  ): void {
    const publicKey = this.kept.enrolled.get(device);
    if (publicKey === undefined) throw new Error('not-enrolled');
    if (keyId(publicKey) !== message.key) throw new Error('other-key');
    const body = base64(message.body);
    if (!sm2Verify(signedBytes('hello', body), message.signature, publicKey)) throw new Error('forged');
    const hello = JSON.parse(body.toString());
    if (hello.device !== device) throw new Error('foreign');
    if (this.#noncesSeen.has(`${device}/${hello.nonce}`)) throw new Error('replayed');
    this.#noncesSeen.add(`${device}/${hello.nonce}`);
    if (!hello.versions.includes(1)) throw new Error('no-common-version');
    this.hellos.push({ device, place: hello.place });
    const welcome = this.#welcome(device, message.key, hello.sessionKey, body);
    const { session } = this.kept.privateKeys;
    const signature = sm2Sign(signedBytes('welcome', welcome), session);
    const key = keyId(sm2PublicKey(session));
    const payload = JSON.stringify({ v: 1, key, body: welcome.toString('base64'), signature });
    client.publish(`cardpad/v1/d/${device}/down/welcome`, payload, { qos: 0 });
  }

  #welcome(device: string, deviceKey: string, sessionKey: string, helloBody: Buffer): Buffer {
    const secret = randomBytes(32);
    const core = utf8(
      JSON.stringify({
        device,
        hello: toHex(digest('hello', helloBody)),
        versions: [1],
        version: 1,
        secret: sm2Encrypt(secret, sessionKey),
        lifetimeMs: LIFETIME_MS,
        wallMs: Date.now(),
        place: this.#placeOf(device),
      }),
    );
    const ticket = randomBytes(16);
    this.#sessions.set(toHex(ticket), {
      device,
      deviceKey,
      id: sessionId(ticket),
      keys: sessionKeys(secret, helloBody, core),
      expiresMs: Date.now() + LIFETIME_MS,
    });
    return utf8(JSON.stringify({ core: core.toString('base64'), ticket: ticket.toString('base64') }));
  }

  #placeOf(device: string): Place | null {
    const last = this.journal(device).at(-1);
    return last === undefined ? null : { epoch: last.epoch, seq: last.seq, head: last.head };
  }

  /** Section 7: ticket, then MAC, then what is in it. */
  #open(device: string, kind: string, message: { ticket: string; sealed: string }) {
    const session = this.#sessions.get(toHex(base64(message.ticket)));
    if (session === undefined) throw new Error('ticket-unknown');
    if (Date.now() >= session.expiresMs) throw new Error('ticket-expired');
    if (session.device !== device) throw new Error('ticket-foreign');
    const enrolled = this.kept.enrolled.get(device);
    if (enrolled === undefined || keyId(enrolled) !== session.deviceKey) throw new Error('revoked');
    const opened = openEnvelope(session.keys.up, ['up', kind, device], base64(message.sealed));
    if (opened === undefined) throw new Error('forged');
    return { session, counter: opened.counter, document: JSON.parse(opened.plaintext.toString()) };
  }

  #seal({ device, id, keys }: Session, kind: string, plaintext: Buffer): string {
    this.#counter += 1;
    const sealed = sealEnvelope(keys.down, ['down', kind, device], this.#counter, randomBytes(12), plaintext);
    return JSON.stringify({ session: id, sealed: sealed.toString('base64') });
  }

  /** Section 7, `up/verify`. */
  #verify(client: MqttClient, device: string, message: { ticket: string; sealed: string }): void {
    const { session, counter, document } = this.#open(device, 'verify', message);
    const question = `${session.id}/${counter}`;
    const answers = this.#answered.get(question) ?? 0;
    if (answers >= 2) throw new Error('replayed');
    this.#answered.set(question, answers + 1);
    if (answers === 0) this.questions.push(document);
    const outcome = this.judge(document.token);
    const verdict = {
      re: counter,
      tap: document.tap,
      outcome,
      reasons: [`other.${outcome}`],
      asOfMs: Date.now(),
      validForMs: 0,
    };
    const payload = this.#seal(session, 'verdict', padded(JSON.stringify(verdict), 512));
    client.publish(`cardpad/v1/d/${device}/down/verdict`, payload, { qos: 0 });
  }

  /** Section 7, `up/events`: stores what is new and follows, and says in any case how far it is. */
  #events(client: MqttClient, device: string, message: { ticket: string; sealed: string }): void {
    const { session, counter, document: batch } = this.#open(device, 'events', message);
    const records = chained(device, batch);
    this.batches.push({ device, epoch: batch.epoch, first: batch.first });
    const known = this.journal(device);
    const before = this.#placeOf(device);
    const isNew = (record: Place) =>
      before === null ||
      record.epoch > before.epoch ||
      (record.epoch === before.epoch && record.seq > before.seq);
    const next = records.filter(isNew);
    const previous =
      next[0] === undefined ? undefined : (records[records.indexOf(next[0]) - 1]?.head ?? batch.previous);
    const follows = batch.first === 1 || batch.gap === true || previous === before?.head;
    if (follows) known.push(...next);
    const place = this.#placeOf(device);
    const payload = this.#seal(session, 'ack', utf8(JSON.stringify({ re: counter, place })));
    client.publish(`cardpad/v1/d/${device}/down/ack`, payload, { qos: 1 });
  }
}

interface Batch {
  readonly epoch: number;
  readonly first: number;
  readonly previous: string;
  readonly records: readonly string[];
}

/** Section 8: numbers in order, a chain, and its base where the batch begins an epoch. */
function chained(device: string, { epoch, first, previous, records }: Batch): KeptRecord[] {
  let head = hex(previous);
  return records.map((text, at) => {
    const body = base64(text);
    const record = JSON.parse(body.toString());
    if (record.epoch !== epoch || record.seq !== first + at) throw new Error('record-number');
    if (record.seq === 1) {
      const { device: named, nonce, previous: before } = record.clear;
      if (named !== device) throw new Error('start-facts');
      if (!epochBase(device, epoch, nonce, before).equals(head)) throw new Error('start-base');
    }
    head = nextHead(head, record.seq, record.class, body);
    return { epoch, seq: record.seq, kind: record.kind, head: toHex(head), body };
  });
}

/** What an event is called, for whoever compares two journals. */
export const nameOf = ({ epoch, seq, body }: KeptRecord): string => `${epoch}/${seq}/${toHex(sm3(body))}`;
