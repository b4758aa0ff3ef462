import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { BoundedMap } from './boundedMap.js';

const SAY_AGAIN_MS = 60_000;
const PLACES_REMEMBERED = 4_096;
/** Anybody on the broker can invent devices; the log is not theirs to fill. */
const MOST_LINES_A_MINUTE = 120;

/** Counts what was not answered, by reason, and says each (device, reason) at most once a minute. */
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
   * @param what the kind of message, such as `verify`
   * @param device from the topic; its form has been checked
   * @param reason a stable word of ours, never a part of the message
   */
  count(what: string, device: string, reason: string): void {
    const name = `${what}.${reason}`;
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
    const nowMs = this.clock.monotonicMs();
    const said = this.#said.get(`${device}/${name}`);
    if (said !== undefined && nowMs - said.atMs < SAY_AGAIN_MS) {
      said.since += 1;
      return;
    }
    this.#said.set(`${device}/${name}`, { atMs: nowMs, since: 0 });
    const unsaid = said === undefined || said.since === 0 ? undefined : said.since;
    if (this.#mayWrite(nowMs)) this.log.warn('dropped', { what, device, reason, unsaid });
  }

  #mayWrite(nowMs: number): boolean {
    if (nowMs - this.#minuteFromMs >= SAY_AGAIN_MS) {
      this.#minuteFromMs = nowMs;
      this.#lines = 0;
    }
    this.#lines += 1;
    return this.#lines <= MOST_LINES_A_MINUTE;
  }

  /** `verify.replayed` and its like, each with its number. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
