import { BoundedMap } from './boundedMap.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';

const SAY_AGAIN_MS = 60_000;
const PLACES_REMEMBERED = 4_096;
/** Anybody on the broker can invent devices; the log is not theirs to fill. */
const MOST_LINES_A_MINUTE = 120;
/** A line stays a line. */
const MOST_IN_A_SUM = 40;

/** Counts what was not answered, by reason, and says each (kind, who, reason) at most once a minute. */
export class Drops {
  readonly #counts = new Map<string, number>();
  readonly #said = new BoundedMap<string, { atMs: number; since: number }>(PLACES_REMEMBERED);
  #minuteFromMs = 0;
  #lines = 0;

  constructor(
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /**
   * @param kind of message, such as `verify`; one of our own words, since counts are kept for ever
   * @param who sent it, such as the device of its topic, its form checked
   * @param reason a stable word of ours, never a part of the message
   * @param level `error` where somebody must act on it. Only for senders that have proved who they are: such a line
   *   is written also when a flood has used up the lines of the minute
   */
  count(kind: string, who: string, reason: string, level: 'warn' | 'error' = 'warn'): void {
    const name = `${kind}.${reason}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    const nowMs = this.clock.monotonicMs();
    const said = this.#said.get(`${who}/${name}`);
    if (said !== undefined && nowMs - said.atMs < SAY_AGAIN_MS) {
      said.since += 1;
      return;
    }
    this.#said.set(`${who}/${name}`, { atMs: nowMs, since: 0 });
    const unsaid = said === undefined || said.since === 0 ? undefined : said.since;
    if (level === 'error' || this.#mayWrite(nowMs)) this.log[level]('dropped', { kind, who, reason, unsaid });
  }

  /** `verify.replayed` and its like, each with its number. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** Says at a stop how many of each there were, the most frequent first; nothing where nothing was dropped. */
  saySum(): void {
    const counts = [...this.#counts].sort(([, a], [, b]) => b - a);
    if (counts.length === 0) return;
    const rest = counts.slice(MOST_IN_A_SUM).reduce((sum, [, count]) => sum + count, 0);
    const said = Object.fromEntries(counts.slice(0, MOST_IN_A_SUM));
    this.log.info('dropped in all', { ...said, ...(rest === 0 ? {} : { rest }) });
  }

  #mayWrite(nowMs: number): boolean {
    if (nowMs - this.#minuteFromMs >= SAY_AGAIN_MS) {
      this.#minuteFromMs = nowMs;
      this.#lines = 0;
    }
    this.#lines += 1;
    return this.#lines <= MOST_LINES_A_MINUTE;
  }
}
