import type { Cancel, Clock } from '../../platform/clock.js';
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
import { BoundedMap } from '../boundedMap.js';
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

  private constructor(
    private readonly options: TicketOptions,
    private readonly file: WatchedFile<readonly TicketKey[]>,
  ) {}

  /** @throws CardpadError `files.missing` | `files.exposed` | `keys.damaged` (fatal) */
  static async open(options: TicketOptions): Promise<Tickets> {
    const { folder, clock, log } = options;
    const load = async () => (await readTicketKeys(folder)).map(usable);
    const onProblem = (thrown: unknown) =>
      log.error('ticket keys unreadable', { problem: messageOf(thrown) });
    return new Tickets(options, await WatchedFile.open(keyPath(folder, 'tickets'), load, clock, onProblem));
  }

  /** Rotates now and then every hour, in the role that issues tickets. */
  async keepRotating(): Promise<void> {
    await this.rotate().catch((thrown: unknown) => {
      this.options.log.error('ticket keys not rotated', { problem: messageOf(thrown) });
    });
    this.#cancel = this.options.clock.schedule(LOOK_EVERY_MS, () => void this.keepRotating());
  }

  async rotate(): Promise<void> {
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
    const session = this.#opened.get(ticket.toString('latin1')) ?? (await this.#openNew(ticket));
    if (session === undefined) return { ok: false, reason: 'ticket-unknown' };
    if (this.options.clock.wallMs() >= session.content.expiresMs)
      return { ok: false, reason: 'ticket-expired' };
    return { ok: true, value: session };
  }

  close(): void {
    this.#cancel();
    this.file.close();
  }

  async #openNew(ticket: Buffer): Promise<OpenSession | undefined> {
    const id = ticketKeyId(ticket);
    const find = () => this.file.value.find((key) => key.id === id);
    // A worker beside us may have made the key a moment ago; an invented id costs one look at the file.
    if (id !== undefined && find() === undefined) await this.file.refresh();
    const key = find();
    const content = key === undefined ? undefined : openTicket(ticket, key);
    if (content === undefined) return undefined;
    const session = { id: sessionId(ticket), content };
    this.#opened.set(ticket.toString('latin1'), session);
    return session;
  }
}
