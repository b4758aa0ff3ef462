import { connectAsync, type MqttClient } from 'mqtt';
import { downTopic } from '../../../protocol/wire/topics.js';

/** Central acknowledges batch by batch: when nothing came for so long, there was nothing left to send. */
const OVER_AFTER_MS = 2_000;
const GIVE_UP_AFTER_MS = 60_000;
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

  /**
   * Waits until no more come; gives when the last one came, as `performance.now()` counts.
   * @param least how many have come by then since the watch began
   * @throws Error when they do not come
   */
  async last(least = 0): Promise<number> {
    const fromMs = performance.now();
    const quietMs = () => performance.now() - Math.max(fromMs, this.#newestMs);
    while (this.#count < least || quietMs() < OVER_AFTER_MS) {
      if (quietMs() > GIVE_UP_AFTER_MS) throw new Error('central acknowledges nothing any more');
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return this.#newestMs;
  }

  async close(): Promise<void> {
    await this.client.endAsync(true);
  }
}
