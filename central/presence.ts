import type { MqttLink } from '../platform/mqtt.js';
import { encodeState, type State } from '../protocol/wire/messages.js';
import { centralStateTopic } from '../protocol/wire/topics.js';

/** What this worker says of itself on the broker: a hint for gates, retained. */
export class Presence {
  readonly topic: string;
  #connection = 0;
  #said: State['state'] | undefined;

  #boot: string;

  /** @param newBoot draws 16 hex characters: another one tells gates that their sessions may be over */
  constructor(
    worker: string,
    private readonly newBoot: () => string,
  ) {
    this.topic = centralStateTopic(worker);
    this.#boot = newBoot();
  }

  /** Sessions of before may be over: to the gates this is as if the worker had been started anew. */
  anew(): void {
    this.#boot = this.newBoot();
    this.#said = undefined;
  }

  /** What the broker says for us when the connection is gone that is about to be made. */
  will(): { readonly topic: string; readonly payload: Buffer } {
    return { topic: this.topic, payload: this.#payload('lost', this.#connection + 1) };
  }

  /** The connection that carries this is new: whatever was said before is forgotten. */
  connected(): void {
    this.#connection += 1;
    this.#said = undefined;
  }

  async say(link: MqttLink, state: State['state']): Promise<void> {
    if (this.#said === state || !link.up) return;
    this.#said = state;
    // When it fails the connection is down, and the next one says it anew.
    await link.publish(this.topic, this.#payload(state), { retain: true }).catch(() => {});
  }

  #payload(state: State['state'], connection = this.#connection): Buffer {
    return encodeState({ state, connection, boot: this.#boot });
  }
}
