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
}

/**
 * The keys after a look at the clock, or the same array where nothing is due: a new one a day in front, and none that
 * no living session can need. Destroying them is the horizon of forward secrecy.
 */
export function rotated(
  keys: TicketKeyFile,
  nowMs: number,
  lifetimeMs: number,
  make: () => TicketKeyFile[number],
): TicketKeyFile {
  const [newest] = keys;
  const kept = keys.filter(({ createdMs }, at) => at === 0 || nowMs - createdMs <= DAY_MS + lifetimeMs);
  const due = newest === undefined || nowMs - newest.createdMs >= DAY_MS;
  if (!due) return kept.length === keys.length ? keys : kept;
  return [make(), ...kept.filter(({ createdMs }) => nowMs - createdMs <= DAY_MS + lifetimeMs)];
}

function usable({ id, cipherKey, macKey }: TicketKeyFile[number]): TicketKey {
  return { id, keys: { cipherKey: Buffer.from(cipherKey, 'hex'), macKey: Buffer.from(macKey, 'hex') } };
}

/** Seals sessions into tickets and opens them again: all that a worker of central knows of a session. */
export class Tickets {
  readonly #opened = new BoundedMap<string, OpenSession>(OPENED_KEPT);
  #cancel: Cancel = () => {};
  #closed = false;
  #rotating: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: TicketOptions,
    private readonly file: WatchedFile<readonly TicketKey[]>,
  ) {}

  /** @throws CardpadError `files.missing` | `files.exposed` | `keys.damaged` (fatal) */
  static async open(options: TicketOptions): Promise<Tickets> {
    const { folder, clock, log } = options;
    const load = async () => (await readTicketKeys(folder)).map(usable);
    const path = keyPath(folder, 'tickets');
    const file = await WatchedFile.open(path, load, clock, {
      onTaken: () => log.info('file taken', { file: basename(path) }),
      onProblem: (thrown) => log.error('ticket keys unreadable', { problem: messageOf(thrown) }),
    });
    return new Tickets(options, file);
  }

  /** Rotates now and then every hour, in the role that issues tickets. */
  keepRotating(): Promise<void> {
    this.#rotating = this.rotate()
      .catch((thrown: unknown) => {
        this.options.log.error('ticket keys not rotated', { problem: messageOf(thrown) });
      })
      .then(() => {
        if (this.#closed) return;
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
    await this.#rotating;
    this.file.close();
  }

  #isExpired({ content }: OpenSession): boolean {
    return this.options.clock.wallMs() >= content.expiresMs;
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
