import type { IConnackPacket, MqttClient } from 'mqtt';
// The client alone: the package's entry loads WebSockets and proxies too, which took a fifth of a gate's start.
import mqttJs from 'mqtt/lib/client';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import type { Cancel, Clock } from '../clock.js';
import { LineLimit } from '../lineLimit.js';
import type { Log } from '../log.js';
import {
  backoffMs,
  type MessageProperties,
  type MqttLink,
  type MqttOptions,
  type OpenMqtt,
  type Qos,
  withoutLogin,
} from '../mqtt.js';
import { clientOptions, KEEPALIVE_SECONDS } from './clientOptions.js';
import { keepNoPacketNumbers } from './mqttPacket.js';
import { downError, Outbox } from './outbox.js';
import { onTheWire, publishBytes, tooLongError } from './publishPacket.js';
import { nameIn, openStream } from './stream.js';
import { refusedOf, subscriptionMap } from './subscriptions.js';
import {
  connackEnded,
  type Ended,
  type MqttVersion,
  NOTHING_KNOWN,
  nextTry,
  type VersionMemory,
} from './version.js';
import { connackWords, problemWords, reasonWords, TAKEN_OVER } from './words.js';

/** From the first packet on the way to the last confirmed subscription. */
const CONNECT_TIMEOUT_MS = 4_000;
/** MQTT 5 clause 3.2.2.3.3: what a broker takes that does not say. */
const RECEIVE_MAXIMUM_DEFAULT = 65_535;
/**
 * How long a goodbye may take: on a dead network mqtt.js would wait for its acknowledgements for ever. A service that
 * stops has 2 s for everything.
 */
const GOODBYE_MS = 500;
/** Asking a port where nobody listens costs nobody anything: a broker that is back is found within this. */
const REFUSED_LAST_MS = 1_300;
/**
 * A connection that ended sooner does not shorten the back-off: two clients with one name throw each other off the
 * broker in turns, and neither may flood it nor starve the other.
 */
const SETTLED_MS = 10_000;
/** A broker that is away for a day is a line or two, not twenty thousand. */
const PROBLEMS_SAID = 8;
/** A connection that comes and goes is told of so often, and in all no link writes more lines a minute. */
const LINES_OF_A_KIND_A_MINUTE = 10;
const LINES_A_MINUTE = 20;

/** What is to be said of a try that ended without an error of its own. */
const ENDINGS: Readonly<Record<Ended, string>> = {
  unreached: 'no answer',
  silent: 'something takes the connection and gives no answer',
  garbled: 'what answers there does not speak MQTT',
  refused: reasonWords(1),
  spoken: 'the connection was closed',
};

type Fields = Readonly<Record<string, string | number>>;

/** One try to connect, and the connection that comes of it. */
interface Connection {
  readonly version: MqttVersion;
  readonly client: MqttClient;
  ended: Ended;
  problem?: string;
  /** The last try met a machine, and no broker on it. */
  nobodyThere: boolean;
  takenOver: boolean;
  outbox?: Outbox;
  readonly cancelTimeout: Cancel;
}

class ReconnectingLink implements MqttLink {
  up = false;
  mostBytes: number | undefined;
  #connection: Connection | undefined;
  #memory: VersionMemory = NOTHING_KNOWN;
  #cancelRetry = () => {};
  #closed = false;
  #tries = 0;
  /** Connections in a row that ended before they had settled. */
  #brief = 0;
  #upAtMs = 0;
  readonly #said = new Set<string>();
  readonly #lines: LineLimit;

  constructor(
    private readonly options: MqttOptions,
    private readonly clock: Clock,
    private readonly random: () => number,
    private readonly log: Log,
  ) {
    this.#lines = new LineLimit(clock, LINES_OF_A_KIND_A_MINUTE, LINES_A_MINUTE);
    this.#connect();
  }

  send(topic: string, payload: Buffer, properties: MessageProperties = {}): boolean {
    if (!this.up || this.#connection === undefined) return false;
    if (this.#tooLong(topic, payload, 0, properties) !== undefined) return false;
    this.#connection.client.publish(topic, payload, { qos: 0, properties: onTheWire(properties) });
    return true;
  }

  publish(
    topic: string,
    payload: Buffer,
    { retain = false, ...properties }: { readonly retain?: boolean } & MessageProperties = {},
  ): Promise<void> {
    const { client, outbox } = this.#connection ?? {};
    if (!this.up || client === undefined || outbox === undefined) return Promise.reject(downError());
    const tooLong = this.#tooLong(topic, payload, 1, properties);
    if (tooLong !== undefined) return Promise.reject(tooLong);
    return outbox.publish((answered) => {
      client.publish(topic, payload, { qos: 1, retain, properties: onTheWire(properties) }, (error) =>
        answered(error ? this.#notTaken(topic, error) : undefined),
      );
    });
  }

  renew(): void {
    if (!this.up || this.#connection === undefined) return;
    this.#connection.problem ??= 'nothing came through any more';
    this.#connection.client.stream.destroy();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelRetry();
    const client = this.#connection?.client;
    this.#connection = undefined;
    this.#isDown();
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
    const { url, ca, protocol = 'auto' } = this.options;
    const version = protocol === 'auto' ? this.#memory.version : protocol;
    const stream = openStream(url, ca);
    let lookedFor = nameIn(url);
    stream.once('lookup', () => {
      lookedFor = undefined;
    });
    const client = new mqttJs.default(() => stream, clientOptions(this.options, version));
    const connection: Connection = {
      version,
      client,
      ended: 'unreached',
      nobodyThere: false,
      takenOver: false,
      cancelTimeout: this.clock.schedule(CONNECT_TIMEOUT_MS, () => {
        if (connection.ended === 'spoken') connection.problem ??= 'the broker does not confirm subscriptions';
        if (lookedFor !== undefined) connection.problem ??= `the name ${lookedFor} was not found in time`;
        stream.destroy();
      }),
    };
    this.#connection = connection;
    stream.once(url.startsWith('mqtts:') ? 'secureConnect' : 'connect', () => {
      connection.ended = 'silent';
    });
    client.on('packetreceive', (packet) => {
      if (packet.cmd !== 'connack') return;
      const code = packet.reasonCode ?? packet.returnCode ?? 0;
      connection.ended = connackEnded(version, code, packet.length ?? 0);
      if (code > 0) connection.problem = connackWords(code);
    });
    // The parser had it before, so that a CONNACK is known by now.
    stream.once('data', () => {
      if (connection.ended === 'silent') connection.ended = 'garbled';
    });
    client.on('connect', (connack) => this.#onConnect(connection, connack));
    client.on('message', (topic, payload, { retain }) => this.options.onMessage(topic, payload, retain));
    client.on('disconnect', ({ reasonCode = 0 }) => {
      connection.takenOver = reasonCode === TAKEN_OVER;
      if (reasonCode > 0) connection.problem ??= reasonWords(reasonCode);
      stream.destroy();
    });
    client.on('error', (error) => {
      connection.nobodyThere = codeOf(error) === 'ECONNREFUSED';
      // What mqtt.js says without a code, before the broker has spoken, is better said by how far the try came.
      if ('code' in error || connection.ended === 'spoken') connection.problem ??= problemWords(error);
      stream.destroy();
    });
    client.once('close', () => this.#onClose(connection));
  }

  #onConnect(connection: Connection, connack: IConnackPacket): void {
    const { client, version, ended } = connection;
    if (ended !== 'spoken') {
      client.stream.destroy();
      return;
    }
    // mqtt.js has none any more where the connection has just ended.
    client.keepaliveManager?.setKeepalive(Math.min(client.keepalive, KEEPALIVE_SECONDS));
    const { receiveMaximum = RECEIVE_MAXIMUM_DEFAULT, maximumPacketSize } = connack.properties ?? {};
    connection.outbox = new Outbox(receiveMaximum);
    const { subscriptions } = this.options;
    client.subscribe(subscriptionMap(subscriptions), (error) => {
      if (this.#connection !== connection || !client.connected) return;
      const refused = error === null ? undefined : refusedOf(error, subscriptions);
      if (refused?.problem !== undefined) {
        connection.problem ??= refused.problem;
        client.end(true);
        return;
      }
      connection.cancelTimeout();
      this.#upAtMs = this.clock.monotonicMs();
      this.#said.clear();
      for (const topic of refused?.without ?? [])
        this.#line('warn', 'the broker refuses a subscription', { topic });
      this.up = true;
      this.mostBytes = maximumPacketSize;
      this.#line('info', 'connected', { broker: withoutLogin(this.options.url), mqtt: version });
      this.options.onUp();
    });
  }

  #onClose(connection: Connection): void {
    const { client, outbox, cancelTimeout, ended, takenOver, problem = ENDINGS[ended] } = connection;
    client.end(true);
    cancelTimeout();
    outbox?.close();
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    const { memory, atOnce } = nextTry(this.#memory, ended, this.clock.monotonicMs());
    this.#memory = memory;
    const other = atOnce && (this.options.protocol ?? 'auto') === 'auto';
    if (this.up) {
      this.#isDown();
      const isBrief = this.clock.monotonicMs() - this.#upAtMs < SETTLED_MS;
      this.#brief = isBrief ? this.#brief + 1 : 0;
      this.#tries = Math.max(0, this.#brief - 1);
      this.#line('warn', 'connection lost', { problem });
      this.options.onDown(takenOver);
    } else if (!other) {
      this.#say('cannot connect', { problem });
    }
    if (this.#closed) return;
    if (other) {
      this.#connect();
      return;
    }
    // Two clients of one name would throw each other out many times a second.
    if (takenOver) this.#tries = Number.POSITIVE_INFINITY;
    const backoff = backoffMs(this.#tries, 1);
    const mostMs = connection.nobodyThere ? Math.min(backoff, REFUSED_LAST_MS) : backoff;
    this.#cancelRetry = this.clock.schedule(this.random() * mostMs, () => this.#connect());
    this.#tries += 1;
  }

  #isDown(): void {
    this.up = false;
    this.mostBytes = undefined;
  }

  /** MQTT 5 clause 3.2.2.3.6: what is longer than the broker takes must not be sent. */
  #tooLong(
    topic: string,
    payload: Buffer,
    qos: Qos,
    properties: MessageProperties,
  ): CardpadError | undefined {
    const { mostBytes } = this;
    if (mostBytes === undefined || publishBytes(topic, payload, qos, properties) <= mostBytes)
      return undefined;
    this.#say('message too long for the broker', { topic, mostBytes });
    return tooLongError(mostBytes);
  }

  #notTaken(topic: string, { code, message }: Error & { readonly code?: unknown }): CardpadError {
    if (typeof code !== 'number') return downError();
    const problem = reasonWords(code);
    this.#say('message refused', { topic, problem });
    return new CardpadError('mqtt.refused', 'retry', `the broker refuses a message: ${problem}`, {
      cause: message,
    });
  }

  /** Each line once, until the next connection. */
  #say(event: string, fields: Fields): void {
    const line = JSON.stringify([event, fields]);
    if (this.#said.has(line) || this.#said.size >= PROBLEMS_SAID) return;
    if (this.#line('warn', event, fields)) this.#said.add(line);
  }

  /** Whether it was written. */
  #line(level: 'info' | 'warn', event: string, fields: Fields): boolean {
    const mayWrite = this.#lines.take(event);
    if (mayWrite) this.log[level](event, fields);
    return mayWrite;
  }
}

/** Links over mqtt.js. */
export function mqttOpener(clock: Clock, random: () => number, log: Log): OpenMqtt {
  keepNoPacketNumbers();
  return (options) => new ReconnectingLink(options, clock, random, log);
}
