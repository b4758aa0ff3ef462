import { connectAsync, type MqttClient } from 'mqtt';
import { downTopic } from '../../../protocol/wire/topics.js';

/** A gate whose batch is not acknowledged for 5 s sends it again: when nothing came for longer, nothing was left. */
const OVER_AFTER_MS = 6_000;
const LOOK_EVERY_MS = 50;

/** Sees at the broker when central acknowledges what a gate brings. */
export class Acks {
  #newestMs = performance.now();
  #count = 0;

  private constructor(private readonly client: MqttClient) {
    client.on('message', () => {
      this.#newestMs = performance.now();
      this.#count += 1;
    });
  }

  static async watch(url: string, device: string): Promise<Acks> {
    const client = await connectAsync(url, { reconnectPeriod: 0 });
    await client.subscribeAsync(downTopic(device, 'ack'), { qos: 0 });
    return new Acks(client);
  }

  /** How many came so far. */
  get count(): number {
    return this.#count;
  }

  /** Waits until no more come. */
  async over(): Promise<void> {
    const fromMs = performance.now();
    while (performance.now() - Math.max(fromMs, this.#newestMs) < OVER_AFTER_MS) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
  }

  async close(): Promise<void> {
    await this.client.endAsync(true);
  }
}
