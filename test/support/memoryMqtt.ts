import { publishBytes, tooLongError } from '../../platform/mqtt/publishPacket.js';
import type { MessageProperties, MqttLink, MqttOptions, OpenMqtt, Qos } from '../../platform/mqtt.js';
import { CardpadError } from '../../protocol/errors.js';

export interface Message {
  readonly from: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
}

/** MQTT 3.1.1 clause 4.7.1. */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (levels[index] === undefined || (level !== '+' && level !== levels[index])) return false;
  }
  return wanted.length === levels.length;
}

const down = () => new CardpadError('mqtt.down', 'reconnect', 'the broker connection is down');

class MemoryLink implements MqttLink {
  up = false;
  closed = false;
  will: ReturnType<NonNullable<MqttOptions['will']>> | undefined;
  readonly unsettled = new Set<() => void>();

  constructor(
    readonly options: MqttOptions,
    private readonly broker: MemoryBroker,
  ) {}

  get mostBytes(): number | undefined {
    return this.up ? this.broker.mostBytes : undefined;
  }

  send(topic: string, payload: Buffer, properties: MessageProperties = {}): boolean {
    if (!this.up || publishBytes(topic, payload, 0, properties) > (this.mostBytes ?? Infinity)) return false;
    this.broker.take({ from: this.options.clientId, topic, payload, qos: 0, retain: false });
    return true;
  }

  publish(
    topic: string,
    payload: Buffer,
    { retain = false, ...properties }: { readonly retain?: boolean } & MessageProperties = {},
  ): Promise<void> {
    if (!this.up) return Promise.reject(down());
    const { mostBytes } = this;
    if (mostBytes !== undefined && publishBytes(topic, payload, 1, properties) > mostBytes)
      return Promise.reject(tooLongError(mostBytes));
    const accepted = this.broker.take({ from: this.options.clientId, topic, payload, qos: 1, retain });
    if (accepted) return Promise.resolve();
    return new Promise((_, reject) => this.unsettled.add(() => reject(down())));
  }

  renew(): void {
    if (this.up) queueMicrotask(() => this.broker.renew(this));
  }

  async close(): Promise<void> {
    this.closed = true;
    this.broker.leave(this);
  }

  goDown(takenOver = false): void {
    if (!this.up) return;
    this.up = false;
    for (const reject of this.unsettled) reject();
    this.unsettled.clear();
    if (!this.closed) this.options.onDown(takenOver);
  }
}

/**
 * A broker in this process: the same calls give the same order, and every message can be seen, lost, doubled, held
 * back or changed on its way.
 */
export class MemoryBroker {
  /** Everything that was ever published, in order. */
  readonly messages: Message[] = [];
  readonly retained = new Map<string, Message>();
  /** What becomes of a message: none, itself, several, another. */
  onPass: (message: Message) => readonly Message[] = (message) => [message];
  /** A frozen broker takes messages and neither passes them on nor acknowledges them. */
  frozen = false;
  /** The longest packet that it takes, as an MQTT 5 broker says. */
  mostBytes: number | undefined;
  readonly #links = new Set<MemoryLink>();
  #reachable = true;

  readonly open: OpenMqtt = (options) => {
    const link = new MemoryLink(options, this);
    this.#links.add(link);
    queueMicrotask(() => this.#connect(link));
    return link;
  };

  /** Takes the network away, or gives it back. Nobody says goodbye: wills are published. */
  set reachable(reachable: boolean) {
    this.#reachable = reachable;
    for (const link of [...this.#links]) {
      if (reachable) this.#connect(link);
      else this.kill(link.options.clientId);
    }
  }

  /**
   * Ends one client's connection, which stays away until `reachable` is set again.
   * @param takenOver another client came under its name
   */
  kill(clientId: string, takenOver = false): void {
    this.cut(clientId, takenOver)();
  }

  /** The same for a broker that misses the client later. @returns publishes the will */
  cut(clientId: string, takenOver = false): () => void {
    const wills: Message[] = [];
    for (const link of this.#links) {
      if (link.options.clientId !== clientId || !link.up) continue;
      link.goDown(takenOver);
      if (link.will !== undefined) wills.push({ from: clientId, ...link.will, qos: 1, retain: true });
    }
    return () => {
      for (const will of wills) this.take(will);
    };
  }

  /** Publishes as anybody may who reaches a broker. */
  inject(topic: string, payload: Buffer, { retain = false } = {}): void {
    this.take({ from: 'injected', topic, payload, qos: 0, retain });
  }

  /** Payloads published on a topic so far. */
  on(topic: string): Buffer[] {
    return this.messages.filter((message) => message.topic === topic).map(({ payload }) => payload);
  }

  take(message: Message): boolean {
    this.messages.push(message);
    if (this.frozen) return false;
    for (const passed of this.onPass(message)) this.pass(passed);
    return true;
  }

  /** Hands a message to its subscribers, past `onPass`: for what was held back. */
  pass(message: Message): void {
    if (message.retain) {
      if (message.payload.length === 0) this.retained.delete(message.topic);
      else this.retained.set(message.topic, message);
    }
    for (const link of this.#links) {
      if (link.up) this.#deliver(link, message, false);
    }
  }

  /** A client drops its connection without a goodbye, and comes again. */
  renew(link: MemoryLink): void {
    if (!link.up) return;
    this.kill(link.options.clientId);
    queueMicrotask(() => this.#connect(link));
  }

  leave(link: MemoryLink): void {
    link.goDown();
    this.#links.delete(link);
  }

  #connect(link: MemoryLink): void {
    if (!this.#reachable || link.up || link.closed) return;
    link.up = true;
    link.will = link.options.will?.();
    // What is kept answers the subscription, before anything that the client then says.
    for (const message of this.retained.values()) this.#deliver(link, message, true);
    link.options.onUp();
  }

  #deliver(link: MemoryLink, { topic, payload }: Message, retained: boolean): void {
    if (!link.options.subscriptions.some((subscription) => topicMatches(subscription.topic, topic))) return;
    queueMicrotask(() => {
      if (link.up) link.options.onMessage(topic, Buffer.from(payload), retained);
    });
  }
}
