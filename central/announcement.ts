import type { MqttLink } from '../platform/mqtt.js';
import { encodeState, type State } from '../protocol/wire/messages.js';
import { centralStateTopic } from '../protocol/wire/topics.js';

/**
 * What this worker announces of itself on the broker: a hint for gates, retained. It is numbered like a gate's
 * `state`, each try to connect drawing the next number; but nothing that others say there is looked at.
 */
export class Announcement {
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

  /** A connection is being made, and this is what the broker says for us when it breaks. */
  will(): { readonly topic: string; readonly payload: Buffer } {
    this.#connection += 1;
    return { topic: this.topic, payload: this.#encode('lost') };
  }

  /** The connection that was being made is up: whatever was said before is forgotten. */
  linkUp(): void {
    this.#said = undefined;
  }

  /** Announces a state, once until another one is due. Never rejects. */
  async say(link: MqttLink, state: State['state']): Promise<void> {
    if (this.#said === state || !link.up) return;
    this.#said = state;
    // Where the connection broke, the next one says it; where the broker refused it, the log tells.
    await link.publish(this.topic, this.#encode(state), { retain: true }).catch(() => {});
  }

  #encode(state: State['state']): Buffer {
    return encodeState({ state, connection: this.#connection, boot: this.#boot });
  }
}
