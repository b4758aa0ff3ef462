import type { IClientOptions } from 'mqtt';
import type { MqttOptions } from '../mqtt.js';
import { loginIn, PACKET_MOST_BYTES } from './stream.js';
import type { MqttVersion } from './version.js';

/** An MQTT 5 broker may ask for another; what is longer does not count, or a dead path would be found late. */
export const KEEPALIVE_SECONDS = 10;
/** Messages at QoS 1 that a broker may have under way to us: each is acknowledged as soon as it was handed on. */
const RECEIVE_MAXIMUM = 128;

/** What mqtt.js is told for one connection. */
export function clientOptions(options: MqttOptions, version: MqttVersion): IClientOptions {
  const { url, clientId, username, password, will } = options;
  return {
    ...loginIn(url),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    clientId,
    clean: true,
    ...(version === '3.1.1'
      ? { protocolVersion: 4 }
      : {
          protocolVersion: 5,
          properties: {
            sessionExpiryInterval: 0,
            receiveMaximum: RECEIVE_MAXIMUM,
            maximumPacketSize: PACKET_MOST_BYTES,
          },
        }),
    keepalive: KEEPALIVE_SECONDS,
    // Our own back-off has jitter, and a fresh client has no half-remembered packets.
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    timerVariant: 'native',
    ...(will === undefined ? {} : { will: { ...will(), qos: 1 as const, retain: true } }),
  };
}
