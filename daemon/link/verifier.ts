import type { Cancel, Clock } from '../../platform/clock.js';
import { SYSTEM_REASONS } from '../../protocol/verdict.js';
import { openSealed, parseDown, sealUp } from '../../protocol/wire/envelope.js';
import { encodeQuestion, parseVerdict, type Question, type Verdict } from '../../protocol/wire/messages.js';
import type { Session, SessionKeeper } from './session.js';

export interface VerifierOptions {
  readonly device: string;
  readonly clock: Clock;
  readonly sessions: SessionKeeper;
  readonly randomBytes: (length: number) => Buffer;
  readonly linkUp: () => boolean;
  /** Sends a question at QoS 0, wanted for `deadlineMs`; false when there is no connection. */
  readonly send: (payload: Buffer, deadlineMs: number) => boolean;
  /** @param networkMs from the question's first sending to the verdict: broker, central and the way there and back */
  readonly onVerdict: (tap: number, verdict: Verdict, networkMs: number) => void;
  readonly onUnavailable: (tap: number, reason: string) => void;
  /** An authenticated verdict that nobody waits for any more. */
  readonly onLate: (tap: number, verdict: Verdict) => void;
  readonly onDropped: (reason: string) => void;
}

interface Asked {
  readonly session: Session;
  readonly counter: number;
}

interface Pending {
  readonly tap: number;
  readonly question: Question;
  readonly deadlineMs: number;
  /** Empty until there is a session; more than one where a new session opened before the answer. */
  readonly asked: Asked[];
  /** By the monotonic clock; undefined until the question is sent. */
  firstSentMs?: number;
  cancelResend: Cancel;
}

const nameOf = ({ session, counter }: Asked): string => `${session.id}/${counter}`;

/** The same bytes go again once, at this part of the deadline: QoS 0 may lose one. */
const RESEND_AT = 1 / 3;
/** Questions given up lately, so that their answers count as late and not as foreign. */
const REMEMBER_FORGOTTEN = 32;

/**
 * Asks central about one tap at a time and pairs the answer with its question: same session, same counter, same tap.
 * Questions go at QoS 0, since an acknowledgement on the way was measured to hold the verdict back by 40 ms.
 */
export class Verifier {
  readonly #pending = new Map<number, Pending>();
  /** Session and counter of a question that was given up, and its tap. */
  readonly #forgotten = new Map<string, number>();

  constructor(private readonly options: VerifierOptions) {}

  /** @param deadlineMs how long the lane waits; the lane itself keeps the time and calls `forget` */
  ask(tap: number, question: Question, deadlineMs: number): void {
    if (!this.options.linkUp()) {
      this.options.onUnavailable(tap, SYSTEM_REASONS.offline);
      return;
    }
    const pending: Pending = { tap, question, deadlineMs, asked: [], cancelResend: () => {} };
    this.#pending.set(tap, pending);
    const session = this.options.sessions.current;
    if (session !== undefined) this.#send(pending, session);
    // A card on the pad does not wait for its turn in a street's greeting.
    else this.options.sessions.want();
  }

  /** Nobody waits for this answer any more. */
  forget(tap: number): void {
    const pending = this.#pending.get(tap);
    if (pending === undefined) return;
    this.#pending.delete(tap);
    pending.cancelResend();
    for (const asked of pending.asked) this.#forgotten.set(nameOf(asked), tap);
    for (const oldest of this.#forgotten.keys()) {
      if (this.#forgotten.size <= REMEMBER_FORGOTTEN) break;
      this.#forgotten.delete(oldest);
    }
  }

  /**
   * A session stands: what waited for one is asked now. So is what was asked in the one before: perhaps central could
   * not open that one's ticket any more, and a question has no effect.
   */
  sessionOpened(): void {
    const session = this.options.sessions.current;
    if (session === undefined) return;
    for (const pending of this.#pending.values()) this.#send(pending, session);
  }

  linkDown(): void {
    for (const tap of [...this.#pending.keys()]) {
      this.forget(tap);
      this.options.onUnavailable(tap, SYSTEM_REASONS.offline);
    }
  }

  /** Nothing is sent any more. */
  stop(): void {
    for (const { cancelResend } of this.#pending.values()) cancelResend();
    this.#pending.clear();
  }

  #send(pending: Pending, session: Session): void {
    const { device, clock, randomBytes, sessions, send, onUnavailable } = this.options;
    const counter = session.nextCounter();
    pending.asked.push({ session, counter });
    pending.cancelResend();
    const plaintext = encodeQuestion(pending.question);
    const payload = sealUp(
      { keys: session.keys.up, ticket: session.ticket },
      { direction: 'up', device, kind: 'verify' },
      counter,
      randomBytes(12),
      plaintext,
    );
    plaintext.fill(0);
    const { deadlineMs } = pending;
    pending.firstSentMs ??= clock.monotonicMs();
    if (!send(payload, deadlineMs)) {
      this.forget(pending.tap);
      onUnavailable(pending.tap, SYSTEM_REASONS.offline);
      return;
    }
    pending.cancelResend = clock.schedule(deadlineMs * RESEND_AT, () => {
      send(payload, deadlineMs);
      // While there is still time to ask in a new session.
      sessions.doubt();
    });
  }

  /** Takes a `down/verdict`; whatever is not the answer to a question that is out is counted and dropped. */
  onMessage(payload: Buffer): void {
    const { device, clock, sessions, onVerdict, onLate, onDropped } = this.options;
    const cameMs = clock.monotonicMs();
    const down = parseDown(payload);
    if (!down.ok) return onDropped(`verdict-${down.reason}`);
    const session = sessions.find(down.value.session);
    if (session === undefined) return onDropped('verdict-unknown-session');
    const address = { direction: 'down', device, kind: 'verdict' } as const;
    const opened = openSealed(session.keys.down, address, down.value.sealed);
    if (opened === undefined) return onDropped('verdict-forged');
    const verdict = parseVerdict(opened.plaintext);
    if (!verdict.ok) return onDropped(`verdict-${verdict.reason}`);
    const { re, tap } = verdict.value;
    const question = nameOf({ session, counter: re });
    const pending = [...this.#pending.values()].find(({ asked }) =>
      asked.some((one) => nameOf(one) === question),
    );
    if (pending === undefined) {
      const late = this.#forgotten.get(question);
      // Once: a replay says nothing about the way to central.
      this.#forgotten.delete(question);
      if (late !== undefined) onLate(late, verdict.value);
      return onDropped('verdict-late');
    }
    if (pending.question.tap.epoch !== tap.epoch || pending.question.tap.seq !== tap.seq) {
      return onDropped('verdict-foreign');
    }
    this.#pending.delete(pending.tap);
    pending.cancelResend();
    onVerdict(pending.tap, verdict.value, cameMs - (pending.firstSentMs ?? cameMs));
  }
}
