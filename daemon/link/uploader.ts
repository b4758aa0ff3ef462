import type { Cancel, Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { backoffMs } from '../../platform/mqtt.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import { openSealed, parseDown, sealUp } from '../../protocol/wire/envelope.js';
import { encodeBatch, parseAck, type TapId } from '../../protocol/wire/messages.js';
import type { Place } from '../../protocol/wire/session.js';
import type { Outgoing } from '../journal/archive.js';
import type { Journal } from '../journal/journal.js';
import type { SessionKeeper } from './session.js';

export interface UploaderOptions {
  readonly device: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly randomBytes: (length: number) => Buffer;
  readonly journal: Journal;
  readonly sessions: SessionKeeper;
  readonly linkUp: () => boolean;
  /** Publishes at QoS 1; rejects when there is no connection. */
  readonly publish: (payload: Buffer) => Promise<void>;
  readonly onDropped: (reason: string) => void;
  readonly log: Log;
}

/** Base64 twice over, a batch of this stays below 64 KiB. */
const MAX_BATCH_BYTES = 32 * 1024;
const MAX_BATCH_RECORDS = 64;
const ACK_TIMEOUT_MS = 5_000;
/** How long the right answer may still follow an ack that names an earlier place. */
const REWIND_AFTER_MS = 1_000;
/** So many tries in a row without an acknowledgement are worth a line. */
const TRIES_TO_WARN = 5;
/** So many batches in a row without any answer: perhaps central cannot open our ticket any more. */
const SILENCES_TO_DOUBT = 3;
/** A street whose central has come up does not offer its newest records together. */
const OFFER_WITHIN_MS = 30_000;
const BEGINNING: TapId = { epoch: 0, seq: 0 };

/**
 * Brings the journal to central: in order, one batch at a time, each kept until central's authenticated word that it
 * is on central's own disk. The broker's acknowledgement says nothing about that.
 */
export class Uploader {
  /** Central has everything up to here. Undefined until a welcome has said so. */
  #acknowledged: TapId | undefined;
  /** An ack named an earlier place: the answer to an older resend, or central has lost what it had. Time tells. */
  #rewindTo: TapId | undefined;
  #inFlight: Outgoing | undefined;
  #working = false;
  #kickedMeanwhile = false;
  #paused = false;
  #tries = 0;
  #silences = 0;
  #notBeforeMs = 0;
  #cancel: Cancel = () => {};
  #cancelOffer: Cancel = () => {};
  #stopped = false;

  constructor(private readonly options: UploaderOptions) {}

  /** Uploads give way to a tap, from card found to verdict. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused) this.kick();
  }

  /** A session stands: central's own place says where to go on. */
  async sessionOpened(place: Place | null): Promise<void> {
    const { journal, log } = this.options;
    // A disk that cannot be read just now: sending again is harmless, sending nothing until the next session is not.
    const known = place === null || (await journal.knows(place).catch(() => false));
    if (!known) {
      log.error('central has a journal place that is not on this disk: sending all that is here', {
        epoch: place.epoch,
        seq: place.seq,
      });
    }
    this.#inFlight = undefined;
    this.#rewindTo = undefined;
    this.#tries = 0;
    this.#silences = 0;
    this.#notBeforeMs = 0;
    this.#cancel();
    this.#cancelOffer();
    this.#acknowledged = known && place !== null ? place : BEGINNING;
    this.kick();
  }

  /** A new connection is worth a try at once, whatever went wrong on the old one. */
  linkUp(): void {
    this.#tries = 0;
    this.#notBeforeMs = 0;
    this.kick();
    this.centralUp();
  }

  /**
   * Central has come up, perhaps from a backup and without what it had acknowledged. Soon the newest record is offered
   * once more: central's answer says where it is, and a gate that nobody passes need not wait for its next session.
   */
  centralUp(): void {
    const { clock, random } = this.options;
    // A welcome will say where central is.
    if (this.#acknowledged === undefined) return;
    this.#cancelOffer();
    this.#cancelOffer = clock.schedule(random() * OFFER_WITHIN_MS, () => this.#offerNewest());
  }

  /** There may be something to send. */
  kick(): void {
    if (this.#working) {
      this.#kickedMeanwhile = true;
      return;
    }
    if (this.#stopped || this.#paused || this.#inFlight !== undefined) return;
    const { linkUp, sessions, clock } = this.options;
    const waitMs = this.#notBeforeMs - clock.monotonicMs();
    if (waitMs > 0) {
      // New records do not shorten the back-off: a central that is in trouble is left alone for as long as it takes.
      this.#cancel();
      this.#cancel = clock.schedule(waitMs, () => this.kick());
      return;
    }
    if (this.#acknowledged === undefined || sessions.current === undefined || !linkUp()) return;
    this.#working = true;
    this.#sendNext(this.#acknowledged)
      .catch((thrown) => {
        this.options.log.debug('upload failed', { problem: codeOf(thrown) ?? messageOf(thrown) });
        this.#again();
      })
      .finally(() => {
        this.#working = false;
        if (!this.#kickedMeanwhile) return;
        this.#kickedMeanwhile = false;
        this.kick();
      });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#cancelOffer();
  }

  #offerNewest(): void {
    const newest = this.#acknowledged;
    // What is on its way is answered as well.
    if (newest === undefined || newest.seq === 0 || this.#inFlight !== undefined || this.#working) return;
    this.#acknowledged = { epoch: newest.epoch, seq: newest.seq - 1 };
    this.kick();
  }

  async #sendNext(from: TapId): Promise<void> {
    const { journal, sessions, device, randomBytes, publish, clock } = this.options;
    const outgoing = await journal.batchAfter(from, MAX_BATCH_BYTES, MAX_BATCH_RECORDS);
    const session = sessions.current;
    if (outgoing === undefined || session === undefined || this.#paused || this.#stopped) return;
    // A welcome may have moved the place while the disk was read.
    if (this.#acknowledged !== from) {
      this.#kickedMeanwhile = true;
      return;
    }
    this.#inFlight = outgoing;
    this.#cancel();
    this.#cancel = clock.schedule(ACK_TIMEOUT_MS, () => this.#unanswered());
    await publish(
      sealUp(
        { keys: session.keys.up, ticket: session.ticket },
        { direction: 'up', device, kind: 'events' },
        session.nextCounter(),
        randomBytes(12),
        encodeBatch(outgoing.batch),
      ),
    );
  }

  #unanswered(): void {
    this.#silences += 1;
    // A tap would find it out; at a gate that nobody passes, the journal has to.
    if (this.#silences >= SILENCES_TO_DOUBT) this.options.sessions.doubt();
    this.#again();
  }

  /** No answer came that takes us on: once more, from the earlier place if central asked for it. */
  #again(): void {
    this.#inFlight = undefined;
    this.#acknowledged = this.#rewindTo ?? this.#acknowledged;
    this.#rewindTo = undefined;
    this.#tries += 1;
    const { clock, random, log } = this.options;
    if (this.#tries === TRIES_TO_WARN) {
      const { epoch, seq } = this.#acknowledged ?? BEGINNING;
      log.error('central does not take the journal: its log says why', { after: `${epoch}/${seq}` });
    }
    const waitMs = backoffMs(this.#tries, random());
    this.#notBeforeMs = clock.monotonicMs() + waitMs;
    this.#cancel();
    this.#cancel = clock.schedule(waitMs, () => this.kick());
  }

  /** Takes a `down/ack`; one that is forged, or goes beyond what was sent, is counted and dropped. */
  async onMessage(payload: Buffer): Promise<void> {
    const { device, sessions, journal, onDropped } = this.options;
    const down = parseDown(payload);
    if (!down.ok) return onDropped(`ack-${down.reason}`);
    const session = sessions.find(down.value.session);
    if (session === undefined) return onDropped('ack-unknown-session');
    const opened = openSealed(
      session.keys.down,
      { direction: 'down', device, kind: 'ack' },
      down.value.sealed,
    );
    if (opened === undefined) return onDropped('ack-forged');
    const ack = parseAck(opened.plaintext);
    if (!ack.ok) return onDropped(`ack-${ack.reason}`);
    const { place } = ack.value;
    const inFlight = this.#inFlight;
    if (inFlight === undefined) return onDropped('ack-unasked');
    if (place !== null && isAfter(place, inFlight.last)) return onDropped('ack-beyond');
    if (place !== null && place.head !== inFlight.last.head && !(await journal.knows(place))) {
      return onDropped('ack-wrong-head');
    }
    if (this.#inFlight !== inFlight) return onDropped('ack-late');
    this.#silences = 0;
    if (place === null || !isAfter(place, this.#acknowledged ?? BEGINNING)) {
      this.#rewindTo = place ?? BEGINNING;
      this.#cancel();
      this.#cancel = this.options.clock.schedule(REWIND_AFTER_MS, () => this.#again());
      return;
    }
    this.#cancel();
    this.#acknowledged = place;
    this.#rewindTo = undefined;
    this.#inFlight = undefined;
    this.#tries = 0;
    this.#notBeforeMs = 0;
    this.kick();
    await journal.acknowledged(place);
  }
}

function isAfter(a: TapId, b: TapId): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.seq > b.seq);
}
