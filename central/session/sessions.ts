import { BoundedMap } from '../../platform/boundedMap.js';
import type { Clock } from '../../platform/clock.js';
import type { Drops } from '../../platform/drops.js';
import type { Log } from '../../platform/log.js';
import type { Sm2Service } from '../../platform/sm2/service.js';
import { messageOf } from '../../protocol/errors.js';
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
import type { Tickets } from './tickets.js';

/** Each costs three SM2 operations; more at once would only make all of them late. */
const MOST_AT_ONCE = 64;
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

/** Answers `hello` with `welcome`: the one exchange that costs SM2. */
export class Sessions {
  readonly #inFlight = new Set<string>();
  readonly #bodiesSeen = new BoundedMap<string, true>(HELLOS_REMEMBERED);
  readonly #noncesSeen = new BoundedMap<string, true>(HELLOS_REMEMBERED);
  #opened = 0;

  constructor(private readonly options: SessionOptions) {}

  get opened(): number {
    return this.#opened;
  }

  /** @param device from the topic */
  async handle(device: string, payload: Uint8Array): Promise<void> {
    const { drops, log } = this.options;
    const refused = this.#inFlight.has(device)
      ? 'in-flight'
      : this.#inFlight.size >= MOST_AT_ONCE
        ? 'busy'
        : undefined;
    if (refused !== undefined) return drops.count('hello', device, refused);
    this.#inFlight.add(device);
    try {
      const reason = await this.#answer(device, payload);
      if (reason !== undefined) drops.count('hello', device, reason);
    } catch (thrown) {
      log.error('hello failed', { device, problem: messageOf(thrown) });
      drops.count('hello', device, 'failed');
    } finally {
      this.#inFlight.delete(device);
    }
  }

  /** @returns why there is no welcome, if there is none */
  async #answer(device: string, payload: Uint8Array): Promise<string | undefined> {
    const signed = parseSigned(payload);
    if (!signed.ok) return signed.reason;
    const hello = await this.#authentic(device, signed.value);
    if (!hello.ok) return hello.reason;
    const version = SESSION_VERSIONS.find((ours) => hello.value.versions.includes(ours));
    if (version === undefined) return 'no-common-version';
    const welcome = await this.#welcome(hello.value, signed.value, version);
    this.options.send(device, welcome, payload);
    this.#opened += 1;
    this.options.log.info('session opened', { device });
    return undefined;
  }

  async #authentic(device: string, { key, body, signature }: Signed): Promise<Parsed<Hello>> {
    const enrolled = enrolledKey(this.options.enrolments(), device);
    if (enrolled === undefined) return { ok: false, reason: 'not-enrolled' };
    if (enrolled.id !== key) return { ok: false, reason: 'other-key' };
    // Before the signature: a replay must not cost what an honest hello costs.
    const digest = sm3(body).toString('hex');
    if (this.#bodiesSeen.has(digest)) return { ok: false, reason: 'replayed' };
    const authentic = await this.options.sm2.verify(
      signedBytes('hello', body),
      signature,
      enrolled.publicKey,
    );
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

  async #welcome(hello: Hello, { key, body }: Signed, version: number): Promise<Buffer> {
    const { sm2, random, tickets, sessionKey, lifetimeMs, placeOf, clock } = this.options;
    const { device } = hello;
    const secret = random(32);
    const wrapped = await sm2.encrypt(secret, hello.sessionKey);
    const place = await placeOf(device);
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
