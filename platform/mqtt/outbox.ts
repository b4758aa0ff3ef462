import { CardpadError } from '../../protocol/errors.js';

/** How the broker answered a publish; without an error it has it. */
export type Answered = (error?: Error | null) => void;

export const downError = () => new CardpadError('mqtt.down', 'reconnect', 'the broker connection is down');

/**
 * The QoS 1 messages of one connection. No more are under way than the broker takes (MQTT 5 clause 3.3.4), and each
 * is settled: mqtt.js leaves one for ever whose connection goes away.
 */
export class Outbox {
  readonly #unsettled = new Set<() => void>();
  readonly #waiting: (() => void)[] = [];
  #underWay = 0;

  /** @param mostUnderWay the broker's receive maximum */
  constructor(private readonly mostUnderWay: number) {}

  /** Calls `send` when it is its turn; settles as the broker answers. @throws CardpadError `mqtt.down` (reconnect) */
  publish(send: (answered: Answered) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const lost = () => reject(downError());
      this.#unsettled.add(lost);
      const start = () => {
        this.#underWay += 1;
        send((error) => {
          this.#underWay -= 1;
          this.#unsettled.delete(lost);
          if (error) reject(error);
          else resolve();
          this.#waiting.shift()?.();
        });
      };
      if (this.#underWay < this.mostUnderWay) start();
      else this.#waiting.push(start);
    });
  }

  /** The connection is gone. */
  close(): void {
    this.#waiting.length = 0;
    for (const lost of this.#unsettled) lost();
    this.#unsettled.clear();
  }
}
