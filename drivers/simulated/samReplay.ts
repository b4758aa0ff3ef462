import type { Clock } from '../../platform/clock.js';
import { SAM_COMMANDS, type SamCommand } from '../../protocol/reader/samCommands.js';
import { SamParser } from '../../protocol/reader/samFrame.js';
import type { Exchange } from './samSession.js';

export interface SamReplayOptions {
  readonly exchanges: readonly Exchange[];
  readonly send: (bytes: Uint8Array) => void;
  readonly clock: Clock;
  /** How many times as fast as it was recorded; above 0. */
  readonly speed: number;
  /** Called once, when the last recorded exchange has been played. */
  readonly onEnd?: () => void;
}

type CommandBytes = Pick<SamCommand, 'cmd' | 'para'>;

const is = (command: Uint8Array, { cmd, para }: CommandBytes) => command[0] === cmd && command[1] === para;
const isFind = (command: Uint8Array) => is(command, SAM_COMMANDS.find);
const isRead = (command: Uint8Array) =>
  is(command, SAM_COMMANDS.read) || is(command, SAM_COMMANDS['read-with-fingerprint']);

/**
 * A module that says what a recorded one said: the answers belong to the host's commands, not to the clock, so that a
 * host which asks a little earlier, or once more, hears the same session.
 *
 * A command is answered with the next exchange for it. No card is passed over, and none is read before it was found:
 * until then, and when the recording is at its end, a command hears again what it heard last.
 */
export class SamReplay {
  readonly #parser = new SamParser();
  #next = 0;
  #ended = false;

  constructor(private readonly options: SamReplayOptions) {}

  receive(bytes: Uint8Array): void {
    for (const item of this.#parser.push(bytes)) {
      if (item.type === 'frame') this.#answer(item.payload);
    }
  }

  #answer(command: Buffer): void {
    const { exchanges, send, clock, speed } = this.options;
    const ahead = this.#ahead(command);
    const index =
      ahead ?? exchanges.findLastIndex((exchange, at) => at < this.#next && exchange.command.equals(command));
    if (ahead !== undefined) this.#next = ahead + 1;
    for (const { afterMs, bytes } of exchanges[index]?.replies ?? []) {
      clock.schedule(afterMs / speed, () => send(bytes));
    }
    if (this.#next < exchanges.length || this.#ended) return;
    this.#ended = true;
    this.options.onEnd?.();
  }

  #ahead(wanted: Buffer): number | undefined {
    for (const [offset, { command }] of this.options.exchanges.slice(this.#next).entries()) {
      if (command.equals(wanted)) return this.#next + offset;
      if (isRead(command) || (isRead(wanted) && isFind(command))) return undefined;
    }
    return undefined;
  }
}
