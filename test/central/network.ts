import type { MqttLink, MqttOptions, OpenMqtt } from '../../platform/mqtt.js';

interface Client {
  readonly options: MqttOptions;
  up: boolean;
  will?: ReturnType<NonNullable<MqttOptions['will']>>;
}

/** A broker in memory: delivers in order, on a later turn of the loop, as a socket would. */
export class Network {
  readonly retained = new Map<string, Buffer>();
  /** Everything that was ever published. */
  readonly sent: { readonly topic: string; readonly payload: Buffer; readonly qos: 0 | 1 }[] = [];
  readonly #clients: Client[] = [];
  #isMute = false;

  readonly open: OpenMqtt = (options) => {
    const client: Client = { options, up: false };
    this.#clients.push(client);
    setImmediate(() => this.connect(options.clientId));
    let isClosed = false;
    let giveUp = () => {};
    const closed = new Promise<never>((_, reject) => {
      giveUp = () => reject(new Error('down'));
    });
    closed.catch(() => {});
    const link: MqttLink = {
      get up() {
        return client.up;
      },
      mostBytes: undefined,
      renew: () => {
        if (!client.up) return;
        this.cut(options.clientId);
        setImmediate(() => {
          if (!isClosed) this.connect(options.clientId);
        });
      },
      send: (topic, payload) => {
        if (client.up) this.publish(topic, payload, 0);
        return client.up;
      },
      publish: async (topic, payload, { retain = false } = {}) => {
        if (!client.up) throw new Error('down');
        if (retain) this.retained.set(topic, payload);
        this.publish(topic, payload, 1);
        if (this.#isMute) await closed;
      },
      close: async () => {
        isClosed = true;
        client.up = false;
        giveUp();
      },
    };
    return link;
  };

  /** From now on what is published goes out, and is never confirmed. */
  mute(): void {
    this.#isMute = true;
  }

  connect(clientId: string): void {
    const client = this.#client(clientId);
    const will = client.options.will?.();
    if (will !== undefined) client.will = will;
    client.up = true;
    client.options.onUp();
  }

  /** Cuts a client off; its will is published. */
  cut(clientId: string): void {
    const client = this.#client(clientId);
    client.up = false;
    const { will } = client;
    if (will !== undefined) this.retained.set(will.topic, will.payload);
    client.options.onDown(false);
  }

  publish(topic: string, payload: Buffer, qos: 0 | 1 = 0): void {
    this.sent.push({ topic, payload, qos });
    for (const client of this.#clients) {
      const wants = client.options.subscriptions.some((subscription) => matches(subscription.topic, topic));
      if (client.up && wants) setImmediate(() => client.options.onMessage(topic, payload, false));
    }
  }

  #client(clientId: string): Client {
    const client = this.#clients.find(({ options }) => options.clientId === clientId);
    if (client === undefined) throw new Error(`no client ${clientId}`);
    return client;
  }
}

function matches(filter: string, topic: string): boolean {
  const parts = topic.split('/');
  const wanted = filter.split('/');
  return wanted.length === parts.length && wanted.every((part, at) => part === '+' || part === parts[at]);
}
