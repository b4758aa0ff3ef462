import { openSealed, parseDown } from '../../protocol/wire/envelope.js';
import type { Parsed } from '../../protocol/wire/json.js';
import { type Ack, parseAck } from '../../protocol/wire/messages.js';
import type { Session, SessionKeeper } from './session.js';

export interface OpenedAck {
  readonly session: Session;
  readonly ack: Ack;
}

/** Opens a `down/ack`: central's own word, in one of our sessions. */
export function openAck(
  device: string,
  sessions: Pick<SessionKeeper, 'find'>,
  payload: Buffer,
): Parsed<OpenedAck> {
  const down = parseDown(payload);
  if (!down.ok) return down;
  const session = sessions.find(down.value.session);
  if (session === undefined) return { ok: false, reason: 'unknown-session' };
  const address = { direction: 'down', device, kind: 'ack' } as const;
  const opened = openSealed(session.keys.down, address, down.value.sealed);
  if (opened === undefined) return { ok: false, reason: 'forged' };
  const ack = parseAck(opened.plaintext);
  return ack.ok ? { ok: true, value: { session, ack: ack.value } } : ack;
}
