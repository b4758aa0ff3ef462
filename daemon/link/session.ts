import { BoundedMap } from '../../platform/boundedMap.js';
import type { Cancel, Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { backoffMs } from '../../platform/mqtt.js';
import type { Sm2Service } from '../../platform/sm2/service.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import type { CentralPublic } from '../../protocol/wire/enrolment.js';
import {
  deriveSessionKeys,
  encodeHello,
  type Place,
  parseWelcome,
  SESSION_VERSIONS,
  type SessionKeys,
  sessionId,
} from '../../protocol/wire/session.js';
import { encodeSigned, parseSigned, signedBytes, signedDigest } from '../../protocol/wire/signed.js';
import type { DeviceKey } from '../identity.js';
import type { ToldTime } from '../time.js';

/** A session with central. Its secrets live in memory only. */
export interface Session {
  readonly id: string;
  readonly keys: SessionKeys;
  readonly ticket: Buffer;
  readonly endsMs: number;
  /** The next counter for a message up. */
  nextCounter(): number;
}

export interface SessionOptions {
  readonly device: string;
  readonly deviceKey: DeviceKey;
  readonly central: CentralPublic;
  readonly clock: Clock;
  readonly sm2: Sm2Service;
  readonly random: () => number;
  readonly randomBytes: (length: number) => Buffer;
  readonly log: Log;
  readonly wallMs: () => number;
  readonly newestPlace: () => Place | null;
  /** Sends a hello; false when there is no connection. */
  readonly sendHello: (payload: Buffer) => boolean;
  /** A session stands; `place` is how far central has the journal. */
  readonly onSession: (place: Place | null, told: ToldTime) => void;
  /** Something that claims to be a welcome was dropped. */
  readonly onDropped: (reason: string) => void;
  /** The first hello waits up to this long, so that a whole street does not greet at once after a power cut. */
  readonly firstHelloWithinMs: number;
}

interface Outstanding {
  readonly body: Buffer;
  readonly privateKey: string;
  readonly sentMs: number;
}

/** How long a hello waits for its welcome. */
export const WELCOME_TIMEOUT_MS = 5_000;
/** A hello that was sent before central came up went to nobody; one that it took is answered within this. */
const COMING_UP_MS = 1_000;
/** Welcomes whose signature may be checked at once: the one thread must not spend minutes on forged ones. */
const WELCOMES_AT_ONCE = 8;
/** A session is renewed when this much of its life is over; the rest is for a central that is away. */
const RENEW_AT = 0.8;
/**
 * A central that comes up new may not know our session, or have lost records that it had: gates ask within this time,
 * not all at once.
 */
const GREET_NEW_WITHIN_MS = 1_000;
/** Starts of central that are remembered: anybody on the broker can invent them. */
const BOOTS_REMEMBERED = 16;
/** A doubt costs central three SM2 operations: over time at most one in this time, and a few at once. */
const DOUBT_EVERY_MS = 30_000;
const DOUBTS_AT_ONCE = 6;
/** A fleet that opened its sessions together does not renew them together. */
const RENEW_SPREAD = 0.1;

/**
 * Keeps a session with central: opened ahead of time, renewed ahead of its end while the old one still serves. SM2
 * costs hundreds of milliseconds on a board, so it is paid here, off the gate's thread, and never at a tap.
 */
export class SessionKeeper {
  #current: Session | undefined;
  #previous: Session | undefined;
  #outstanding: Outstanding | undefined;
  /** The hello sent last has no welcome so far, perhaps on an earlier connection. */
  #isUnanswered = false;
  #sentMs = 0;
  #busy = false;
  /** The hello under way was sent in place of one for which a central came up too late. */
  #isReplacement = false;
  #welcomesAtWork = 0;
  #tries = 0;
  #renewAtMs = 0;
  /** When the doubts so far would have been due, had they come one at a time. */
  #doubtsDueMs = 0;
  /** Since when central may not be able to open our ticket; a session whose hello is newer ends that. */
  #doubtedSinceMs: number | undefined;
  readonly #boots = new BoundedMap<string, true>(BOOTS_REMEMBERED);
  #linkUp = false;
  #first = true;
  #cancelNext: Cancel = () => {};
  #cancelGreeting: Cancel | undefined;
  #stopped = false;

  constructor(private readonly options: SessionOptions) {}

  /** The session for new messages; undefined when there is none that has not ended. */
  get current(): Session | undefined {
    const session = this.#current;
    return session !== undefined && this.options.clock.monotonicMs() < session.endsMs ? session : undefined;
  }

  /** The session that an answer names: the current one or the one before it. */
  find(id: string): Session | undefined {
    return [this.#current, this.#previous].find((session) => session?.id === id);
  }

  linkUp(): void {
    this.#linkUp = true;
    this.#tries = 0;
    if (this.current !== undefined) {
      this.#helloIn(Math.max(0, this.#renewAtMs - this.options.clock.monotonicMs()));
      if (this.#doubtedSinceMs !== undefined) this.#greetSoon();
      return;
    }
    const delayMs = this.#first ? this.options.random() * this.options.firstHelloWithinMs : 0;
    this.#first = false;
    this.#helloIn(delayMs);
  }

  linkDown(): void {
    this.#linkUp = false;
    this.#cancelNext();
    this.#cancelGreeting?.();
    this.#cancelGreeting = undefined;
    this.#outstanding = undefined;
    this.#isReplacement = false;
  }

  /** Somebody waits: a hello at once, unless one is under way or none is needed. */
  want(): void {
    if (this.current === undefined) this.#helloNow();
  }

  /**
   * Central says that it is up. Without a session a hello goes at once, and one that is under way is soon sent anew. A
   * session is kept and renewed beside, so that no tap has to find out that it is over.
   * @param boot of that central, another one for each of its starts
   * @param isLive said just now, not kept by the broker: what was there before this gate is no reason to greet out of
   *   turn
   */
  centralUp(boot: string, isLive: boolean): void {
    const isNew = !this.#boots.has(boot);
    this.#boots.set(boot, true);
    if (this.current === undefined) {
      if (isLive) this.#greetNow();
    } else if (isNew) {
      this.#doubtedSinceMs = this.options.clock.monotonicMs();
      this.#greetSoon();
    }
  }

  #greetNow(): void {
    const outstanding = this.#outstanding;
    if (outstanding === undefined) return this.want();
    // Once, until a central has answered: who says "ready" all the time must not throw away every welcome on its way.
    if (this.#isReplacement) return;
    const leftMs = outstanding.sentMs + COMING_UP_MS - this.options.clock.monotonicMs();
    this.#cancelNext();
    this.#cancelNext = this.options.clock.schedule(Math.max(0, leftMs), () => {
      this.#outstanding = undefined;
      this.#isReplacement = true;
      this.#helloNow();
    });
  }

  #greetSoon(): void {
    // One that is due stays due: centrals that come up all the time do not put it off.
    if (this.#cancelGreeting !== undefined) return;
    const { clock, random } = this.options;
    // Whoever invents centrals gets no more hellos out of a fleet than whoever loses its questions. One that nobody
    // has answered cost nobody anything, and need not be waited for as long.
    const notBeforeMs = this.#isUnanswered ? this.#sentMs + COMING_UP_MS : this.#nextDoubtMs();
    const delayMs = Math.max(random() * GREET_NEW_WITHIN_MS, notBeforeMs - clock.monotonicMs());
    this.#cancelGreeting = clock.schedule(delayMs, () => {
      this.#cancelGreeting = undefined;
      this.#greet();
    });
  }

  #greet(): void {
    const doubtedSinceMs = this.#doubtedSinceMs;
    if (doubtedSinceMs === undefined) return;
    const outstanding = this.#outstanding;
    if (outstanding !== undefined) {
      if (outstanding.sentMs >= doubtedSinceMs) return;
      // It went to a central that is gone.
      this.#cancelNext();
      this.#outstanding = undefined;
    }
    this.#helloNow();
  }

  #nextDoubtMs(): number {
    return this.#doubtsDueMs - (DOUBTS_AT_ONCE - 1) * DOUBT_EVERY_MS;
  }

  /**
   * A question or a batch stayed without an answer: perhaps central cannot open our ticket any more. Renews in the
   * background.
   */
  doubt(): void {
    const nowMs = this.options.clock.monotonicMs();
    // A central that is slow for want of breath is not helped by a hello a tap.
    if (!this.#linkUp || this.#tries > 0 || nowMs < this.#nextDoubtMs()) return;
    this.#doubtedSinceMs ??= nowMs;
    this.#helloNow();
  }

  /** Counted when it is answered: before that it may have cost nobody anything. */
  #settleDoubt(helloSentMs: number): void {
    if (this.#doubtedSinceMs === undefined || helloSentMs < this.#doubtedSinceMs) return;
    this.#doubtedSinceMs = undefined;
    this.#doubtsDueMs = Math.max(this.#doubtsDueMs, this.options.clock.monotonicMs()) + DOUBT_EVERY_MS;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelNext();
    this.#cancelGreeting?.();
  }

  #helloIn(delayMs: number): void {
    this.#cancelNext();
    this.#cancelNext = this.options.clock.schedule(delayMs, () => this.#helloNow());
  }

  #helloNow(): void {
    if (!this.#linkUp || this.#busy || this.#outstanding !== undefined || this.#stopped) return;
    this.#cancelNext();
    this.#busy = true;
    this.#hello()
      .catch((thrown) => {
        this.options.log.error('cannot make a hello', { problem: codeOf(thrown) ?? messageOf(thrown) });
        this.#again();
      })
      .finally(() => {
        this.#busy = false;
      });
  }

  async #hello(): Promise<void> {
    const { sm2, device, deviceKey, randomBytes, wallMs, newestPlace, sendHello, clock } = this.options;
    const fresh = await sm2.generate();
    const body = encodeHello({
      device,
      sessionKey: fresh.publicKey,
      nonce: randomBytes(16).toString('hex'),
      wallMs: Math.max(0, Math.floor(wallMs())),
      place: newestPlace(),
      versions: [...SESSION_VERSIONS],
    });
    const signature = await sm2.sign(signedBytes('hello', body), deviceKey);
    if (this.#stopped) return;
    if (!sendHello(encodeSigned(deviceKey.id, body, signature))) return;
    this.#isUnanswered = true;
    this.#sentMs = clock.monotonicMs();
    this.#outstanding = { body, privateKey: fresh.privateKey, sentMs: this.#sentMs };
    this.#cancelNext();
    this.#cancelNext = clock.schedule(WELCOME_TIMEOUT_MS, () => {
      this.#outstanding = undefined;
      if (this.#tries === 0) this.options.log.warn('no welcome from central');
      this.#again();
    });
  }

  #again(): void {
    this.#tries += 1;
    this.#helloIn(backoffMs(this.#tries, this.options.random()));
  }

  /** Takes a `down/welcome`. Anything that is not the whole, signed answer to our last hello is dropped. */
  async onWelcome(payload: Buffer): Promise<void> {
    const welcomeCameMs = this.options.clock.monotonicMs();
    const outstanding = this.#outstanding;
    const drop = (reason: string) => this.options.onDropped(reason);
    if (outstanding === undefined) return drop('welcome-unasked');
    const { central, sm2, device, clock } = this.options;
    const signed = parseSigned(payload);
    if (!signed.ok) return drop(`welcome-${signed.reason}`);
    const { body, key, signature } = signed.value;
    const publicKey = central.keys.session.find(({ id }) => id === key)?.publicKey;
    if (publicKey === undefined) return drop('welcome-unknown-key');
    if (this.#welcomesAtWork >= WELCOMES_AT_ONCE) return drop('welcome-busy');
    this.#welcomesAtWork += 1;
    const isAuthentic = await sm2.verify(signedBytes('welcome', body), signature, publicKey).finally(() => {
      this.#welcomesAtWork -= 1;
    });
    if (!isAuthentic) return drop('welcome-forged');
    const welcome = parseWelcome(body);
    if (!welcome.ok) return drop(`welcome-${welcome.reason}`);
    const { core, coreBytes, ticket } = welcome.value;
    const answersUs =
      core.device === device &&
      core.hello === signedDigest('hello', outstanding.body).toString('hex') &&
      (SESSION_VERSIONS as readonly number[]).includes(core.version);
    if (!answersUs) return drop('welcome-foreign');
    const secret = await sm2.decrypt(Buffer.from(core.secret, 'hex'), outstanding.privateKey);
    // While the threads worked, the hello may have timed out or another welcome come first.
    if (secret?.length !== 32 || this.#outstanding !== outstanding || this.#stopped)
      return drop('welcome-late');
    this.#outstanding = undefined;
    this.#isUnanswered = false;
    this.#isReplacement = false;
    this.#tries = 0;
    this.#settleDoubt(outstanding.sentMs);
    let counter = 0;
    this.#previous = this.#current;
    this.#current = {
      id: sessionId(ticket),
      keys: deriveSessionKeys(secret, outstanding.body, coreBytes),
      ticket,
      endsMs: outstanding.sentMs + core.lifetimeMs,
      nextCounter: () => {
        counter += 1;
        return counter;
      },
    };
    this.#renewAtMs =
      outstanding.sentMs + core.lifetimeMs * RENEW_AT * (1 - RENEW_SPREAD * this.options.random());
    this.#helloIn(Math.max(0, this.#renewAtMs - clock.monotonicMs()));
    this.options.log.info('session open', { session: this.#current.id, lifetimeMs: core.lifetimeMs });
    this.options.onSession(core.place, {
      wallMs: core.wallMs,
      helloSentMs: outstanding.sentMs,
      welcomeCameMs,
    });
  }
}
