import type { MqttProtocol } from './mqtt/version.js';

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
  /** Default `auto`: MQTT 5 where the broker speaks it, else 3.1.1. */
  readonly protocol?: MqttProtocol;
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

/** A broker's URL as it may stand in a log: the login ends at the last `@` before the path. */
export const withoutLogin = (url: string): string => url.replace(/\/\/[^/]*@/, '//');

/** A connection that keeps coming back until it is closed. Nothing is queued in it: what must last is in the journal. */
export interface MqttLink {
  readonly up: boolean;
  /** The longest packet in bytes, header and all, that the broker takes; undefined where it did not say, or is away. */
  readonly mostBytes: number | undefined;
  /** QoS 0; false when not connected, or when the packet would be longer than `mostBytes`. */
  send(topic: string, payload: Buffer, properties?: MessageProperties): boolean;
  /**
   * QoS 1; resolves when the broker has it.
   * @throws CardpadError `mqtt.down` (reconnect)
   *   | `mqtt.refused` (retry): only an MQTT 5 broker tells that it did not take it
   *   | `mqtt.too-long` (retry): the packet would be longer than `mostBytes`, and was not sent
   */
  publish(
    topic: string,
    payload: Buffer,
    options?: { readonly retain?: boolean } & MessageProperties,
  ): Promise<void>;
  /**
   * Gives up a connection on which nothing comes through, without a goodbye, and connects anew as after any other loss:
   * `onDown` comes in a later turn, then the back-off. Does nothing while not connected.
   */
  renew(): void;
  /** Says goodbye to the broker, so that it does not publish the will; idempotent. */
  close(): Promise<void>;
}

/** How a program comes by a link; a simulation hands in its own network here. */
export type OpenMqtt = (options: MqttOptions) => MqttLink;

const BACKOFF_FIRST_MS = 500;
const BACKOFF_LAST_MS = 5_000;

/** Waiting time before try number `tries` (from 0): 0.5 s doubling to 5 s, full jitter. `random` is in [0, 1). */
export function backoffMs(tries: number, random: number): number {
  return random * Math.min(BACKOFF_LAST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(tries, 10));
}
