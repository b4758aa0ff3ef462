import { BoundedMap } from '../../platform/boundedMap.js';
import type { Clock } from '../../platform/clock.js';
import type { Drops } from '../../platform/drops.js';
import { LineLimit } from '../../platform/lineLimit.js';
import type { Log } from '../../platform/log.js';
import { parseState, type State } from '../../protocol/wire/messages.js';
import { type Enrolments, enrolledKey } from '../enrolments.js';

export interface GatesOptions {
  readonly enrolments: () => Enrolments;
  readonly clock: Clock;
  readonly log: Log;
  readonly drops: Drops;
}

/** What a gate says of itself. A hint: nobody signs it. */
export interface GateState extends State {
  /** Since when it says so, on central's monotonic clock. */
  readonly sinceMs: number;
}

interface Watched {
  newest: GateState;
  /** Starts that a newer one has followed, oldest first. */
  superseded: string[];
  twinsSaidMs: number | undefined;
}

const DEVICES = 16_384;
const STARTS_REMEMBERED = 8;
const TWINS_EVERY_MS = 10 * 60_000;
const LINES_A_DEVICE = 6;
const LINES_A_MINUTE = 120;

const isUp = ({ state }: State) => state !== 'disconnected' && state !== 'lost';
const wordOf = (state: State) => {
  if (isUp(state)) return 'device up';
  return state.state === 'lost' ? 'device lost' : 'device stopped';
};

/** Who of the fleet is there. Remembers enrolled devices only, since anybody on the broker can invent topics. */
export class Gates {
  readonly #devices = new BoundedMap<string, Watched>(DEVICES);
  readonly #lines: LineLimit;
  #duplicates = 0;

  constructor(private readonly options: GatesOptions) {
    this.#lines = new LineLimit(options.clock, LINES_A_DEVICE, LINES_A_MINUTE);
  }

  /** How many say that they are up. */
  get up(): number {
    return [...this.#devices.entries()].filter(([, { newest }]) => isUp(newest)).length;
  }

  /** How often two devices with one identity were reported. */
  get duplicates(): number {
    return this.#duplicates;
  }

  /** The newest that is known of a device. */
  stateOf(device: string): GateState | undefined {
    return this.#devices.get(device)?.newest;
  }

  /**
   * Takes an `up/state`.
   * @param device from the topic
   * @param retained the broker kept it: it may have been said long ago
   */
  handle(device: string, payload: Buffer, retained: boolean): void {
    const { enrolments, drops } = this.options;
    if (enrolledKey(enrolments(), device) === undefined) return drops.count('state', device, 'not-enrolled');
    const state = parseState(payload);
    if (!state.ok) return drops.count('state', device, state.reason);
    const watched = this.#devices.get(device);
    if (watched === undefined) return this.#meet(device, state.value);
    if (isOld(watched, state.value, retained)) return drops.count('state', device, 'old');
    if (state.value.boot !== watched.newest.boot) this.#newStart(device, watched, state.value, retained);
    this.#learn(device, watched, state.value);
  }

  #meet(device: string, state: State): void {
    const newest = { ...state, sinceMs: this.options.clock.monotonicMs() };
    this.#devices.set(device, { newest, superseded: [], twinsSaidMs: undefined });
    this.#tell(device, state);
  }

  #newStart(device: string, watched: Watched, { boot }: State, retained: boolean): void {
    const { newest, superseded } = watched;
    // One start follows another. Where one comes back that was followed already, both are running.
    if (superseded.includes(boot) && !retained) this.#twins(device, watched, boot);
    const others = superseded.filter((known) => known !== boot && known !== newest.boot);
    watched.superseded = [...others, newest.boot].slice(-STARTS_REMEMBERED);
  }

  #learn(device: string, watched: Watched, state: State): void {
    const before = watched.newest;
    const isNews = before.state !== state.state;
    watched.newest = { ...state, sinceMs: isNews ? this.options.clock.monotonicMs() : before.sinceMs };
    if (isNews) this.#tell(device, state);
  }

  #twins(device: string, watched: Watched, boot: string): void {
    const { clock, log } = this.options;
    const nowMs = clock.monotonicMs();
    if (watched.twinsSaidMs !== undefined && nowMs - watched.twinsSaidMs < TWINS_EVERY_MS) return;
    watched.twinsSaidMs = nowMs;
    this.#duplicates += 1;
    log.error(
      `two gates run with the keys of ${device}, or somebody publishes in its name: give each gate its own keys (cardpad provision)`,
      { device, boot, otherBoot: watched.newest.boot },
    );
  }

  #tell(device: string, state: State): void {
    if (!this.#lines.take(device)) return;
    const { connection, boot } = state;
    this.options.log.info(wordOf(state), { device, state: state.state, connection, boot });
  }
}

/** Whether a message is of a time before what is known: an old will must not kill a new connection. */
function isOld({ newest, superseded }: Watched, state: State, retained: boolean): boolean {
  // What is up is no will: with it a gate corrects also a number that somebody has made up.
  if (isUp(state)) return false;
  if (state.boot === newest.boot) return state.connection < newest.connection;
  // A start that is over, and one never heard of while another is up: its end is no news. What the broker has kept
  // is all that there is to know after a time in which nobody listened.
  return superseded.includes(state.boot) || (isUp(newest) && !retained);
}
