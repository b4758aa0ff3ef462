import { Socket } from 'node:net';
import { connect as connectClient, ErrorWithSubackPacket, type IClientOptions, type MqttClient } from 'mqtt';
import { CardpadError, codeOf, messageOf } from '../protocol/errors.js';
import type { Clock } from './clock.js';
import type { Log } from './log.js';

export type Qos = 0 | 1;

export interface Subscription {
  readonly topic: string;
  readonly qos: Qos;
  /** A broker whose access control refuses it is told of in the log, and used all the same. */
  readonly optional?: true;
}

export interface MqttOptions {
  /** `mqtt://host:port` or `mqtts://host:port`; a login in it counts where none is given beside. */
  readonly url: string;
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  /** PEM of the certificate authority for `mqtts:`, where it is not the system's. */
  readonly ca?: Buffer;
  /** What the broker says for us when we are gone, retained; asked for anew at each connection. */
  readonly will?: () => { readonly topic: string; readonly payload: Buffer };
  readonly subscriptions: readonly Subscription[];
  /** Must not throw. */
  readonly onMessage: (topic: string, payload: Buffer, retained: boolean) => void;
  /** Connected and subscribed. */
  readonly onUp: () => void;
  /** @param takenOver another client came under our name; only MQTT 5 tells (clause 3.14.2.1, 0x8E) */
  readonly onDown: (takenOver: boolean) => void;
}

/** What an MQTT 5 connection says about a message beside its payload; 3.1.1 leaves it out, and nothing depends on it. */
export interface MessageProperties {
  /** The broker throws away what it could not deliver for so long, in whole seconds >= 1. */
  readonly expirySeconds?: number;
  readonly responseTopic?: string;
  readonly correlation?: Buffer;
}

/** A broker's URL as it may stand in a log. */
export const withoutLogin = (url: string): string => url.replace(/\/\/[^@/]*@/, '//');

/** A connection that keeps coming back until it is closed. Nothing is queued in it: what must last is in the journal. */
export interface MqttLink {
  readonly up: boolean;
  /** QoS 0; false when not connected. */
  send(topic: string, payload: Buffer, properties?: MessageProperties): boolean;
  /**
   * QoS 1; resolves when the broker has it.
   * @throws CardpadError `mqtt.down` (reconnect)
   */
  publish(
    topic: string,
    payload: Buffer,
    options?: { readonly retain?: boolean } & MessageProperties,
  ): Promise<void>;
  /** Says goodbye to the broker, so that it does not publish the will; idempotent. */
  close(): Promise<void>;
}

/** How a program comes by a link; a simulation hands in its own network here. */
export type OpenMqtt = (options: MqttOptions) => MqttLink;

const CONNECT_TIMEOUT_MS = 4_000;
const KEEPALIVE_SECONDS = 10;
/**
 * How long a goodbye may take: on a dead network mqtt.js would wait for its acknowledgements for ever. A service that
 * stops has 2 s for everything.
 */
const GOODBYE_MS = 500;
const BACKOFF_FIRST_MS = 500;
const BACKOFF_LAST_MS = 5_000;
/**
 * A connection that ended sooner does not shorten the back-off: two clients with one name throw each other off the
 * broker in turns, and neither may flood it nor starve the other.
 */
const SETTLED_MS = 10_000;
/** Asking a port where nobody listens costs nobody anything: a broker that is back is found within this. */
const REFUSED_LAST_MS = 1_300;

/** Waiting time before try number `tries` (from 0): 0.5 s doubling to 5 s, full jitter. `random` is in [0, 1). */
export function backoffMs(tries: number, random: number): number {
  return random * Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(tries, 10));
}

const downError = () => new CardpadError('mqtt.down', 'reconnect', 'the broker connection is down');

/** MQTT 3.1.1 clause 3.9.3: one code a topic, in order; 0x80 is failure. */
function refusedOf(error: Error, subscriptions: readonly Subscription[]): Subscription[] {
  if (!(error instanceof ErrorWithSubackPacket)) return [];
  const granted = error.packet?.granted ?? [];
  return subscriptions.filter((_, at) => Number(granted[at] ?? 0) >= 0x80);
}

class ReconnectingLink implements MqttLink {
  up = false;
  #client: MqttClient | undefined;
  #cancelRetry = () => {};
  #closed = false;
  #tries = 0;
  /** Connections in a row that ended before they had settled. */
  #brief = 0;
  #upAtMs = 0;
  #lastProblem = '';
  /** The last try met a machine, and no broker on it. */
  #nobodyThere = false;

  constructor(
    private readonly options: MqttOptions,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly log: Log,
  ) {
    this.#connect();
  }

  send(topic: string, payload: Buffer): boolean {
    if (!this.up || this.#client === undefined) return false;
    this.#client.publish(topic, payload, { qos: 0 });
    return true;
  }

  publish(topic: string, payload: Buffer, { retain = false } = {}): Promise<void> {
    const client = this.#client;
    if (!this.up || client === undefined) return Promise.reject(downError());
    return new Promise((resolve, reject) => {
      // mqtt.js never settles a publish whose connection went away, hence the listener.
      const onClose = () => reject(downError());
      client.once('close', onClose);
      client.publish(topic, payload, { qos: 1, retain }, (error) => {
        client.removeListener('close', onClose);
        if (error) reject(downError());
        else resolve();
      });
    });
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelRetry();
    const client = this.#client;
    this.#client = undefined;
    this.up = false;
    if (client === undefined) return;
    await new Promise<void>((resolve) => {
      const cancel = this.clock.schedule(GOODBYE_MS, () => {
        client.stream.destroy();
        resolve();
      });
      client.end(false, {}, () => {
        cancel();
        resolve();
      });
    });
  }

  #connect(): void {
    const { url, clientId, username, password, ca, will } = this.options;
    const options: IClientOptions = {
      clientId,
      clean: true,
      protocolVersion: 4,
      keepalive: KEEPALIVE_SECONDS,
      connectTimeout: CONNECT_TIMEOUT_MS,
      // Our own back-off has jitter, and a fresh client has no half-remembered packets.
      reconnectPeriod: 0,
      queueQoSZero: false,
      resubscribe: false,
      timerVariant: 'native',
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
      ...(ca === undefined ? {} : { ca }),
      ...(will === undefined ? {} : { will: { ...will(), qos: 1 as const, retain: true } }),
    };
    const client = connectClient(url, options);
    this.#client = client;
    // Every publish under way listens for the end.
    client.setMaxListeners(0);
    client.on('connect', () => this.#onConnect(client));
    client.on('message', (topic, payload, packet) => this.options.onMessage(topic, payload, packet.retain));
    client.on('error', (error) => this.#report(error));
    client.once('close', () => this.#onClose(client));
  }

  #onConnect(client: MqttClient): void {
    // mqtt.js leaves Nagle's algorithm on: with delayed acknowledgements that is 40 ms a message.
    if (client.stream instanceof Socket) client.stream.setNoDelay(true);
    const topics = Object.fromEntries(this.options.subscriptions.map(({ topic, qos }) => [topic, { qos }]));
    client.subscribe(topics, (error) => {
      if (this.#client !== client || !client.connected) return;
      if (error !== null && !this.#canDoWithout(error)) {
        client.end(true);
        return;
      }
      this.#tries = 0;
      this.#upAtMs = this.clock.monotonicMs();
      this.#nobodyThere = false;
      this.#lastProblem = '';
      this.up = true;
      this.log.info('connected', { broker: withoutLogin(this.options.url) });
      this.options.onUp();
    });
  }

  /** Whether all that the broker refused is optional; says what it refused. */
  #canDoWithout(error: Error): boolean {
    const refused = refusedOf(error, this.options.subscriptions);
    const needed = refused.find(({ optional }) => optional !== true);
    if (refused.length > 0 && needed === undefined) {
      for (const { topic } of refused) this.log.warn('the broker refuses a subscription', { topic });
      return true;
    }
    this.#report(
      needed === undefined ? error : new Error(`the broker refuses a subscription to ${needed.topic}`),
    );
    return false;
  }

  #onClose(client: MqttClient): void {
    client.end(true);
    if (this.#client !== client) return;
    this.#client = undefined;
    if (this.up) {
      this.up = false;
      const isBrief = this.clock.monotonicMs() - this.#upAtMs < SETTLED_MS;
      this.#brief = isBrief ? this.#brief + 1 : 0;
      this.#tries = Math.max(0, this.#brief - 1);
      this.log.warn('connection lost');
      this.options.onDown(false);
    }
    if (this.#closed) return;
    const backoff = backoffMs(this.#tries, 1);
    const mostMs = this.#nobodyThere ? Math.min(backoff, REFUSED_LAST_MS) : backoff;
    this.#cancelRetry = this.clock.schedule(this.random() * mostMs, () => this.#connect());
    this.#tries += 1;
  }

  #report(error: Error): void {
    this.#nobodyThere = codeOf(error) === 'ECONNREFUSED';
    const problem = messageOf(error) || 'no answer';
    // A broker that is away for a day is one line, not twenty thousand.
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.log.warn('cannot connect', { problem });
  }
}

/** Links over mqtt.js, speaking MQTT 3.1.1. */
export function mqttOpener(clock: Clock, random: () => number, log: Log): OpenMqtt {
  return (options) => new ReconnectingLink(options, clock, random, log);
}
