import { BoundedMap } from '../../platform/boundedMap.js';
import type { Cancel, Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { backoffMs } from '../../platform/mqtt.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import { type Place, type SessionKeys, sessionId } from '../../protocol/wire/session.js';
import type { ToldTime } from '../time.js';
import { COMING_UP_MS, Doubt } from './doubt.js';
import { Handshake, type HandshakeOptions, type MadeHello, type OpenedWelcome } from './handshake.js';

/** A session with central. Its secrets live in memory only. */
export interface Session {
  readonly id: string;
  readonly keys: SessionKeys;
  readonly ticket: Buffer;
  readonly endsMs: number;
  /** The next counter for a message up. */
  nextCounter(): number;
}

export interface SessionOptions extends HandshakeOptions {
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Log;
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
  readonly hello: MadeHello;
  readonly sentMs: number;
}

/** How long a hello waits for its welcome. */
export const WELCOME_TIMEOUT_MS = 5_000;
/** A session is renewed when this much of its life is over; the rest is for a central that is away. */
const RENEW_AT = 0.8;
/**
 * A central that comes up new may not know our session, or have lost records that it had: gates ask within this time,
 * not all at once.
 */
const GREET_NEW_WITHIN_MS = 1_000;
/** Starts of central that are remembered: anybody on the broker can invent them. */
const BOOTS_REMEMBERED = 16;
/** A fleet that opened its sessions together does not renew them together. */
const RENEW_SPREAD = 0.1;

/**
 * Keeps a session with central, and decides when to say hello: ahead of the first tap, and ahead of the session's end
 * while the old one still serves. SM2 costs up to hundreds of milliseconds on a board, so no tap pays for it.
 */
export class SessionKeeper {
  readonly #handshake: Handshake;
  readonly #doubt: Doubt;
  #current: Session | undefined;
  #previous: Session | undefined;
  #outstanding: Outstanding | undefined;
  /** A hello is being made. */
  #busy = false;
  /** The hello under way was sent in place of one for which a central came up too late. */
  #isReplacement = false;
  /** Hellos in a row that had no welcome. */
  #tries = 0;
  #renewAtMs = 0;
  readonly #boots = new BoundedMap<string, true>(BOOTS_REMEMBERED);
  #linkUp = false;
  #first = true;
  #cancelNext: Cancel = () => {};
  #cancelGreeting: Cancel | undefined;
  #stopped = false;

  constructor(private readonly options: SessionOptions) {
    this.#handshake = new Handshake(options);
    this.#doubt = new Doubt(options.clock);
  }

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
      if (this.#doubt.holds) this.#greetSoon();
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
      this.#doubt.beginAnew();
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
    // But whoever invents centrals gets no more hellos out of a fleet than whoever loses its questions.
    const waitMs = this.#doubt.mayGreetMs - this.options.clock.monotonicMs();
    this.#greetIn(Math.max(this.options.random() * GREET_NEW_WITHIN_MS, waitMs));
  }

  #greetIn(delayMs: number): void {
    this.#cancelGreeting = this.options.clock.schedule(delayMs, () => {
      this.#cancelGreeting = undefined;
      this.#greet();
    });
  }

  #greet(): void {
    if (!this.#doubt.holds) return;
    if (this.#outstanding !== undefined && this.#doubt.isGreeted) return;
    // The hello that was out may have been answered meanwhile, and have taken of the budget.
    const waitMs = this.#doubt.mayGreetMs - this.options.clock.monotonicMs();
    if (waitMs > 0) return this.#greetIn(waitMs);
    if (this.#outstanding !== undefined) {
      // It went to a central that is gone.
      this.#cancelNext();
      this.#outstanding = undefined;
    }
    this.#helloNow();
  }

  /**
   * A question or a batch stayed without an answer: perhaps central cannot open our ticket any more. Renews in the
   * background.
   */
  doubt(): void {
    // A central that is slow for want of breath is not helped by a hello a tap.
    if (!this.#linkUp || this.#tries > 0 || !this.#doubt.mayGrow) return;
    this.#doubt.begin();
    this.#helloNow();
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
    const { sendHello, clock } = this.options;
    const hello = await this.#handshake.hello();
    if (this.#stopped || !sendHello(hello.payload)) return;
    this.#doubt.sent();
    this.#outstanding = { hello, sentMs: clock.monotonicMs() };
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
    const { onDropped } = this.options;
    if (outstanding === undefined) return onDropped('welcome-unasked');
    const opened = await this.#handshake.open(payload, outstanding.hello);
    if (!opened.ok) return onDropped(`welcome-${opened.reason}`);
    // While the threads worked, the hello may have timed out or another welcome come first.
    if (this.#outstanding !== outstanding || this.#stopped) return onDropped('welcome-late');
    this.#outstanding = undefined;
    this.#isReplacement = false;
    this.#tries = 0;
    this.#doubt.answered();
    this.#begin(opened.value, outstanding.sentMs, welcomeCameMs);
  }

  #begin({ welcome, keys }: OpenedWelcome, helloSentMs: number, welcomeCameMs: number): void {
    const { clock, random, log, onSession } = this.options;
    const { lifetimeMs, place, wallMs } = welcome.core;
    this.#previous = this.#current;
    this.#current = sessionWith(welcome.ticket, keys, helloSentMs + lifetimeMs);
    this.#renewAtMs = helloSentMs + lifetimeMs * RENEW_AT * (1 - RENEW_SPREAD * random());
    this.#helloIn(Math.max(0, this.#renewAtMs - clock.monotonicMs()));
    log.info('session open', { session: this.#current.id, lifetimeMs });
    onSession(place, { wallMs, helloSentMs, welcomeCameMs });
  }
}

function sessionWith(ticket: Buffer, keys: SessionKeys, endsMs: number): Session {
  let counter = 0;
  return {
    id: sessionId(ticket),
    keys,
    ticket,
    endsMs,
    nextCounter: () => {
      counter += 1;
      return counter;
    },
  };
}
