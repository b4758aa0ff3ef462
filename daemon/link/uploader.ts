import type { Cancel, Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { backoffMs, type Qos } from '../../platform/mqtt.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import { sealUp } from '../../protocol/wire/envelope.js';
import { type BatchAck, encodeBatch, type TapId } from '../../protocol/wire/messages.js';
import type { Place } from '../../protocol/wire/session.js';
import type { Journal } from '../journal/journal.js';
import { Flight, isAfter } from './flight.js';
import type { Session, SessionKeeper } from './session.js';

export interface UploaderOptions {
  readonly device: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly randomBytes: (length: number) => Buffer;
  readonly journal: Journal;
  readonly sessions: SessionKeeper;
  readonly linkUp: () => boolean;
  /** The longest packet that the broker takes; undefined where it did not say. */
  readonly packetMostBytes: () => number | undefined;
  /** Rejects when there is no connection. */
  readonly publish: (payload: Buffer, qos: Qos) => Promise<void>;
  readonly onDropped: (reason: string) => void;
  /** Told how far central has the journal on its own disk, whenever it says so. */
  readonly onAcknowledged: (place: Place) => void;
  readonly log: Log;
}

/** Base64 twice over, a batch of this stays below 64 KiB. */
const MAX_BATCH_BYTES = 32 * 1024;
const MAX_BATCH_RECORDS = 64;
/** One record always goes, however long it is. */
const LEAST_BATCH_BYTES = 512;
/** Base64 twice over, ticket, topic and padding: what a batch of so many bytes becomes as a packet, at most. */
const PACKET_OVERHEAD_BYTES = 4_096;
const PACKET_GROWTH = 16 / 9;
/**
 * A broker that takes no such long packets ends the connection, or says nothing. Batches are halved then, and stay so for
 * a while: most often it was the network.
 */
const SMALL_FOR_MS = 600_000;
const ACK_TIMEOUT_MS = 5_000;
/** Batches that are out at once on a line that is quick, and how soon an ack comes there. */
const WINDOW = 4;
const QUICK_ACK_MS = 250;
/** A batch without an ack may mean that central cannot open our ticket, or that it does not want this batch. */
const DOUBT_FIRST_MS = 30_000;
const DOUBT_LAST_MS = 600_000;
/** So many tries in a row without an acknowledgement are worth a line. */
const TRIES_TO_WARN = 5;
const BEGINNING: TapId = { epoch: 0, seq: 0 };

/**
 * Brings the journal to central: in order, each batch kept until central's authenticated word that it is on central's
 * own disk. The broker's acknowledgement says nothing about that.
 *
 * A backlog goes up with several batches out at once, as long as acks come quickly: on a slow line the question of the
 * next tap would wait behind them. And it goes at QoS 0: a broker's acknowledgements, which nobody needs here, hold up
 * what it sends next by the 40 ms of a delayed TCP acknowledgement, on brokers that do not set TCP_NODELAY.
 */
export class Uploader {
  /** Central has everything up to here. Undefined until a welcome has said so. */
  #acknowledged: TapId | undefined;
  readonly #flight = new Flight();
  #isQuick = false;
  #working = false;
  #kickedMeanwhile = false;
  #paused = false;
  #tries = 0;
  #notBeforeMs = 0;
  /** Tries in a row that took us no further. */
  #fruitless = 0;
  #doubtPauseMs = DOUBT_FIRST_MS;
  #nextDoubtMs = 0;
  #smallBytes = MAX_BATCH_BYTES;
  #smallUntilMs = 0;
  #cancel: Cancel = () => {};
  #stopped = false;

  constructor(private readonly options: UploaderOptions) {}

  /** Uploads give way to a tap, from card found to verdict. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused) this.kick();
  }

  /** A session stands: central's own place says where to go on. */
  async sessionOpened(place: Place | null): Promise<void> {
    const { journal, log, onAcknowledged } = this.options;
    // A disk that cannot be read just now: sending again is harmless, sending nothing until the next session is not.
    const known = place === null || (await journal.knows(place).catch(() => false));
    if (!known) {
      log.error('central has a journal place that is not on this disk: sending all that is here', {
        epoch: place.epoch,
        seq: place.seq,
      });
    }
    this.#flight.forget();
    this.#isQuick = false;
    this.#tries = 0;
    this.#notBeforeMs = 0;
    this.#cancel();
    this.#acknowledged = known && place !== null ? place : BEGINNING;
    journal.centralHas(this.#acknowledged);
    if (known && place !== null) onAcknowledged(place);
    this.kick();
  }

  /** A new connection is worth a try at once, whatever went wrong on the old one. */
  linkUp(): void {
    this.#tries = 0;
    this.#fruitless = 0;
    this.#notBeforeMs = 0;
    this.kick();
  }

  /** The connection is gone, perhaps for the length of what was under way. */
  linkDown(): void {
    if (this.#flight.count === 0) return;
    this.#smallBytes = Math.max(LEAST_BATCH_BYTES, this.#wantedBytes / 2);
    this.#smallUntilMs = this.options.clock.monotonicMs() + SMALL_FOR_MS;
    // Their answers are lost with the connection: the next one need not wait for them.
    this.#flight.land();
    this.#isQuick = false;
    this.#cancel();
  }

  get #wantedBytes(): number {
    return this.options.clock.monotonicMs() < this.#smallUntilMs ? this.#smallBytes : MAX_BATCH_BYTES;
  }

  get #mostBytes(): number {
    const packetBytes = this.options.packetMostBytes() ?? Number.POSITIVE_INFINITY;
    const fittingBytes = (packetBytes - PACKET_OVERHEAD_BYTES) / PACKET_GROWTH;
    return Math.max(LEAST_BATCH_BYTES, Math.min(this.#wantedBytes, fittingBytes));
  }

  /** There may be something to send. */
  kick(): void {
    if (this.#working) {
      this.#kickedMeanwhile = true;
      return;
    }
    if (this.#stopped || this.#paused || this.#isFull) return;
    const { linkUp, sessions, clock } = this.options;
    const waitMs = this.#notBeforeMs - clock.monotonicMs();
    if (waitMs > 0) {
      // New records do not shorten the back-off: a central that is in trouble is left alone for as long as it takes.
      this.#cancel();
      this.#cancel = clock.schedule(waitMs, () => this.kick());
      return;
    }
    const from = this.#from;
    if (from === undefined || sessions.current === undefined || !linkUp()) return;
    this.#working = true;
    this.#sendNext(from)
      .catch((thrown) => {
        this.#failed(thrown);
        return false;
      })
      .then((sent) => {
        this.#working = false;
        if (!sent && !this.#kickedMeanwhile) return;
        this.#kickedMeanwhile = false;
        this.kick();
      });
  }

  /** The next batch begins behind this. */
  get #from(): TapId | undefined {
    return this.#flight.newest?.last ?? this.#acknowledged;
  }

  get #isFull(): boolean {
    const { count, newest } = this.#flight;
    return count >= (this.#isQuick && newest?.more === true ? WINDOW : 1);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  /** @returns whether anything was sent */
  async #sendNext(from: TapId): Promise<boolean> {
    const { journal, sessions, device, randomBytes, publish, clock } = this.options;
    const outgoing = await journal.batchAfter(from, this.#mostBytes, MAX_BATCH_RECORDS);
    const session = sessions.current;
    if (outgoing === undefined || session === undefined || this.#paused || this.#stopped) return false;
    // A welcome, or an ack, may have moved the place while the disk was read.
    if (this.#from !== from) {
      this.#kickedMeanwhile = true;
      return false;
    }
    const counter = session.nextCounter();
    if (this.#flight.count === 0) this.#awaitAck();
    this.#flight.add(nameOf(session, counter), outgoing, clock.monotonicMs());
    const payload = sealUp(
      { keys: session.keys.up, ticket: session.ticket },
      { direction: 'up', device, kind: 'events' },
      counter,
      randomBytes(12),
      encodeBatch(outgoing.batch),
    );
    // Not waited for: a broker's word that never comes must not hold up what central's own word takes on.
    publish(payload, outgoing.more ? 0 : 1).catch((thrown) => {
      if (this.#flight.newest === outgoing) this.#failed(thrown);
    });
    return true;
  }

  /** From the first batch that is out, and anew from each ack that leaves some. */
  #awaitAck(): void {
    this.#cancel();
    this.#cancel = this.options.clock.schedule(ACK_TIMEOUT_MS, () => this.#timedOut());
  }

  #failed(thrown: unknown): void {
    this.options.log.debug('upload failed', { problem: codeOf(thrown) ?? messageOf(thrown) });
    this.#again();
  }

  #timedOut(): void {
    const nowMs = this.options.clock.monotonicMs();
    if (nowMs >= this.#nextDoubtMs) {
      // A batch that central refuses for good must not cost it a session every time.
      this.#nextDoubtMs = nowMs + this.#doubtPauseMs;
      this.#doubtPauseMs = Math.min(2 * this.#doubtPauseMs, DOUBT_LAST_MS);
      this.options.sessions.doubt();
    }
    this.#again();
  }

  /** Central can open what we send. */
  #heard(): void {
    this.#doubtPauseMs = DOUBT_FIRST_MS;
    this.#nextDoubtMs = 0;
  }

  /** No answer came that takes us on: once more, after a while. */
  #again(): void {
    this.#flight.land();
    this.#isQuick = false;
    this.#tries += 1;
    this.#fruitless += 1;
    if (this.#stopped) return;
    const { clock, random, log } = this.options;
    if (this.#fruitless === TRIES_TO_WARN) {
      const { epoch, seq } = this.#acknowledged ?? BEGINNING;
      log.error('central does not take the journal: its log says why', { after: `${epoch}/${seq}` });
    }
    const waitMs = backoffMs(this.#tries, random());
    this.#notBeforeMs = clock.monotonicMs() + waitMs;
    this.#cancel();
    this.#cancel = clock.schedule(waitMs, () => this.kick());
  }

  /** Takes central's word on a batch; one that goes beyond what was sent is counted and dropped. */
  async onAck(session: Session, { re, place }: BatchAck): Promise<void> {
    const { journal, onAcknowledged, onDropped, clock } = this.options;
    const name = nameOf(session, re);
    const newest = this.#flight.newest?.last;
    if (newest === undefined || !this.#flight.awaits(name)) return onDropped('ack-unasked');
    if (place !== null && isAfter(place, newest)) return onDropped('ack-beyond');
    if (place !== null && !this.#flight.endsAt(place) && !(await journal.knows(place)))
      return onDropped('ack-wrong-head');
    if (!this.#flight.awaits(name)) return onDropped('ack-late');
    this.#heard();
    if (place === null || !isAfter(place, this.#acknowledged ?? BEGINNING)) {
      // Central has lost what it had. From there, but not in a circle without a pause.
      this.#flight.forget();
      this.#acknowledged = place ?? BEGINNING;
      journal.centralHas(this.#acknowledged);
      return this.#again();
    }
    this.#cancel();
    this.#acknowledged = place;
    const sentMs = this.#flight.settle(place);
    this.#isQuick = sentMs !== undefined && clock.monotonicMs() - sentMs <= QUICK_ACK_MS;
    if (this.#flight.count > 0) this.#awaitAck();
    this.#tries = 0;
    this.#fruitless = 0;
    this.#notBeforeMs = 0;
    onAcknowledged(place);
    this.kick();
    await journal.acknowledged(place);
  }
}

const nameOf = ({ id }: Session, counter: number): string => `${id}/${counter}`;
