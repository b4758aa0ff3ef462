import type { Cancel, Clock } from '../../platform/clock.js';
import { encodeAlarmMessage } from '../../protocol/wire/alarm.js';
import { sealUp } from '../../protocol/wire/envelope.js';
import type { AlarmAck, TapId } from '../../protocol/wire/messages.js';
import type { RaisedAlarm } from '../journal/raisedAlarms.js';
import { isAfter } from './flight.js';
import type { Session, SessionKeeper } from './session.js';

export interface AlarmQueueOptions {
  readonly device: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly randomBytes: (length: number) => Buffer;
  readonly sessions: Pick<SessionKeeper, 'current' | 'want'>;
  readonly linkUp: () => boolean;
  /** Publishes at QoS 1; rejects when there is no connection. */
  readonly publish: (payload: Buffer) => Promise<void>;
  /** The oldest alarm had to go for a new one: its record still goes up in its turn. */
  readonly onOverflow: () => void;
}

/** Some 400 bytes each. */
const MOST_WAITING = 64;
/** Sent without waiting for the ones before: central takes so many of a device at once, and more. */
const MOST_AT_ONCE = 8;
/** A central of before this topic never answers: it has the alarm when its record comes. */
const RETRY_FIRST_MS = 5_000;
const RETRY_LAST_MS = 60_000;

const nameOf = ({ epoch, seq }: TapId): string => `${epoch}/${seq}`;

/**
 * Alarms on a way of their own, ahead of the journal's backlog and past the pause for a card: each is sent until central
 * says that it was told, or that its record is on central's disk. It holds this start's alarms only. Those of an earlier
 * one are sealed even to the gate, so they come in their turn.
 */
export class AlarmQueue {
  /** By place, oldest first. */
  readonly #waiting = new Map<string, RaisedAlarm>();
  /** Sent and not answered. */
  readonly #out = new Set<string>();
  /** Sendings in a row that brought no answer. */
  #tries = 0;
  #cancel: Cancel = () => {};
  /** When the timer is due, monotonic. */
  #dueMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(private readonly options: AlarmQueueOptions) {}

  add(alarm: RaisedAlarm): void {
    if (this.#stopped) return;
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size >= MOST_WAITING && oldest !== undefined) {
      this.#remove(oldest);
      this.options.onOverflow();
    }
    this.#waiting.set(nameOf(alarm.id), alarm);
    this.#tries = 0;
    this.#send([alarm]);
  }

  linkUp(): void {
    this.#sendAll();
  }

  /** What was sent in another session may have gone to a central that is no more. */
  sessionOpened(): void {
    this.#sendAll();
  }

  /** @returns false where nobody waits for it: it may have been answered twice */
  onAck({ alarm }: AlarmAck): boolean {
    const isOurs = this.#remove(nameOf(alarm));
    if (isOurs) this.#goOn();
    return isOurs;
  }

  /** Records up to here are on central's disk, and were told of before it said so. */
  journalAcknowledged(place: TapId): void {
    const before = this.#waiting.size;
    for (const [name, { id }] of this.#waiting) if (!isAfter(id, place)) this.#remove(name);
    if (this.#waiting.size < before) this.#goOn();
  }

  stop(): void {
    this.#stopped = true;
    this.#disarm();
  }

  #remove(name: string): boolean {
    this.#out.delete(name);
    return this.#waiting.delete(name);
  }

  #goOn(): void {
    if (this.#waiting.size === 0) this.#disarm();
    else if (this.#out.size === 0) this.#sendAll();
  }

  #sendAll(): void {
    this.#tries = 0;
    this.#sendOldest();
  }

  #sendOldest(): void {
    this.#disarm();
    this.#out.clear();
    this.#send([...this.#waiting.values()].slice(0, MOST_AT_ONCE));
  }

  #send(alarms: readonly RaisedAlarm[]): void {
    const { linkUp, sessions } = this.options;
    // A new connection and a new session each come back here.
    if (this.#stopped || alarms.length === 0 || !linkUp()) return;
    const session = sessions.current;
    if (session === undefined) return sessions.want();
    for (const alarm of alarms) this.#publish(session, alarm);
    this.#arm();
  }

  #arm(): void {
    const { clock, random } = this.options;
    const mostMs = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#tries, 10));
    const delayMs = mostMs * (0.5 + random() / 2);
    const dueMs = clock.monotonicMs() + delayMs;
    // One alarm after the other must not put off the next try of the first.
    if (dueMs >= this.#dueMs) return;
    this.#disarm();
    this.#dueMs = dueMs;
    this.#cancel = clock.schedule(delayMs, () => {
      this.#tries += 1;
      this.#sendOldest();
    });
  }

  #disarm(): void {
    this.#cancel();
    this.#dueMs = Number.POSITIVE_INFINITY;
  }

  #publish(session: Session, { id, digest, content }: RaisedAlarm): void {
    const { device, randomBytes, publish } = this.options;
    this.#out.add(nameOf(id));
    const payload = sealUp(
      { keys: session.keys.up, ticket: session.ticket },
      { direction: 'up', device, kind: 'alarm' },
      session.nextCounter(),
      randomBytes(12),
      encodeAlarmMessage({ ...id, digest: Buffer.from(digest).toString('hex'), content }),
    );
    // Central's word counts, not the broker's: what is lost goes again.
    publish(payload).catch(() => {});
  }
}
