import { type Random, randomBytes } from '../../drivers/simulated/random.js';
import { downTopic, upTopic } from '../../protocol/wire/topics.js';
import type { SimBroker, SimMessage } from './sim/network.js';
import { DEVICE } from './site.js';

const HOSTILE = 'hostile';
const JUNK_BYTES = 64 * 1024;
const DOWN = ['welcome', 'verdict', 'ack', 'config', 'command'] as const;
const UP = ['hello', 'verify', 'events', 'alarm'] as const;
const ANSWERS = { hello: 'welcome', verify: 'verdict', events: 'ack', alarm: 'ack' } as const;
const ANSWERS_REMEMBERED = 4;

/** Somebody who may publish on the broker whatever he likes, and has kept everything that passed. */
export class Hostile {
  /** Whatever the gate sends is answered at once with what answered something earlier. */
  answers = false;

  constructor(
    private readonly broker: SimBroker,
    private readonly random: Random,
  ) {
    broker.onTaken = (message) => {
      if (this.answers && message.from !== HOSTILE) this.#answer(message);
    };
  }

  /** Something that was said before, said again. */
  replay(retain: boolean): void {
    const heard = this.broker.history;
    const message = this.#one(heard.slice(-400));
    if (message !== undefined) this.#say({ ...message, retain: retain && message.topic.includes('/down/') });
  }

  /** Bytes that mean nothing, or nearly something. */
  garbage(retain: boolean): void {
    const topic = this.#anyTopic(DEVICE);
    const like = this.#one(this.broker.history.filter((message) => message.topic === topic).slice(-20));
    this.#say({ topic, payload: this.#garbled(like), qos: 0, retain: retain && topic.includes('/down/') });
  }

  /** What was meant for one, sent to another: another kind, another device. */
  misdirect(): void {
    const message = this.#one(this.broker.history.slice(-200));
    if (message === undefined) return;
    const device = this.random() % 2 === 0 ? DEVICE : 'gz-bus-b7';
    this.#say({ ...message, topic: this.#anyTopic(device), retain: false });
  }

  #answer({ topic }: SimMessage): void {
    for (const kind of UP) {
      if (topic !== upTopic(DEVICE, kind)) continue;
      const answer = downTopic(DEVICE, ANSWERS[kind]);
      const heard = this.broker.history.filter(
        (message) => message.topic === answer && message.from !== HOSTILE,
      );
      for (const message of heard.slice(-ANSWERS_REMEMBERED)) this.#say(message);
    }
  }

  #garbled(like: SimMessage | undefined): Buffer {
    switch (this.random() % 4) {
      case 0:
        return randomBytes(this.random, this.random() % 300);
      case 1:
        return Buffer.alloc(JUNK_BYTES, this.random() & 0xff);
      case 2:
        return Buffer.from('{"session":"0011223344556677","sealed":""}');
      default: {
        const bytes = Buffer.from(like?.payload ?? Buffer.from('{}'));
        const at = this.random() % Math.max(1, bytes.length);
        if (bytes.length > 0) bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << (this.random() & 7)), at);
        return bytes;
      }
    }
  }

  #anyTopic(device: string): string {
    const kinds = [
      ...DOWN.map((kind) => downTopic(device, kind)),
      ...UP.map((kind) => upTopic(device, kind)),
      'cardpad/v1/central/w1/state',
    ];
    return this.#one(kinds) ?? '';
  }

  #one<T>(list: readonly T[]): T | undefined {
    return list[this.random() % Math.max(1, list.length)];
  }

  #say(message: Omit<SimMessage, 'from'>): void {
    this.broker.take({ ...message, from: HOSTILE });
  }
}
