import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { type Random, seededRandom } from '../../drivers/simulated/random.js';
import { topicMatches } from './memoryMqtt.js';
import { MqttFrames, publishHead } from './mqttFrames.js';
import { Pacer, type Pacing } from './pacer.js';
import { testSeed } from './seed.js';

/** `up` is from the client to the broker. */
export type Way = 'up' | 'down';

/**
 * What befalls PUBLISH packets.
 *
 * - `drop`: never arrives. At QoS 1 the connection goes with it, since TCP loses nothing in the middle of a stream.
 * - `duplicate`: arrives twice.
 * - `delay`: arrives `delayMs` later, and is overtaken meanwhile.
 * - `reorder`: is held until `count` have come, which then arrive last first.
 */
export type PublishFault =
  | { readonly what: 'drop' | 'duplicate' }
  | { readonly what: 'delay'; readonly delayMs: number }
  | { readonly what: 'reorder'; readonly count: number };

/** Which PUBLISH packets it befalls. */
export interface PublishRule {
  readonly way: Way;
  /** With wildcards, as in a subscription. */
  readonly filter: string;
  /** So many, and then no more; without it, all. */
  readonly times?: number;
  /** In (0, 1]: each by chance, from the proxy's seed. Default 1. */
  readonly chance?: number;
}

/** A stretch of network between a client and a broker, with faults as they are told. */
export interface FaultyProxy {
  readonly port: number;
  readonly seed: number;
  /** Connections taken so far. */
  readonly taken: number;
  /** PUBLISH packets that a rule has befallen so far. */
  readonly befallen: number;
  /** PUBLISH packets that are late and still to arrive. */
  readonly underWay: number;
  /** Latency, pace and piece size of each way from here on. */
  readonly pacing: Pacing;
  /** Both ends see their connections go, as when a process is killed. */
  cut(): void;
  /**
   * Bytes are swallowed from here on and nobody is told, as behind a dead switch. A connection that has lost bytes
   * stays dead; one that is made after the end of it works.
   */
  readonly dead: { value: boolean };
  /** Nobody listens any more, until it is called with false: a connection is refused at once. */
  refuse(on: boolean): Promise<void>;
  /**
   * The first rule that fits counts, the newest first; one that chance spares a packet does not fit it. Returns how to
   * take it away again.
   */
  onPublish(rule: PublishRule, fault: PublishFault): () => void;
}

interface TestScope {
  teardown(call: () => unknown): unknown;
}

export interface ProxyOptions {
  /** Default: `CARDPAD_SEED`, or another each time. Say it in the test's output. */
  readonly seed?: number;
  /** `bytes` for what is no MQTT, such as TLS: nothing is framed then, and no rule counts. */
  readonly frames?: 'mqtt' | 'bytes';
}

interface ActiveRule {
  readonly rule: PublishRule;
  readonly fault: PublishFault;
  left: number;
  readonly held: (() => void)[];
}

class Stretch implements FaultyProxy {
  readonly dead = { value: false };
  readonly pacing: Pacing = { latencyMs: 0, jitterMs: 0, bytesPerSecond: 0, pieceBytes: 0 };
  taken = 0;
  befallen = 0;
  underWay = 0;
  port = 0;
  readonly #random: Random;
  readonly #sockets = new Set<Socket>();
  readonly #rules: ActiveRule[] = [];
  #server: Server | undefined;

  constructor(
    private readonly toPort: number,
    readonly seed: number,
    private readonly frames: 'mqtt' | 'bytes',
  ) {
    this.#random = seededRandom(seed);
  }

  async listen(): Promise<void> {
    const server = createServer((near) => this.#accept(near)).listen(this.port, '127.0.0.1');
    this.#server = server;
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    this.port = address.port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async refuse(on: boolean): Promise<void> {
    if (!on) return this.#server === undefined ? this.listen() : undefined;
    const server = this.#server;
    this.#server = undefined;
    this.cut();
    if (server === undefined) return;
    server.close();
    await once(server, 'close');
  }

  onPublish(rule: PublishRule, fault: PublishFault): () => void {
    const active = { rule, fault, left: rule.times ?? Number.POSITIVE_INFINITY, held: [] };
    this.#rules.unshift(active);
    return () => {
      const at = this.#rules.indexOf(active);
      if (at !== -1) this.#rules.splice(at, 1);
    };
  }

  #accept(near: Socket): void {
    this.taken += 1;
    const far = connect(this.toPort, '127.0.0.1');
    this.#join('up', near, far);
    this.#join('down', far, near);
  }

  #join(way: Way, from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    const pacer = new Pacer(this.pacing, this.#random, (piece) => to.write(piece));
    const frames = new MqttFrames();
    let hasLostBytes = false;
    from.on('data', (bytes: Buffer) => {
      hasLostBytes ||= this.dead.value;
      if (hasLostBytes) return;
      if (this.frames === 'bytes') return pacer.send(bytes);
      for (const packet of frames.push(bytes)) {
        this.#pass(
          way,
          packet,
          (whole) => pacer.send(whole),
          () => to.destroy() && from.destroy(),
        );
      }
    });
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      if (!hasLostBytes && !this.dead.value) pacer.end(() => to.destroy());
    });
  }

  #pass(way: Way, packet: Buffer, send: (packet: Buffer) => void, cut: () => void): void {
    const head = publishHead(packet);
    const active = head === undefined ? undefined : this.#ruleFor(way, head.topic);
    if (head === undefined || active === undefined) return send(packet);
    this.befallen += 1;
    switch (active.fault.what) {
      case 'drop':
        return head.qos === 0 ? undefined : cut();
      case 'duplicate':
        send(packet);
        return send(packet);
      case 'delay':
        this.underWay += 1;
        setTimeout(() => {
          this.underWay -= 1;
          send(packet);
        }, active.fault.delayMs).unref();
        return;
      case 'reorder':
        active.held.push(() => send(packet));
        if (active.held.length < active.fault.count) return;
        for (const release of active.held.splice(0).reverse()) release();
    }
  }

  #ruleFor(way: Way, topic: string): ActiveRule | undefined {
    const active = this.#rules.find(
      ({ rule, left }) =>
        left > 0 && rule.way === way && topicMatches(rule.filter, topic) && this.#befalls(rule),
    );
    if (active !== undefined) active.left -= 1;
    return active;
  }

  #befalls({ chance = 1 }: PublishRule): boolean {
    return this.#random() / 2 ** 32 < chance;
  }
}

/** A proxy on a free port, in front of a port of this machine; it ends with the test. */
export async function startProxy(
  t: TestScope,
  toPort: number,
  { seed = testSeed(), frames = 'mqtt' }: ProxyOptions = {},
): Promise<FaultyProxy> {
  const proxy = new Stretch(toPort, seed, frames);
  await proxy.listen();
  t.teardown(() => proxy.refuse(true));
  return proxy;
}
