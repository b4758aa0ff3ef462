import { BoundedMap } from './boundedMap.js';
import type { Clock } from './clock.js';

const MINUTE_MS = 60_000;
const KEYS_REMEMBERED = 4_096;

/** Bounds how many lines others can make us write, for each of them and in all. */
export class LineLimit {
  readonly #written = new BoundedMap<string, number>(KEYS_REMEMBERED);
  #fromMs = Number.NEGATIVE_INFINITY;
  #lines = 0;

  /**
   * @param eachAMinute lines for one key
   * @param allAMinute lines for all keys together
   */
  constructor(
    private readonly clock: Clock,
    private readonly eachAMinute: number,
    private readonly allAMinute: number,
  ) {}

  /** Whether a line may be written about that key; counted as written then. */
  take(key: string): boolean {
    const nowMs = this.clock.monotonicMs();
    if (nowMs - this.#fromMs >= MINUTE_MS) {
      this.#fromMs = nowMs;
      this.#lines = 0;
      this.#written.clear();
    }
    const written = this.#written.get(key) ?? 0;
    if (written >= this.eachAMinute || this.#lines >= this.allAMinute) return false;
    this.#written.set(key, written + 1);
    this.#lines += 1;
    return true;
  }
}
