import { randomBytes } from 'node:crypto';
import type { Clock } from '../../platform/clock.js';
import type { MqttLink } from '../../platform/mqtt.js';
import type { Sm2Service } from '../../platform/sm2/service.js';
import { linkOf, nextHead, parseRecord } from '../../protocol/journal/record.js';
import { keyId, type Sm2KeyPair } from '../../protocol/sm/sm2Key.js';
import { type AlarmMessage, parseAlarmMessage } from '../../protocol/wire/alarm.js';
import type { CentralPublic } from '../../protocol/wire/enrolment.js';
import { openSealed, parseUp, sealDown } from '../../protocol/wire/envelope.js';
import type { Parsed } from '../../protocol/wire/json.js';
import {
  type Batch,
  encodeAck,
  encodeState,
  encodeVerdict,
  parseBatch,
  parseQuestion,
  type Question,
  type State,
  type Verdict,
} from '../../protocol/wire/messages.js';
import {
  deriveSessionKeys,
  encodeWelcome,
  encodeWelcomeCore,
  type Hello,
  openTicket,
  type Place,
  parseHello,
  type SessionKeys,
  sealTicket,
  sessionId,
  type TicketKey,
  type WelcomeCore,
} from '../../protocol/wire/session.js';
import { encodeSigned, parseSigned, signedBytes, signedDigest } from '../../protocol/wire/signed.js';
import { centralStateTopic, downTopic, everyDevice, parseTopic } from '../../protocol/wire/topics.js';
import type { MemoryBroker } from './memoryMqtt.js';

export interface CentralSession {
  readonly id: string;
  readonly keys: SessionKeys;
}

export interface AskedQuestion {
  readonly session: CentralSession;
  readonly counter: number;
  readonly question: Question;
}

export interface ReceivedBatch {
  readonly session: CentralSession;
  readonly counter: number;
  readonly batch: Batch;
  /** The place of its last record. */
  readonly last: Place;
  readonly sealedBytes: number;
}

export interface ReceivedAlarm {
  readonly session: CentralSession;
  readonly message: AlarmMessage;
}

export interface WelcomeChanges {
  readonly core?: Partial<WelcomeCore>;
  /** Signs in the place of central's session key. */
  readonly signer?: Sm2KeyPair;
  readonly key?: string;
}

const value = <T>(parsed: Parsed<T>): T => {
  if (parsed.ok) return parsed.value;
  throw new Error(`the device sent what central cannot read: ${parsed.reason}`);
};

const newTicketKey = (): TicketKey => ({
  id: randomBytes(8).toString('hex'),
  keys: { cipherKey: randomBytes(16), macKey: randomBytes(32) },
});

const pass = { outcome: 'pass', reasons: ['health.green'] } as const;

/** As much of a central service as a gate's tests need: real protocol code, and every answer in the test's hand. */
export class FakeCentral {
  lifetimeMs = 3_600_000;
  place: Place | null = null;
  answersHello = true;
  answersQuestions = true;
  acknowledges = true;
  acknowledgesAlarms = true;
  /** What the rules say. */
  judge: (question: Question) => Pick<Verdict, 'outcome' | 'reasons'> = () => ({
    ...pass,
    reasons: [...pass.reasons],
  });
  readonly hellos: { readonly hello: Hello; readonly body: Buffer }[] = [];
  readonly sessions: CentralSession[] = [];
  readonly questions: AskedQuestion[] = [];
  readonly batches: ReceivedBatch[] = [];
  readonly alarms: ReceivedAlarm[] = [];
  readonly problems: unknown[] = [];
  /** Batches that were not taken, since the one before them had not come. */
  holes = 0;
  /** Drawn anew at each start of a real one. */
  boot = '00112233aabbccdd';
  #ticketKey = newTicketKey();
  #mqtt: MqttLink | undefined;
  #counter = 0;

  private constructor(
    private readonly broker: MemoryBroker,
    private readonly sm2: Sm2Service,
    private readonly clock: Clock,
    private readonly sessionKey: Sm2KeyPair,
    readonly otherKey: Sm2KeyPair,
    readonly device: string,
    /** The enrolled key. */
    public devicePublicKey: string,
  ) {}

  static async create(
    broker: MemoryBroker,
    sm2: Sm2Service,
    clock: Clock,
    device: string,
    devicePublicKey: string,
  ): Promise<FakeCentral> {
    const [sessionKey, otherKey] = [await sm2.generate(), await sm2.generate()];
    return new FakeCentral(broker, sm2, clock, sessionKey, otherKey, device, devicePublicKey);
  }

  get public(): CentralPublic {
    const named = ({ publicKey }: Sm2KeyPair) => [{ id: keyId(publicKey), publicKey }];
    const { sessionKey, otherKey } = this;
    return {
      v: 1,
      keys: { session: named(sessionKey), authority: named(otherKey), ledger: named(otherKey) },
    };
  }

  /** Comes up and says so. */
  connect(): void {
    const topic = centralStateTopic('one');
    const state = (name: State['state']) => encodeState({ state: name, connection: 1, boot: this.boot });
    this.#mqtt = this.broker.open({
      url: 'mqtt://memory',
      clientId: 'central',
      will: () => ({ topic, payload: state('lost') }),
      subscriptions: (['hello', 'verify', 'events', 'alarm'] as const).map((kind) => ({
        topic: everyDevice(kind),
        qos: 0,
      })),
      onMessage: (name, payload) => {
        this.#onMessage(name, payload).catch((thrown) => this.problems.push(thrown));
      },
      onUp: () => {
        this.#mqtt
          ?.publish(topic, state('ready'), { retain: true })
          .catch((thrown) => this.problems.push(thrown));
      },
      onDown: () => {},
    });
  }

  /** Becomes a central that opens none of the tickets which were given so far. */
  forgetSessions(): void {
    this.#ticketKey = newTicketKey();
  }

  async disconnect(): Promise<void> {
    await this.#mqtt?.close();
    this.#mqtt = undefined;
  }

  async #onMessage(topic: string, payload: Buffer): Promise<void> {
    const parsed = parseTopic(topic);
    if (parsed?.to !== 'up') return;
    if (parsed.kind === 'hello') return this.#onHello(payload);
    if (parsed.kind === 'verify') return this.#onQuestion(payload);
    if (parsed.kind === 'events') return this.#onBatch(payload);
    if (parsed.kind === 'alarm') return this.#onAlarm(payload);
  }

  async #onHello(payload: Buffer): Promise<void> {
    const { body, signature } = value(parseSigned(payload));
    if (!(await this.sm2.verify(signedBytes('hello', body), signature, this.devicePublicKey))) {
      throw new Error('the hello is not signed by the device');
    }
    this.hellos.push({ hello: value(parseHello(body)), body });
    if (this.answersHello) this.send('welcome', await this.welcome(body));
  }

  /** A welcome to a hello, changed as told and signed over the changes. */
  async welcome(
    helloBody: Buffer,
    { core: changes = {}, signer, key }: WelcomeChanges = {},
  ): Promise<Buffer> {
    const hello = value(parseHello(helloBody));
    const secret = randomBytes(32);
    const core = encodeWelcomeCore({
      device: this.device,
      hello: signedDigest('hello', helloBody).toString('hex'),
      versions: [1],
      version: 1,
      secret: (await this.sm2.encrypt(secret, hello.sessionKey)).toString('hex'),
      lifetimeMs: this.lifetimeMs,
      wallMs: this.clock.wallMs(),
      place: this.place,
      ...changes,
    });
    const keys = deriveSessionKeys(secret, helloBody, core);
    const content = {
      device: this.device,
      deviceKey: keyId(this.devicePublicKey),
      issuedMs: 0,
      expiresMs: this.lifetimeMs,
      keys,
    };
    const ticket = sealTicket(content, this.#ticketKey, randomBytes(12));
    this.sessions.push({ id: sessionId(ticket), keys });
    const body = encodeWelcome(core, ticket);
    const pair = signer ?? this.sessionKey;
    const signature = await this.sm2.sign(signedBytes('welcome', body), pair);
    return encodeSigned(key ?? keyId(this.sessionKey.publicKey), body, signature);
  }

  #open(payload: Buffer, kind: 'verify' | 'events' | 'alarm') {
    const up = value(parseUp(payload));
    const ticket = openTicket(up.ticket, this.#ticketKey);
    if (ticket === undefined) throw new Error('the ticket is not ours');
    const address = { direction: 'up', device: this.device, kind } as const;
    const opened = openSealed(ticket.keys.up, address, up.sealed);
    if (opened === undefined) throw new Error(`the ${kind} is not sealed by the session of its ticket`);
    return {
      session: { id: sessionId(up.ticket), keys: ticket.keys },
      sealedBytes: up.sealed.length,
      ...opened,
    };
  }

  #onQuestion(payload: Buffer): void {
    const { session, counter, plaintext } = this.#open(payload, 'verify');
    const asked = { session, counter, question: value(parseQuestion(plaintext)) };
    this.questions.push(asked);
    if (this.answersQuestions) this.send('verdict', this.verdict(asked));
  }

  /** A verdict on a question, sealed over the changes. */
  verdict({ session, counter, question }: AskedQuestion, changes: Partial<Verdict> = {}): Buffer {
    return this.seal(
      session,
      'verdict',
      encodeVerdict({
        re: counter,
        tap: question.tap,
        ...this.judge(question),
        asOfMs: this.clock.wallMs(),
        validForMs: 0,
        ...changes,
      }),
    );
  }

  #onBatch(payload: Buffer): void {
    const { session, counter, plaintext, sealedBytes } = this.#open(payload, 'events');
    const batch = value(parseBatch(plaintext));
    if (this.#hasHole(batch)) {
      this.holes += 1;
      if (this.acknowledges) this.acknowledge(session, this.place, counter);
      return;
    }
    let head: Buffer = Buffer.from(batch.previous, 'hex');
    for (const [index, body] of batch.records.entries()) {
      if (!Buffer.isBuffer(body)) {
        head = nextHead(head, { seq: batch.first + index, ...body });
        continue;
      }
      const record = value(parseRecord(body));
      if (record.seq !== batch.first + index || record.epoch !== batch.epoch) throw new Error('misnumbered');
      head = nextHead(head, linkOf(record, body));
    }
    const last = {
      epoch: batch.epoch,
      seq: batch.first + batch.records.length - 1,
      head: head.toString('hex'),
    };
    this.batches.push({ session, counter, batch, last, sealedBytes });
    if (this.acknowledges) this.acknowledge(session, last);
  }

  /** Records before it are missing, and nobody says that they are lost. */
  #hasHole({ epoch, first, gap }: Batch): boolean {
    const follows = this.place !== null && this.place.epoch === epoch && this.place.seq >= first - 1;
    return first > 1 && gap !== true && !follows;
  }

  #onAlarm(payload: Buffer): void {
    const { session, plaintext } = this.#open(payload, 'alarm');
    const received = { session, message: value(parseAlarmMessage(plaintext)) };
    this.alarms.push(received);
    if (this.acknowledgesAlarms) this.acknowledgeAlarm(received);
  }

  acknowledgeAlarm({ session, message: { epoch, seq } }: ReceivedAlarm): void {
    this.send('ack', this.seal(session, 'ack', encodeAck({ alarm: { epoch, seq } })));
  }

  /** @param re the counter of the batch that it answers; default: the last one that came */
  acknowledge(session: CentralSession, place: Place | null, re = this.batches.at(-1)?.counter ?? 0): void {
    this.place = place;
    this.send('ack', this.seal(session, 'ack', encodeAck({ re, place })));
  }

  seal(
    session: CentralSession,
    kind: 'verdict' | 'ack',
    plaintext: Buffer,
    device: string = this.device,
  ): Buffer {
    this.#counter += 1;
    const address = { direction: 'down', device, kind } as const;
    return sealDown(
      { keys: session.keys.down, id: session.id },
      address,
      this.#counter,
      randomBytes(12),
      plaintext,
    );
  }

  send(kind: 'welcome' | 'verdict' | 'ack', payload: Buffer): void {
    this.#mqtt?.send(downTopic(this.device, kind), payload);
  }

  /** The records received, in order of coming; dropped ones left out. */
  get bodies(): Buffer[] {
    return this.batches.flatMap(({ batch }) =>
      batch.records.flatMap((entry) => (Buffer.isBuffer(entry) ? [entry] : [])),
    );
  }

  /** `1/3` of every record received, in order of coming. */
  get received(): string[] {
    return this.batches.flatMap(({ batch }) =>
      batch.records.map((_, i) => `${batch.epoch}/${batch.first + i}`),
    );
  }
}
