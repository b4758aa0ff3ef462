import type { Clock } from '../../platform/clock.js';
import { SAM_COMMANDS } from '../../protocol/reader/samCommands.js';
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

const READS: readonly { readonly cmd: number; readonly para: number }[] = [
  SAM_COMMANDS.read,
  SAM_COMMANDS['read-with-fingerprint'],
];

const isRead = ({ command }: Exchange) =>
  READS.some(({ cmd, para }) => command[0] === cmd && command[1] === para);

/**
 * A module that says what a recorded one said: the answers belong to the host's commands, not to the clock, so that a
 * host which asks a little earlier, or once more, hears the same session.
 *
 * A command is answered with the next exchange for it. None with a card in it is passed over: before the host has
 * taken that card, and when the recording is at its end, a command hears again what it heard last.
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
    const isSame = (exchange: Exchange | undefined) => exchange?.command.equals(command) ?? false;
    const ahead = this.#ahead(isSame);
    const index = ahead ?? exchanges.findLastIndex((exchange, at) => at < this.#next && isSame(exchange));
    if (ahead !== undefined) this.#next = ahead + 1;
    for (const { afterMs, bytes } of exchanges[index]?.replies ?? []) {
      clock.schedule(afterMs / speed, () => send(bytes));
    }
    if (this.#next < exchanges.length || this.#ended) return;
    this.#ended = true;
    this.options.onEnd?.();
  }

  #ahead(isSame: (exchange: Exchange | undefined) => boolean): number | undefined {
    const { exchanges } = this.options;
    for (let at = this.#next; at < exchanges.length; at++) {
      const exchange = exchanges[at];
      if (isSame(exchange)) return at;
      if (exchange !== undefined && isRead(exchange)) return undefined;
    }
    return undefined;
  }
}
