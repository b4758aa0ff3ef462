import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock } from '../../platform/clock.js';
import type { Drops } from '../../platform/drops.js';
import { LineLimit } from '../../platform/lineLimit.js';
import type { Log } from '../../platform/log.js';
import { codeOf, messageOf } from '../../protocol/errors.js';
import { type Batch, encodeAck, parseBatch } from '../../protocol/wire/messages.js';
import type { Place } from '../../protocol/wire/session.js';
import { type Enrolments, enrolledKey } from '../enrolments.js';
import type { Envelopes, OpenedUp } from '../session/envelopes.js';
import type { Chained } from './batch.js';
import type { Ledger, Stored } from './ledger.js';

/** A gate has two batches out at most, so more than a few are resends of one another. */
const WAITING_A_DEVICE = 8;
/** A disk that is full fails each batch of each gate, and its log may lie on it. */
const SAY_AGAIN_MS = 10_000;

/** A device that was taken over could leave one hole behind another. */
const HOLE_LINES_A_DEVICE = 6;
const HOLE_LINES_A_MINUTE = 120;

export interface IntakeOptions {
  readonly envelopes: Envelopes;
  readonly enrolments: () => Enrolments;
  readonly ledger: Pick<Ledger, 'store'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly drops: Drops;
  /** Sends an ack; one that is lost is asked for again. False when it cannot. @param batch the payload answered */
  readonly sendAck: (device: string, payload: Buffer, batch: Uint8Array) => boolean;
  /** Told how far the main line is on disk, after that was said in an ack. Must not throw. */
  readonly onAcknowledged: (device: string, place: Place) => void;
  /** Told of the same before the ack is sent: after it the gate itself keeps no alarm of these for us. Must not throw. */
  readonly onStoring: (device: string, records: readonly Chained[]) => Promise<void>;
  /** Told of what is newly on disk in a line of the ledger, after its ack was sent. Must not throw. */
  readonly onStored: (device: string, records: readonly Chained[], fork: number) => Promise<void>;
}

/** A batch that can be opened and read. */
interface OpenedBatch {
  readonly asked: OpenedUp;
  readonly batch: Batch;
}

type NewlyStored = Extract<Stored, { readonly kind: 'stored' }>;

/** What waits of one device: its batches are stored in the order in which they came, and so is what is told of them. */
interface Queue {
  waiting: number;
  /** When the newest one is stored, when it is told of, and when the one before it was. */
  stored: Promise<unknown>;
  told: Promise<void>;
  toldBefore: Promise<void>;
}

const newQueue = (): Queue => {
  const done = Promise.resolve();
  return { waiting: 0, stored: done, told: done, toldBefore: done };
};

/**
 * Takes batches of journal records: stores them, then acknowledges. While the disk has one batch of a device, the next
 * one is opened and the last one told of.
 */
export class Intake {
  readonly #queues = new Map<string, Queue>();
  #stored = 0;
  #said: { readonly code: string | undefined; readonly atMs: number } | undefined;

  readonly #holes: LineLimit;

  constructor(private readonly options: IntakeOptions) {
    this.#holes = new LineLimit(options.clock, HOLE_LINES_A_DEVICE, HOLE_LINES_A_MINUTE);
  }

  /** Records stored since the start. */
  get stored(): number {
    return this.#stored;
  }

  /**
   * Batches of one device are stored strictly one after the other.
   * @param device from the topic
   * @returns when this batch is done with
   */
  handle(device: string, payload: Buffer): Promise<void> {
    const { drops, enrolments, onStored } = this.options;
    // A queue only for devices that exist: anybody on the broker can invent a topic.
    if (enrolledKey(enrolments(), device) === undefined) {
      drops.count('events', device, 'not-enrolled');
      return Promise.resolve();
    }
    const queue = this.#queues.get(device) ?? newQueue();
    if (queue.waiting >= WAITING_A_DEVICE) {
      drops.count('events', device, 'busy');
      return Promise.resolve();
    }
    this.#queues.set(device, queue);
    queue.waiting += 1;
    const opening = this.#open(device, payload);
    // No more than one batch ahead of what is told of: unwrapping a record key may take longer than storing, and a gate
    // must hear of that by its acks.
    const storing = Promise.all([queue.stored, queue.toldBefore]).then(async () =>
      this.#store(device, await opening, payload),
    );
    queue.stored = storing;
    queue.toldBefore = queue.told;
    // The socket has the ack only when this turn of the loop is over: what is told of comes behind it.
    queue.told = Promise.all([storing.then(nextTurn), queue.told])
      .then(([stored]) => stored && onStored(device, stored.records, stored.fork))
      .catch((thrown) => this.#notStored(device, thrown))
      .finally(() => {
        queue.waiting -= 1;
        if (queue.waiting === 0) this.#queues.delete(device);
      });
    return queue.told;
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    await Promise.all([...this.#queues.values()].map(({ told }) => told));
  }

  /** Never throws; undefined for what was dropped. */
  async #open(device: string, payload: Buffer): Promise<OpenedBatch | undefined> {
    const { envelopes, drops } = this.options;
    try {
      const opened = await envelopes.open(device, 'events', payload);
      if (!opened.ok) return void drops.count('events', device, opened.reason);
      const batch = parseBatch(opened.value.plaintext);
      if (!batch.ok) return void this.#reject(device, batch.reason);
      return { asked: opened.value, batch: batch.value };
    } catch (thrown) {
      return void this.#notStored(device, thrown);
    }
  }

  /** Stores and acknowledges. Never throws. @returns what is newly on disk */
  async #store(
    device: string,
    opened: OpenedBatch | undefined,
    payload: Buffer,
  ): Promise<NewlyStored | undefined> {
    if (opened === undefined) return undefined;
    try {
      const stored = await this.options.ledger.store(device, opened.batch);
      if (stored.kind === 'stored') await this.options.onStoring(device, stored.records);
      this.#answer(device, opened.asked, stored, payload);
      return stored.kind === 'stored' ? stored : undefined;
    } catch (thrown) {
      return void this.#notStored(device, thrown);
    }
  }

  /** No ack: the gate keeps what it has and sends it again. */
  #notStored(device: string, thrown: unknown): void {
    this.#sayNotStored(device, thrown);
    this.options.drops.count('events', device, 'not-stored');
  }

  #sayNotStored(device: string, thrown: unknown): void {
    const { clock, log } = this.options;
    const code = codeOf(thrown);
    const atMs = clock.monotonicMs();
    if (this.#said !== undefined && this.#said.code === code && atMs - this.#said.atMs < SAY_AGAIN_MS) return;
    this.#said = { code, atMs };
    log.error('batch not stored', { device, code, problem: messageOf(thrown) });
  }

  #answer(device: string, asked: OpenedUp, stored: Stored, batch: Buffer): void {
    const { log, onAcknowledged } = this.options;
    if (stored.kind === 'rejected') return this.#reject(device, stored.reason);
    if (stored.kind === 'stored') this.#stored += stored.records.length;
    if (stored.kind === 'hole' && this.#holes.take(device))
      log.warn('records missing, the gate is asked to go back', { device });
    this.#ack(device, asked, stored.place, batch);
    if (stored.kind !== 'hole' && stored.fork === 0) onAcknowledged(device, stored.place);
  }

  /** No ack, so the gate sends it for ever and nothing after it comes: somebody must look. */
  #reject(device: string, reason: string): void {
    this.options.drops.count('events', device, reason, 'error');
  }

  #ack(device: string, { session, counter }: OpenedUp, place: Place | null, batch: Buffer): void {
    const { envelopes, sendAck, log } = this.options;
    const ack = envelopes.seal(session, 'ack', encodeAck({ re: counter, place }));
    // It is on disk; the gate sends it again and is told so then.
    if (!sendAck(device, ack, batch)) log.warn('ack not sent', { device });
  }
}
