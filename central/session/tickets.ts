import { basename } from 'node:path';
import { BoundedMap } from '../../platform/boundedMap.js';
import type { Cancel, Clock } from '../../platform/clock.js';
import { withLock } from '../../platform/lock.js';
import type { Log } from '../../platform/log.js';
import { messageOf } from '../../protocol/errors.js';
import type { Parsed } from '../../protocol/wire/json.js';
import {
  openTicket,
  sealTicket,
  sessionId,
  type TicketContent,
  type TicketKey,
  ticketKeyId,
} from '../../protocol/wire/session.js';
import {
  keyPath,
  makeTicketKey,
  type RandomBytes,
  readTicketKeys,
  type TicketKeyFile,
  writeTicketKeys,
} from '../keys.js';
import { WatchedFile } from '../watchedFile.js';

const DAY_MS = 86_400_000;
const LOOK_EVERY_MS = 3_600_000;
/** By so much the clocks of workers on one folder may differ (RFC 4120 clause 8.2 takes the same for its tickets). */
const CLOCK_SKEW_MS = 300_000;
const LOOK_AT_CLOCK_MS = 5_000;
const OPENED_KEPT = 4_096;

/** A session as its ticket tells it. */
export interface OpenSession {
  /** What a message to the device names it by. */
  readonly id: string;
  readonly content: TicketContent;
}

export interface TicketOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly log: Log;
  /** How long the sessions are that these tickets hold, in milliseconds. */
  readonly lifetimeMs: number;
  /**
   * Tickets that were good a moment ago open no more: the clock was set, or the key file was replaced. Gates that are
   * told need not find out at a tap.
   */
  readonly onLost?: () => void;
}

/** Made in the future, a key or a ticket comes from a clock that was wrong: it would live until that future is over. */
const isFromTheFuture = (madeMs: number, nowMs: number): boolean => madeMs > nowMs + CLOCK_SKEW_MS;

/** Whether a living session may have been sealed with that key. */
const isNeeded = ({ createdMs }: TicketKeyFile[number], nowMs: number, lifetimeMs: number): boolean =>
  nowMs - createdMs <= DAY_MS + lifetimeMs && !isFromTheFuture(createdMs, nowMs);

/**
 * The keys after a look at the clock, or the same array where nothing is due: a new one a day in front, and none that
 * no living session can need. Destroying them is the horizon of forward secrecy; so a key that a wrong clock has dated
 * into the future goes at once.
 */
export function rotated(
  keys: TicketKeyFile,
  nowMs: number,
  lifetimeMs: number,
  make: () => TicketKeyFile[number],
): TicketKeyFile {
  const kept = keys.filter((key) => isNeeded(key, nowMs, lifetimeMs));
  const [newest] = kept;
  if (newest === undefined || nowMs - newest.createdMs >= DAY_MS) return [make(), ...kept];
  return kept.length === keys.length ? keys : kept;
}

function usable({ id, cipherKey, macKey }: TicketKeyFile[number]): TicketKey {
  return { id, keys: { cipherKey: Buffer.from(cipherKey, 'hex'), macKey: Buffer.from(macKey, 'hex') } };
}

/** Seals sessions into tickets and opens them again: all that a worker of central knows of a session. */
export class Tickets {
  readonly #opened = new BoundedMap<string, OpenSession>(OPENED_KEPT);
  #cancel: Cancel = () => {};
  #cancelClockLook: Cancel = () => {};
  #closed = false;
  #rotates = false;
  #rotating: Promise<void> = Promise.resolve();
  /** Wall clock minus monotonic clock: another one when somebody has set the clock. */
  #wallOffsetMs: number;

  private constructor(
    private readonly options: TicketOptions,
    private readonly file: WatchedFile<readonly TicketKey[]>,
  ) {
    this.#wallOffsetMs = this.#wallOffset();
    this.#lookAtClockLater();
  }

  /** @throws CardpadError `files.missing` | `files.exposed` | `keys.damaged` (fatal) */
  static async open(options: TicketOptions): Promise<Tickets> {
    const { folder, clock, log, lifetimeMs, onLost } = options;
    let known: TicketKeyFile = [];
    const load = async () => {
      const keys = await readTicketKeys(folder);
      const nowMs = clock.wallMs();
      const gone = known.filter(({ id }) => keys.every((key) => key.id !== id));
      known = keys;
      if (gone.some((key) => isNeeded(key, nowMs, lifetimeMs))) {
        log.warn('ticket keys replaced, the gates are asked to greet anew');
        onLost?.();
      }
      return keys.map(usable);
    };
    const path = keyPath(folder, 'tickets');
    const file = await WatchedFile.open(path, load, clock, {
      onTaken: () => log.info('file taken', { file: basename(path) }),
      onProblem: (thrown) => log.error('ticket keys unreadable', { problem: messageOf(thrown) }),
    });
    return new Tickets(options, file);
  }

  /** Rotates now and then every hour, in the role that issues tickets. */
  keepRotating(): Promise<void> {
    this.#rotates = true;
    this.#cancel();
    this.#rotating = this.#rotating
      .then(() => this.rotate())
      .catch((thrown: unknown) => {
        this.options.log.error('ticket keys not rotated', { problem: messageOf(thrown) });
      })
      .then(() => {
        if (this.#closed) return;
        this.#cancel();
        this.#cancel = this.options.clock.schedule(LOOK_EVERY_MS, () => void this.keepRotating());
      });
    return this.#rotating;
  }

  async rotate(): Promise<void> {
    this.#forgetExpired();
    // Two workers at once would each make a key, and the one written first would open nothing any more.
    await withLock(keyPath(this.options.folder, 'tickets'), () => this.#rotateAlone());
  }

  async #rotateAlone(): Promise<void> {
    const { folder, clock, random, lifetimeMs, log } = this.options;
    const nowMs = clock.wallMs();
    // From the file, not from memory: another worker may have rotated a moment ago.
    const keys = await readTicketKeys(folder);
    const next = rotated(keys, nowMs, lifetimeMs, () => makeTicketKey(random, nowMs));
    if (next === keys) return;
    await writeTicketKeys(folder, next);
    await this.file.refresh();
    log.info('ticket keys rotated', { keys: next.length });
  }

  /** @throws Error when there is no key, which the file's schema forbids */
  issue(content: TicketContent): Buffer {
    const [newest] = this.file.value;
    if (newest === undefined) throw new Error('no ticket key');
    return sealTicket(content, newest, this.options.random(12));
  }

  /** The session of a ticket that is ours and has not expired. */
  async open(ticket: Buffer): Promise<Parsed<OpenSession>> {
    const name = ticket.toString('latin1');
    const session = this.#opened.get(name) ?? (await this.#openNew(ticket));
    if (session === undefined) return { ok: false, reason: 'ticket-unknown' };
    if (this.#isExpired(session)) {
      this.#opened.delete(name);
      return { ok: false, reason: 'ticket-expired' };
    }
    this.#opened.set(name, session);
    return { ok: true, value: session };
  }

  /** Opened tickets held in memory. */
  get remembered(): number {
    return this.#opened.size;
  }

  /** Resolves when a rotation that is under way is done. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    this.#cancelClockLook();
    await this.#rotating;
    this.file.close();
  }

  #isExpired({ content }: OpenSession): boolean {
    const nowMs = this.options.clock.wallMs();
    return nowMs >= content.expiresMs || isFromTheFuture(content.issuedMs, nowMs);
  }

  #wallOffset(): number {
    const { clock } = this.options;
    return clock.wallMs() - clock.monotonicMs();
  }

  #lookAtClockLater(): void {
    this.#cancelClockLook = this.options.clock.schedule(LOOK_AT_CLOCK_MS, () => {
      this.#lookAtClock();
      this.#lookAtClockLater();
    });
  }

  /** Somebody has set the clock: keys and tickets of the other time are over, and nobody shall wait an hour for that. */
  #lookAtClock(): void {
    const offsetMs = this.#wallOffset();
    const stepMs = Math.round(offsetMs - this.#wallOffsetMs);
    if (Math.abs(stepMs) <= CLOCK_SKEW_MS) return;
    this.#wallOffsetMs = offsetMs;
    const { log, onLost } = this.options;
    log.warn('the clock was set, the gates are asked to greet anew', { stepMs });
    // New sessions are sealed with a key that lasts.
    const rotated = this.#rotates ? this.keepRotating() : Promise.resolve();
    void rotated.then(() => onLost?.());
  }

  /** The keys of a session that is over are not kept for want of a newcomer to push them out. */
  #forgetExpired(): void {
    for (const [name, session] of this.#opened.entries()) {
      if (this.#isExpired(session)) this.#opened.delete(name);
    }
  }

  async #openNew(ticket: Buffer): Promise<OpenSession | undefined> {
    const id = ticketKeyId(ticket);
    const find = () => this.file.value.find((key) => key.id === id);
    // A worker beside us may have made the key a moment ago; an invented id costs one look at the file.
    if (id !== undefined && find() === undefined) await this.file.refresh();
    const key = find();
    const content = key === undefined ? undefined : openTicket(ticket, key);
    if (content === undefined) return undefined;
    return { id: sessionId(ticket), content };
  }
}
