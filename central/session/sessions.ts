import { BoundedMap } from '../../platform/boundedMap.js';
import type { Clock } from '../../platform/clock.js';
import type { Drops } from '../../platform/drops.js';
import type { Log } from '../../platform/log.js';
import type { Sm2Service } from '../../platform/sm2/service.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import { isSm2PublicKey } from '../../protocol/sm/sm2Key.js';
import { sm3 } from '../../protocol/sm/sm3.js';
import type { Parsed } from '../../protocol/wire/json.js';
import {
  deriveSessionKeys,
  encodeWelcome,
  encodeWelcomeCore,
  type Hello,
  type Place,
  parseHello,
  SESSION_VERSIONS,
} from '../../protocol/wire/session.js';
import {
  encodeSigned,
  parseSigned,
  type Signed,
  signedBytes,
  signedDigest,
} from '../../protocol/wire/signed.js';
import { type Enrolments, enrolledKey } from '../enrolments.js';
import type { NamedKeyPair, RandomBytes } from '../keys.js';
import { HelloQueue } from './helloQueue.js';
import type { Tickets } from './tickets.js';

/** A hello with sixteen versions stays below half of it. */
const MOST_HELLO_BYTES = 4_096;
const HELLOS_REMEMBERED = 8_192;

export interface SessionOptions {
  readonly tickets: Tickets;
  readonly enrolments: () => Enrolments;
  readonly sm2: Sm2Service;
  readonly sessionKey: NamedKeyPair;
  /** How far central has a device's journal. */
  readonly placeOf: (device: string) => Promise<Place | null>;
  readonly lifetimeMs: number;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Log;
  readonly drops: Drops;
  /** Sends a welcome, QoS 0. @param hello the payload that it answers */
  readonly send: (device: string, payload: Buffer, hello: Uint8Array) => void;
}

/** A hello that says it is of an enrolled device, its signature still to be checked. */
interface EnrolledHello {
  readonly payload: Uint8Array;
  readonly signed: Signed;
  readonly publicKey: string;
}

const digestOf = ({ body }: Signed): string => sm3(body).toString('hex');

/** Answers `hello` with `welcome`: the one exchange that costs SM2. */
export class Sessions {
  readonly #queue: HelloQueue;
  readonly #bodiesSeen = new BoundedMap<string, true>(HELLOS_REMEMBERED);
  readonly #noncesSeen = new BoundedMap<string, true>(HELLOS_REMEMBERED);
  #opened = 0;

  constructor(private readonly options: SessionOptions) {
    const { clock, drops } = options;
    this.#queue = new HelloQueue(clock, (device, reason) => drops.count('hello', device, reason));
  }

  get opened(): number {
    return this.#opened;
  }

  /**
   * @param device from the topic
   * @returns when it was answered or dropped
   */
  async handle(device: string, payload: Uint8Array): Promise<void> {
    const hello = this.#plausible(device, payload);
    if (!hello.ok) return this.options.drops.count('hello', device, hello.reason);
    return this.#queue.add(device, () => this.#work(device, hello.value));
  }

  /** What can be known of a hello without SM2: nobody who is not enrolled, and no replay, takes a place in the line. */
  #plausible(device: string, payload: Uint8Array): Parsed<EnrolledHello> {
    if (payload.length > MOST_HELLO_BYTES) return { ok: false, reason: 'too-long' };
    const signed = parseSigned(payload);
    if (!signed.ok) return signed;
    const enrolled = enrolledKey(this.options.enrolments(), device);
    if (enrolled === undefined) return { ok: false, reason: 'not-enrolled' };
    if (enrolled.id !== signed.value.key) return { ok: false, reason: 'other-key' };
    if (this.#bodiesSeen.has(digestOf(signed.value))) return { ok: false, reason: 'replayed' };
    return { ok: true, value: { payload, signed: signed.value, publicKey: enrolled.publicKey } };
  }

  async #work(device: string, hello: EnrolledHello): Promise<void> {
    const { drops, log } = this.options;
    try {
      const reason = await this.#answer(device, hello);
      if (reason !== undefined) drops.count('hello', device, reason);
    } catch (thrown) {
      log.error('hello failed', { device, problem: messageOf(thrown) });
      drops.count('hello', device, 'failed');
    }
  }

  /** @returns why there is no welcome, if there is none */
  async #answer(device: string, enrolled: EnrolledHello): Promise<string | undefined> {
    const hello = await this.#authentic(device, enrolled);
    if (!hello.ok) return hello.reason;
    const version = SESSION_VERSIONS.find((ours) => hello.value.versions.includes(ours));
    if (version === undefined) return 'no-common-version';
    const welcome = await this.#welcome(hello.value, enrolled.signed, version);
    this.options.send(device, welcome, enrolled.payload);
    this.#opened += 1;
    this.options.log.info('session opened', { device });
    return undefined;
  }

  async #authentic(device: string, { signed, publicKey }: EnrolledHello): Promise<Parsed<Hello>> {
    const { body, signature } = signed;
    const digest = digestOf(signed);
    // Once more: the same bytes may have waited in line behind themselves.
    if (this.#bodiesSeen.has(digest)) return { ok: false, reason: 'replayed' };
    const authentic = await this.options.sm2.verify(signedBytes('hello', body), signature, publicKey);
    if (!authentic) return { ok: false, reason: 'forged' };
    this.#bodiesSeen.set(digest, true);
    const hello = parseHello(body);
    if (!hello.ok) return hello;
    if (hello.value.device !== device) return { ok: false, reason: 'foreign' };
    if (!isSm2PublicKey(hello.value.sessionKey)) return { ok: false, reason: 'session-key' };
    const nonce = `${device}/${hello.value.nonce}`;
    if (this.#noncesSeen.has(nonce)) return { ok: false, reason: 'replayed' };
    this.#noncesSeen.set(nonce, true);
    return hello;
  }

  /** A ledger that cannot be read keeps nobody from asking: the gate sends its journal again, which is harmless. */
  async #placeOf(device: string): Promise<Place | null> {
    const { placeOf, log } = this.options;
    try {
      return await placeOf(device);
    } catch (thrown) {
      log.error('ledger unreadable, the gate is asked for all it has', {
        device,
        code: codeOf(thrown),
        problem: messageOf(thrown),
      });
      return null;
    }
  }

  async #welcome(hello: Hello, { key, body }: Signed, version: number): Promise<Buffer> {
    const { sm2, random, tickets, sessionKey, lifetimeMs, clock } = this.options;
    const { device } = hello;
    const secret = random(32);
    const wrapped = await sm2.encrypt(secret, hello.sessionKey);
    const place = await this.#placeOf(device);
    const nowMs = Math.floor(clock.wallMs());
    const core = encodeWelcomeCore({
      device,
      hello: signedDigest('hello', body).toString('hex'),
      versions: [...SESSION_VERSIONS],
      version,
      secret: wrapped.toString('hex'),
      lifetimeMs,
      wallMs: nowMs,
      place,
    });
    const keys = deriveSessionKeys(secret, body, core);
    secret.fill(0);
    const ticket = tickets.issue({
      device,
      deviceKey: key,
      issuedMs: nowMs,
      expiresMs: nowMs + lifetimeMs,
      keys,
    });
    const welcome = encodeWelcome(core, ticket);
    const signature = await sm2.sign(signedBytes('welcome', welcome), sessionKey);
    return encodeSigned(sessionKey.id, welcome, signature);
  }
}
