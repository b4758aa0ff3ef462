import { Socket } from 'node:net';
import type { MqttClient } from 'mqtt';

/**
 * `raw`: the least that mqtt.js can do, QoS 0 without Nagle's algorithm. `naive`: QoS 1 for everything on one
 * connection as mqtt.js opens it, which is how one would write it first.
 */
export type EchoKind = 'raw' | 'naive';

export const echoOptions = (kind: EchoKind) =>
  kind === 'raw' ? ({ qos: 0, noDelay: true } as const) : ({ qos: 1, noDelay: false } as const);

export const echoTopic = (kind: EchoKind, way: 'up' | 'down'): string => `bench/${kind}/${way}`;

/** mqtt.js leaves Nagle's algorithm on (RFC 896). */
export function withoutNagle({ stream }: MqttClient): void {
  if (stream instanceof Socket) stream.setNoDelay(true);
}
