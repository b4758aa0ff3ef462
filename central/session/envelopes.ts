import type { Clock } from '../../platform/clock.js';
import { openSealed, parseUp, sealDown } from '../../protocol/wire/envelope.js';
import type { Parsed } from '../../protocol/wire/json.js';
import type { DownKind, UpKind } from '../../protocol/wire/topics.js';
import { type Enrolments, enrolledKey } from '../enrolments.js';
import type { RandomBytes } from '../keys.js';
import type { OpenSession, Tickets } from './tickets.js';

export interface OpenedUp {
  readonly session: OpenSession;
  /** The counter of the device's envelope. */
  readonly counter: number;
  readonly plaintext: Buffer;
}

/** Counters end at 2^53 - 1 and microseconds reach that in 2255: a clock that is wrong by more must not end answers. */
const LATEST_MS = Date.UTC(2200, 0, 1);

/** Opens what devices send in a session and seals what they are sent. */
export class Envelopes {
  #counter = 0;

  constructor(
    private readonly tickets: Tickets,
    private readonly enrolments: () => Enrolments,
    private readonly clock: Clock,
    private readonly random: RandomBytes,
  ) {}

  /** @param device from the topic; the ticket must be its own */
  async open(device: string, kind: UpKind, payload: Uint8Array): Promise<Parsed<OpenedUp>> {
    const up = parseUp(payload);
    if (!up.ok) return up;
    const ticket = await this.tickets.open(up.value.ticket);
    if (!ticket.ok) return ticket;
    const { content } = ticket.value;
    if (content.device !== device) return { ok: false, reason: 'ticket-foreign' };
    if (enrolledKey(this.enrolments(), device)?.id !== content.deviceKey)
      return { ok: false, reason: 'revoked' };
    const opened = openSealed(content.keys.up, { direction: 'up', device, kind }, up.value.sealed);
    if (opened === undefined) return { ok: false, reason: 'forged' };
    return { ok: true, value: { session: ticket.value, ...opened } };
  }

  seal({ id, content }: OpenSession, kind: DownKind, plaintext: Uint8Array): Buffer {
    const { device, keys } = content;
    const address = { direction: 'down', device, kind } as const;
    return sealDown({ keys: keys.down, id }, address, this.#nextCounter(), this.random(12), plaintext);
  }

  /** Sessions outlive this process and are shared with other workers: counting by time still grows. */
  #nextCounter(): number {
    this.#counter = Math.max(this.#counter + 1, Math.floor(Math.min(this.clock.wallMs(), LATEST_MS)) * 1000);
    return this.#counter;
  }
}
