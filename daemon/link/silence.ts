import type { Cancel, Clock } from '../../platform/clock.js';
import { codeOf } from '../../protocol/errors.js';

export interface SilenceOptions {
  readonly clock: Clock;
  /** Sends the broker something that it must acknowledge; resolves when it has, rejects as `MqttLink.publish` does. */
  readonly askBroker: () => Promise<void>;
  /** Whether central is silent although the broker is not. */
  readonly onChange: (silent: boolean) => void;
  /** The broker is silent as well, on a connection that stands: it is the network. */
  readonly onNoBroker: () => void;
}

/** What came of asking the broker so far. */
type Heard = 'nothing' | 'an answer' | 'the end of the connection';

const TIMEOUTS_TO_ALARM = 3;
const BROKER_WITHIN_MS = 3_000;

/**
 * Tells a central that is silent from a network that is: who can drop messages can turn a refusal into an offline
 * admission, and would take care that all else looks well.
 */
export class Silence {
  #timeouts = 0;
  #silent = false;
  #wanted = false;
  #asking = false;
  /** A question may be out: an acknowledgement on the way would hold its verdict back. */
  #busy = false;
  #stopped = false;
  #cancel: Cancel = () => {};

  constructor(private readonly options: SilenceOptions) {}

  /** Nobody has answered a question in its time. */
  timedOut(): void {
    this.#timeouts += 1;
    this.#wanted = this.#timeouts >= TIMEOUTS_TO_ALARM && !this.#silent;
    this.#ask();
  }

  /** An authenticated verdict came, in time or late. */
  answered(): void {
    this.#timeouts = 0;
    this.#wanted = false;
    if (!this.#silent) return;
    this.#silent = false;
    this.options.onChange(false);
  }

  pause(busy: boolean): void {
    this.#busy = busy;
    this.#ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #ask(): void {
    if (!this.#wanted || this.#asking || this.#busy || this.#stopped) return;
    this.#wanted = false;
    this.#asking = true;
    let heard: Heard = 'nothing';
    this.options.askBroker().then(
      () => {
        heard = 'an answer';
      },
      (thrown) => {
        heard = heardIn(codeOf(thrown));
      },
    );
    // To the end of the time, also when the broker has answered: one that was stuck for a moment brings the verdicts
    // that it held back a little later.
    this.#cancel = this.options.clock.schedule(BROKER_WITHIN_MS, () => {
      this.#asking = false;
      this.#decide(heard);
    });
  }

  #decide(heard: Heard): void {
    // What has ended needs no giving up, and the connection of now may be a good one.
    if (this.#timeouts < TIMEOUTS_TO_ALARM || heard === 'the end of the connection') return;
    if (heard === 'nothing') return this.options.onNoBroker();
    this.#silent = true;
    this.options.onChange(true);
  }
}

function heardIn(code: string | undefined): Heard {
  if (code === 'mqtt.down') return 'the end of the connection';
  // A refusal is an answer; so is what it said of its longest packet.
  return code === 'mqtt.refused' || code === 'mqtt.too-long' ? 'an answer' : 'nothing';
}
