import { randomBytes } from 'node:crypto';
import {
  encodeRecord,
  epochBase,
  type JournalRecord,
  linkOf,
  nextHead,
  RECORD_KINDS,
  type RecordKind,
} from '../../protocol/journal/record.js';
import {
  type AlarmContent,
  RecordKey,
  sealContent,
  type TapContent,
  type VerdictContent,
} from '../../protocol/journal/seal.js';
import { headBytes } from '../../protocol/journal/signedHead.js';
import { generateSm2KeyPair, sm2Decrypt, sm2Encrypt, sm2Sign } from '../../protocol/sm/sm2.js';
import { keyId, type Sm2KeyPair } from '../../protocol/sm/sm2Key.js';
import { type AlarmMessage, encodeAlarmMessage } from '../../protocol/wire/alarm.js';
import { type Enrolment, enrolmentBytes } from '../../protocol/wire/enrolment.js';
import { openSealed, parseDown, sealUp } from '../../protocol/wire/envelope.js';
import {
  type Batch,
  encodeBatch,
  encodeQuestion,
  type Question,
  type TapId,
} from '../../protocol/wire/messages.js';
import {
  deriveSessionKeys,
  encodeHello,
  type Hello,
  type Place,
  parseWelcome,
  type SessionKeys,
} from '../../protocol/wire/session.js';
import { encodeSigned, parseSigned, signedBytes } from '../../protocol/wire/signed.js';

export const ID_NUMBER = '11010519491231002X';
export const OTHER_NUMBER = '440524188001010014';

/** A gate that says what a test tells it to. */
export class TestDevice {
  readonly key: Sm2KeyPair = generateSm2KeyPair();
  readonly #sessionKey = generateSm2KeyPair();
  #helloBody: Buffer = Buffer.alloc(0);
  #counter = 0;
  keys: SessionKeys | undefined;
  ticket: Buffer = Buffer.alloc(0);

  constructor(readonly name = 'gz-bus-a1') {}

  enrolment(): Enrolment {
    const { publicKey, privateKey } = this.key;
    const signature = sm2Sign(enrolmentBytes(this.name, publicKey), privateKey, publicKey);
    return { v: 1, device: this.name, key: { id: keyId(publicKey), publicKey }, signature };
  }

  hello(changes: Partial<Hello> = {}): Buffer {
    const hello: Hello = {
      device: this.name,
      sessionKey: this.#sessionKey.publicKey,
      nonce: randomBytes(16).toString('hex'),
      wallMs: 0,
      place: null,
      versions: [1],
      ...changes,
    };
    this.#helloBody = encodeHello(hello);
    return this.signed(this.#helloBody);
  }

  signed(body: Buffer): Buffer {
    const signature = sm2Sign(signedBytes('hello', body), this.key.privateKey, this.key.publicKey);
    return encodeSigned(keyId(this.key.publicKey), body, signature);
  }

  /** Takes a welcome; its session is in use from here on. @returns central's place and lifetime */
  welcome(payload: Buffer): { readonly place: Place | null; readonly lifetimeMs: number } {
    const signed = parseSigned(payload);
    if (!signed.ok) throw new Error(signed.reason);
    const welcome = parseWelcome(signed.value.body);
    if (!welcome.ok) throw new Error(welcome.reason);
    const { core, coreBytes, ticket } = welcome.value;
    const secret = sm2Decrypt(Buffer.from(core.secret, 'hex'), this.#sessionKey.privateKey);
    if (secret === undefined) throw new Error('the secret does not open');
    this.keys = deriveSessionKeys(secret, this.#helloBody, coreBytes);
    this.ticket = ticket;
    return core;
  }

  ask(question: Question, counter = this.nextCounter()): Buffer {
    return this.#up('verify', encodeQuestion(question), counter);
  }

  send(batch: Batch): Buffer {
    return this.#up('events', encodeBatch(batch), this.nextCounter());
  }

  alarm({ epoch, seq, digest, ...content }: AlarmMessage, counter = this.nextCounter()): Buffer {
    return this.#up('alarm', encodeAlarmMessage({ epoch, seq, digest, content }), counter);
  }

  /** Whatever it is, in this session. */
  sealed(kind: 'verify' | 'events' | 'alarm', plaintext: Buffer): Buffer {
    return this.#up(kind, plaintext, this.nextCounter());
  }

  nextCounter(): number {
    this.#counter += 1;
    return this.#counter;
  }

  /** The plaintext of a verdict or an ack. */
  open(kind: 'verdict' | 'ack', payload: Buffer): Record<string, unknown> {
    const down = parseDown(payload);
    if (!down.ok || this.keys === undefined) throw new Error('not a message in this session');
    const address = { direction: 'down', device: this.name, kind } as const;
    const opened = openSealed(this.keys.down, address, down.value.sealed);
    if (opened === undefined) throw new Error('forged');
    return JSON.parse(opened.plaintext.toString('utf8'));
  }

  #up(kind: 'verify' | 'events' | 'alarm', plaintext: Buffer, counter: number): Buffer {
    if (this.keys === undefined) throw new Error('no session');
    const address = { direction: 'up', device: this.name, kind } as const;
    return sealUp({ keys: this.keys.up, ticket: this.ticket }, address, counter, randomBytes(12), plaintext);
  }
}

export const presented = (changes: Partial<TapContent> = {}): TapContent => ({
  medium: 'id-card',
  assurance: 'sam',
  validity: 'valid',
  token: ID_NUMBER,
  schemes: ['health-code@1'],
  site: 'gz-bus',
  lane: 'A1',
  direction: 'entry',
  ...changes,
});

export const question = (seq = 3, changes: Partial<Question> = {}): Question => ({
  tap: { epoch: 1, seq },
  ...presented(),
  ...changes,
});

type SealedKind = 'tap' | 'verdict' | 'tap-void' | 'alarm' | 'passage';

/** A device's journal as it would write it, one epoch at a time. */
export class TestJournal {
  readonly bodies: Buffer[] = [];
  head: Buffer;
  readonly #base: Buffer;
  readonly #heads: Buffer[] = [];
  #key: RecordKey | undefined;
  #keySeq = 0;

  constructor(
    readonly device: string,
    readonly epoch: number,
    previous: Place | null,
    readonly ledgerKey: { readonly id: string; readonly publicKey: string },
    /** Of a machine whose clock nobody has set, when false. */
    readonly trusted = true,
  ) {
    const facts = { device, nonce: randomBytes(8).toString('hex'), previous };
    this.#base = epochBase(epoch, facts);
    this.head = this.#base;
    this.add('start', { clear: facts });
  }

  get seq(): number {
    return this.bodies.length;
  }

  get place(): Place {
    return { epoch: this.epoch, seq: this.seq, head: this.head.toString('hex') };
  }

  add(kind: string, part: Partial<JournalRecord> = {}): number {
    const record: JournalRecord = {
      v: 1,
      epoch: this.epoch,
      seq: this.seq + 1,
      kind,
      class: RECORD_KINDS[kind as RecordKind] ?? 3,
      boot: '00112233aabbccdd',
      monoMs: 1000 + this.seq,
      wallMs: Date.UTC(2026, 0, 1, 1, 0, this.seq),
      trusted: this.trusted,
      ...part,
    };
    const body = encodeRecord(record);
    this.bodies.push(body);
    this.head = nextHead(this.head, linkOf(record, body));
    this.#heads.push(this.head);
    return record.seq;
  }

  tap(changes: Partial<TapContent> = {}): number {
    return this.#sealed('tap', presented(changes));
  }

  verdict(tapSeq: number, changes: Partial<VerdictContent> = {}): number {
    const tap = { epoch: this.epoch, seq: tapSeq };
    const content = {
      tap,
      outcome: 'pass',
      reasons: ['health.green'],
      action: 'open',
      decidedBy: 'central',
      tookMs: 9,
    };
    return this.#sealed('verdict', { ...(content as VerdictContent), ...changes });
  }

  voided(tapSeq: number): number {
    return this.#sealed('tap-void', { tap: { epoch: this.epoch, seq: tapSeq }, reason: 'card.unreadable' });
  }

  alarm(alarm: string, detail?: AlarmContent['detail']): number {
    return this.#sealed('alarm', detail === undefined ? { alarm } : { alarm, detail });
  }

  /** @param tap which it belongs to; none where nobody was let in */
  passage(tap?: TapId): number {
    return this.#sealed('passage', { ...(tap === undefined ? {} : { tap }), direction: 'exit' });
  }

  /** A `head` record: the device's word for the chain up to a record. */
  signed({ privateKey, publicKey }: Sm2KeyPair, seq = this.seq): number {
    const head = this.headAt(seq).toString('hex');
    const message = headBytes(this.device, { epoch: this.epoch, seq, head });
    const signature = sm2Sign(message, privateKey, publicKey);
    return this.add('head', { clear: { seq, head, key: keyId(publicKey), signature } });
  }

  /** A `clock` record: at `monoMs` of a boot it was `wallMs`. */
  clock(monoMs: number, wallMs: number, boot?: string): number {
    const when = { monoMs, wallMs, trusted: true, ...(boot === undefined ? {} : { boot }) };
    return this.add('clock', { ...when, clear: { source: 'central' } });
  }

  /** The chain's head after a record; 0 is before the first. */
  headAt(seq: number): Buffer {
    return (seq === 0 ? this.#base : this.#heads[seq - 1]) ?? this.#base;
  }

  batch(first = 1, last = this.seq): Batch {
    const previous = this.headAt(first - 1).toString('hex');
    return { epoch: this.epoch, first, previous, records: this.bodies.slice(first - 1, last) };
  }

  #sealed(kind: SealedKind, content: Parameters<typeof sealContent>[4]): number {
    this.#key ??= this.#newKey();
    const address = { device: this.device, epoch: this.epoch, seq: this.seq + 1, kind };
    return this.add(kind, {
      sealed: sealContent(this.#key, this.#keySeq, address, randomBytes(12), content),
    });
  }

  #newKey(): RecordKey {
    const first = randomBytes(32);
    const wrapped = sm2Encrypt(first, this.ledgerKey.publicKey).toString('hex');
    this.#keySeq = this.add('key', { clear: { ledgerKey: this.ledgerKey.id, wrapped } });
    return new RecordKey(first);
  }
}
