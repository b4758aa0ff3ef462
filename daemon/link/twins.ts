import type { Cancel, Clock } from '../../platform/clock.js';
import type { State } from '../../protocol/wire/messages.js';

export interface TwinsOptions {
  readonly clock: Clock;
  /**
   * There are two of us, or somebody says so; at most once in 10 minutes.
   * @param boot of the other; undefined where only the broker has told
   */
  readonly onTwin: (boot: string | undefined) => void;
  /** Whether there was a sign of another in the last 10 minutes. */
  readonly onChange: (holds: boolean) => void;
}

/** Once may be an old message that a broker kept, or a connection of our own that it had not missed yet. */
const SIGNS_TO_BELIEVE = 2;
const MEMORY_MS = 10 * 60_000;
const STATEMENTS_REMEMBERED = 16;

/**
 * Looks for another process with this gate's identity, such as a copied card in a second board. Two of them have one
 * client id, so they throw each other off the broker in turns and never meet: each finds what the other has left.
 */
export class Twins {
  #signsMs: number[] = [];
  #takenOverMs: number[] = [];
  /** What was found before: the same statement again is a broker's memory and nobody new. */
  readonly #found = new Set<string>();
  #lastBoot: string | undefined;
  #saidMs: number | undefined;
  #lastSignMs = 0;
  #cancelEnd: Cancel | undefined;

  constructor(private readonly options: TwinsOptions) {}

  /** Another start says that it is up, while we are. */
  alive(boot: string): void {
    this.#lastBoot = boot;
    this.#sign();
  }

  /**
   * The broker kept the words of another start.
   * @param sinceOurs they came after words of ours; older ones are of the process before this one
   */
  found({ boot, connection }: State, sinceOurs: boolean): void {
    const statement = `${boot}/${connection}`;
    if (this.#found.has(statement)) return;
    this.#found.add(statement);
    for (const oldest of this.#found) {
      if (this.#found.size <= STATEMENTS_REMEMBERED) break;
      this.#found.delete(oldest);
    }
    if (!sinceOurs) return;
    this.#lastBoot = boot;
    this.#signsMs = this.#recent(this.#signsMs);
    if (this.#signsMs.length >= SIGNS_TO_BELIEVE) this.#sign();
  }

  /** Another client came under our name and took the connection. */
  takenOver(): void {
    this.#takenOverMs = this.#recent(this.#takenOverMs);
    if (this.#takenOverMs.length >= SIGNS_TO_BELIEVE) this.#sign();
  }

  stop(): void {
    this.#cancelEnd?.();
  }

  /** With now; the last few suffice. */
  #recent(timesMs: readonly number[]): number[] {
    const nowMs = this.options.clock.monotonicMs();
    return [...timesMs.filter((atMs) => nowMs - atMs < MEMORY_MS), nowMs].slice(-SIGNS_TO_BELIEVE);
  }

  #sign(): void {
    const { clock, onTwin, onChange } = this.options;
    const nowMs = clock.monotonicMs();
    this.#lastSignMs = nowMs;
    if (this.#cancelEnd === undefined) this.#endIn(MEMORY_MS);
    onChange(true);
    if (this.#saidMs !== undefined && nowMs - this.#saidMs < MEMORY_MS) return;
    this.#saidMs = nowMs;
    onTwin(this.#lastBoot);
  }

  #endIn(delayMs: number): void {
    const { clock, onChange } = this.options;
    this.#cancelEnd = clock.schedule(delayMs, () => {
      const leftMs = this.#lastSignMs + MEMORY_MS - clock.monotonicMs();
      if (leftMs > 0) return this.#endIn(leftMs);
      this.#cancelEnd = undefined;
      onChange(false);
    });
  }
}
