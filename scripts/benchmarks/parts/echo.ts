import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connectAsync, type MqttClient } from 'mqtt';
import { type EchoKind, echoOptions, echoTopic, withoutNagle } from './echoKinds.js';

const SERVER = new URL('./echoServer.js', import.meta.url);
const ANSWER_WITHIN_MS = 5_000;

/** Bytes of a question and of its answer. */
export interface Sizes {
  readonly up: number;
  readonly down: number;
}

/** Plain questions and answers over a broker, without anything of cardpad. */
export class Echo {
  #number = 0;
  readonly #waiting = new Map<number, () => void>();

  private constructor(
    private readonly kind: EchoKind,
    private readonly client: MqttClient,
    private readonly server: ChildProcess,
    private readonly upBytes: number,
  ) {
    client.on('message', (_topic, answer) => this.#waiting.get(answer.readUInt32BE(0))?.());
  }

  static async open(url: string, kind: EchoKind, { up, down }: Sizes): Promise<Echo> {
    const server = fork(SERVER, [url, kind, String(down)], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
    await once(server, 'message');
    const client = await connectAsync(url, { reconnectPeriod: 0 });
    const { qos, noDelay } = echoOptions(kind);
    if (noDelay) withoutNagle(client);
    await client.subscribeAsync(echoTopic(kind, 'down'), { qos });
    return new Echo(kind, client, server, up);
  }

  /** One question; gives how long the answer took, in ms. */
  async ask(): Promise<number> {
    const number = ++this.#number;
    const question = Buffer.alloc(this.upBytes, 'q');
    question.writeUInt32BE(number, 0);
    const answered = new Promise<void>((resolve, reject) => {
      const giveUp = setTimeout(() => reject(new Error(`no ${this.kind} answer`)), ANSWER_WITHIN_MS);
      this.#waiting.set(number, () => {
        clearTimeout(giveUp);
        this.#waiting.delete(number);
        resolve();
      });
    });
    const startMs = performance.now();
    this.client.publish(echoTopic(this.kind, 'up'), question, { qos: echoOptions(this.kind).qos });
    await answered;
    return performance.now() - startMs;
  }

  /** Something else on the same connection: a record on its way. */
  tell(bytes: number): void {
    this.client.publish('bench/records', Buffer.alloc(bytes, 'r'), { qos: 1 });
  }

  async close(): Promise<void> {
    this.server.disconnect();
    await this.client.endAsync(true);
  }
}

/** How long the next message on a topic is. */
export async function sizeOf(url: string, topic: string, provoke: () => Promise<unknown>): Promise<number> {
  const client = await connectAsync(url, { reconnectPeriod: 0 });
  try {
    await client.subscribeAsync(topic);
    const came = new Promise<Buffer>((resolve) =>
      client.once('message', (_topic, payload) => resolve(payload)),
    );
    await provoke();
    return (await came).length;
  } finally {
    await client.endAsync(true);
  }
}
