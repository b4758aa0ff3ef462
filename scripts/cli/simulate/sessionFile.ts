import { closeSync, openSync, writeSync } from 'node:fs';
import {
  type Piece,
  parseSession,
  pieceLine,
  SESSION_HEADER,
} from '../../../drivers/simulated/samSession.js';
import type { Clock } from '../../../platform/clock.js';
import { readNeededFile } from '../../../platform/files.js';
import { CardpadError, codeOf } from '../../../protocol/errors.js';

/** Writes what passes over a reader's line to a new file that its owner alone can read. */
export class SessionRecorder {
  readonly #file: number;
  readonly #startMs: number;

  /** @throws CardpadError `session.write` (fatal) when the file is there already, or cannot be made */
  constructor(
    path: string,
    private readonly clock: Clock,
  ) {
    try {
      this.#file = openSync(path, 'wx', 0o600);
    } catch (cause) {
      throw new CardpadError('session.write', 'fatal', `cannot make ${path} (${codeOf(cause) ?? 'error'})`, {
        help: 'Name a file that is not there yet, in a folder that you may write to.',
        cause,
      });
    }
    this.#startMs = clock.monotonicMs();
    writeSync(this.#file, `${SESSION_HEADER}\n`);
  }

  /** For the server of the module. */
  readonly watchers = {
    onSend: (bytes: Uint8Array): void => this.#write('module', bytes),
    onReceive: (bytes: Uint8Array): void => this.#write('host', bytes),
  };

  close(): void {
    closeSync(this.#file);
  }

  #write(from: Piece['from'], bytes: Uint8Array): void {
    const ms = this.clock.monotonicMs() - this.#startMs;
    writeSync(this.#file, `${pieceLine({ ms, from, bytes: Buffer.from(bytes) })}\n`);
  }
}

/** @throws CardpadError `session.shape` (fatal), naming the line */
export async function readSession(path: string): Promise<readonly Piece[]> {
  const text = (await readNeededFile(path, '--replay names it.')).toString('utf8');
  const parsed = parseSession(text);
  if (parsed.ok) return parsed.pieces;
  throw new CardpadError('session.shape', 'fatal', `${path}, line ${parsed.line}: ${parsed.problem}`, {
    help: 'Give a file that "cardpad simulate reader --record" wrote.',
  });
}
