import { connectAsync, type IClientOptions, type IPublishPacket } from 'mqtt';
import { Changes } from './changes.js';
import type { TestScope } from './child.js';

export interface Captured {
  readonly topic: string;
  readonly payload: Buffer;
  /** What MQTT 5 said beside it. */
  readonly properties: IPublishPacket['properties'];
}

/** Somebody who owns the broker: sees every message on it. */
export class Capture {
  readonly messages: Captured[] = [];
  readonly #changes = new Changes();

  private constructor() {}

  /** Connected and subscribed to everything; retained messages come first. */
  static async open(t: TestScope, url: string, options: IClientOptions = {}): Promise<Capture> {
    const capture = new Capture();
    const client = await connectAsync(url, {
      clean: true,
      reconnectPeriod: 0,
      ...options,
    });
    client.on('error', () => {});
    client.on('message', (topic, payload, { properties }) => {
      capture.messages.push({ topic, payload, properties });
      capture.#changes.happened();
    });
    await client.subscribeAsync('#', { qos: 1 });
    t.teardown(() => client.endAsync(true));
    return capture;
  }

  /** Waits for a message on this topic, the first after `from` of all kinds. */
  async message(topic: string, from: number): Promise<void> {
    await this.#changes.until(
      () => this.messages.slice(from).some((message) => message.topic === topic),
      () => `a message on ${topic}`,
    );
  }

  /** Waits until `look` finds what it wants among the messages so far. */
  until<T>(look: (messages: readonly Captured[]) => T | undefined | false, what: string): Promise<T> {
    return this.#changes.until(
      () => look(this.messages),
      () => what,
    );
  }

  /** Waits until a message on this topic fits; gives its text. */
  retained(topic: string, pattern: RegExp): Promise<string> {
    return this.#changes.until(
      () =>
        this.messages
          .filter((message) => message.topic === topic)
          .map(({ payload }) => payload.toString('utf8'))
          .findLast((text) => pattern.test(text)),
      () => `${pattern} on ${topic}`,
    );
  }
}
