import type { Random } from '../../../drivers/simulated/random.js';
import {
  backoffMs,
  type MqttLink,
  type MqttOptions,
  type OpenMqtt,
  type Qos,
} from '../../../platform/mqtt.js';
import { CardpadError } from '../../../protocol/errors.js';
import { topicMatches } from '../../support/memoryMqtt.js';
import { between, chance, type LifeClock, type SimTime } from './clock.js';

export interface SimMessage {
  readonly from: string;
  readonly topic: string;
  readonly payload: Buffer;
  readonly qos: Qos;
  readonly retain: boolean;
}

/** The stretch of network between one machine and the broker. Change it at any moment, then call `changed`. */
export class Path {
  latencyMs: readonly [number, number] = [1, 8];
  /** The part of QoS 0 messages that a broker under load drops. */
  loss = 0;
  /** The part of QoS 1 messages that come twice. */
  doubled = 0;
  /** `dead`: bytes are swallowed and nobody is told. */
  mode: 'open' | 'refused' | 'dead' = 'open';
  readonly #listeners = new Set<() => void>();

  changed(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** Both ends of a connection find out after so long that nothing comes any more: 1.5 keep-alives of 10 s. */
const KEEPALIVE_END_MS = 15_000;
const CONNECT_TIMEOUT_MS = 4_000;
const REFUSED_LAST_MS = 1_300;
const GOODBYE_MS = 500;

const down = () => new CardpadError('mqtt.down', 'reconnect', 'the broker connection is down');

/** One direction of a connection: in order, late as the path says, held back while it is dead, as TCP does. */
class Channel {
  #lastMs = 0;
  readonly #held: (() => void)[] = [];
  isOpen = true;

  constructor(
    private readonly time: SimTime,
    private readonly path: Path,
    private readonly random: Random,
  ) {}

  send(arrive: () => void): void {
    if (this.path.mode === 'dead') {
      this.#held.push(arrive);
      return;
    }
    const [least, most] = this.path.latencyMs;
    const atMs = Math.max(this.#lastMs, this.time.nowMs + between(this.random, least, most));
    this.#lastMs = atMs;
    this.time.after(atMs - this.time.nowMs, () => {
      if (this.isOpen) arrive();
    });
  }

  release(): void {
    for (const arrive of this.#held.splice(0)) this.send(arrive);
  }
}

/** One connection as client and broker share it. */
class Connection {
  readonly up: Channel;
  readonly down: Channel;
  readonly unsettled = new Set<() => void>();
  atBroker = true;
  readonly #unlisten: () => void;
  #deadSince: number | undefined;

  constructor(
    readonly link: SimLink,
    readonly will: { readonly topic: string; readonly payload: Buffer } | undefined,
    private readonly broker: SimBroker,
  ) {
    const { time } = broker;
    const { path, random } = link;
    this.up = new Channel(time, path, random);
    this.down = new Channel(time, path, random);
    this.#unlisten = path.listen(() => this.#pathChanged());
  }

  #pathChanged(): void {
    const { path } = this.link;
    if (path.mode === 'open') {
      this.#deadSince = undefined;
      this.up.release();
      this.down.release();
    } else if (path.mode === 'refused') {
      this.end();
    } else if (this.#deadSince === undefined) {
      const since = this.broker.time.nowMs;
      this.#deadSince = since;
      this.broker.time.after(KEEPALIVE_END_MS, () => {
        if (this.#deadSince === since) this.end();
      });
    }
  }

  /** Both ends see it go, the broker publishes the will. */
  end(): void {
    this.leaveBroker(true);
    this.link.lost(this);
  }

  /** @param withWill false after a goodbye */
  leaveBroker(withWill: boolean): void {
    if (!this.atBroker) return;
    this.atBroker = false;
    this.up.isOpen = false;
    this.down.isOpen = false;
    this.#unlisten();
    this.broker.forget(this);
    if (withWill && this.will !== undefined) {
      this.broker.take({ from: this.link.options.clientId, ...this.will, qos: 1, retain: true });
    }
  }
}

/** Comes back as the real link does: same waits, same jitter. */
class SimLink implements MqttLink {
  up = false;
  readonly mostBytes: number | undefined = undefined;
  #closed = false;
  #connection: Connection | undefined;
  #tries = 0;

  constructor(
    readonly options: MqttOptions,
    readonly path: Path,
    readonly random: Random,
    private readonly clock: LifeClock,
    private readonly broker: SimBroker,
  ) {
    this.#connect();
  }

  #connect(): void {
    const { path, random, clock, broker } = this;
    const isThere = () => path.mode === 'open' && broker.running;
    const [least, most] = path.latencyMs;
    const waitMs = path.mode === 'dead' ? CONNECT_TIMEOUT_MS : 3 * between(random, least, most);
    const nobodyThere = path.mode !== 'dead';
    const couldConnect = isThere() && waitMs < CONNECT_TIMEOUT_MS;
    this.broker.time.after(Math.min(waitMs, CONNECT_TIMEOUT_MS), () =>
      clock.enter(() => {
        if (this.#closed) return;
        if (couldConnect && isThere()) this.#established();
        else this.#retry(nobodyThere);
      }),
    );
  }

  #retry(nobodyThere: boolean): void {
    const backoff = backoffMs(this.#tries, 1);
    const mostMs = nobodyThere ? Math.min(backoff, REFUSED_LAST_MS) : backoff;
    this.#tries += 1;
    this.clock.schedule(between(this.random, 0, mostMs), () => {
      if (!this.#closed) this.#connect();
    });
  }

  #established(): void {
    const connection = new Connection(this, this.options.will?.(), this.broker);
    this.#connection = connection;
    this.#tries = 0;
    this.up = true;
    this.broker.accept(connection);
    this.options.onUp();
  }

  lost(connection: Connection): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.up = false;
    this.clock.enter(() => {
      for (const reject of connection.unsettled) reject();
      if (this.#closed) return;
      this.options.onDown(false);
      this.#retry(false);
    });
  }

  send(topic: string, payload: Buffer): boolean {
    const connection = this.#connection;
    if (connection === undefined) return false;
    const message = this.#message(topic, payload, 0, false);
    if (!chance(this.random, this.path.loss)) connection.up.send(() => this.broker.take(message));
    return true;
  }

  publish(topic: string, payload: Buffer, { retain = false } = {}): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return Promise.reject(down());
    const message = this.#message(topic, payload, 1, retain);
    return new Promise((resolve, reject) => {
      const fail = () => reject(down());
      connection.unsettled.add(fail);
      connection.up.send(() => {
        this.broker.take(message);
        connection.down.send(() => {
          connection.unsettled.delete(fail);
          this.clock.enter(resolve);
        });
      });
    });
  }

  renew(): void {
    const connection = this.#connection;
    if (connection !== undefined) this.clock.schedule(0, () => this.#drop(connection));
  }

  /** The broker hears of it where the path lets it; else it finds out as of any client that is silent. */
  #drop(connection: Connection): void {
    if (this.#connection !== connection) return;
    connection.down.isOpen = false;
    if (this.path.mode === 'dead') this.lost(connection);
    else connection.end();
  }

  #message(topic: string, payload: Buffer, qos: Qos, retain: boolean): SimMessage {
    const message = { from: this.options.clientId, topic, payload: Buffer.from(payload), qos, retain };
    this.broker.onWire(message);
    return message;
  }

  deliver(message: SimMessage, retained: boolean): void {
    const connection = this.#connection;
    const wanted = this.options.subscriptions.filter(({ topic }) => topicMatches(topic, message.topic));
    if (connection === undefined || wanted.length === 0) return;
    const qos = Math.min(message.qos, Math.max(...wanted.map((subscription) => subscription.qos)));
    if (qos === 0 && chance(this.random, this.path.loss)) return;
    const copies = qos === 1 && chance(this.random, this.path.doubled) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      connection.down.send(() =>
        this.clock.enter(() => this.options.onMessage(message.topic, Buffer.from(message.payload), retained)),
      );
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const connection = this.#connection;
    if (connection === undefined) return;
    this.#connection = undefined;
    this.up = false;
    await new Promise<void>((resolve) => {
      connection.up.send(() => {
        connection.leaveBroker(false);
        this.clock.enter(resolve);
      });
      this.clock.schedule(GOODBYE_MS, resolve);
    });
    for (const reject of connection.unsettled) reject();
    // A goodbye that did not arrive is a connection that ends without one.
    this.broker.time.after(KEEPALIVE_END_MS, () => connection.leaveBroker(true));
  }

  /** The process is gone; the broker notices after so long. */
  kill(noticedAfterMs: number): void {
    const connection = this.#connection;
    this.#closed = true;
    this.#connection = undefined;
    this.up = false;
    this.broker.time.after(noticedAfterMs, () => connection?.leaveBroker(true));
  }
}

/** Ends what a killed process had open. */
export interface KillableOpener {
  readonly open: OpenMqtt;
  kill(noticedAfterMs: number): void;
}

/** A broker in simulated time, with everything that was ever sent over it. */
export class SimBroker {
  readonly retained = new Map<string, SimMessage>();
  /** All that arrived, in order. */
  readonly history: SimMessage[] = [];
  running = true;
  /** Told of each message as it arrives, before anybody has it. */
  onTaken: (message: SimMessage) => void = () => {};
  readonly #connections = new Map<string, Connection>();

  /** @param onWire sees every message as it is sent, also one that is lost */
  constructor(
    readonly time: SimTime,
    readonly onWire: (message: SimMessage) => void,
  ) {}

  opener(clock: LifeClock, path: Path, random: () => Random): KillableOpener {
    const links: SimLink[] = [];
    return {
      open: (options) => {
        const link = new SimLink(options, path, random(), clock, this);
        links.push(link);
        return link;
      },
      kill: (noticedAfterMs) => {
        for (const link of links) link.kill(noticedAfterMs);
      },
    };
  }

  accept(connection: Connection): void {
    const { clientId } = connection.link.options;
    // MQTT 3.1.1 clause 3.1.4-2: the newer client of a name ends the older one.
    this.#connections.get(clientId)?.end();
    this.#connections.set(clientId, connection);
    for (const message of this.retained.values()) connection.link.deliver(message, true);
  }

  forget(connection: Connection): void {
    const { clientId } = connection.link.options;
    if (this.#connections.get(clientId) === connection) this.#connections.delete(clientId);
  }

  take(message: SimMessage): void {
    if (!this.running) return;
    this.history.push(message);
    this.onTaken(message);
    if (message.retain) {
      if (message.payload.length === 0) this.retained.delete(message.topic);
      else this.retained.set(message.topic, message);
    }
    for (const connection of this.#connections.values()) connection.link.deliver(message, false);
  }

  /** Ends one client's connection, as a reset does. */
  cut(clientId: string): void {
    this.#connections.get(clientId)?.end();
  }

  get clients(): string[] {
    return [...this.#connections.keys()];
  }

  stop(keepRetained: boolean): void {
    this.running = false;
    for (const connection of [...this.#connections.values()]) connection.end();
    if (!keepRetained) this.retained.clear();
  }

  start(): void {
    this.running = true;
  }
}
