import type { IPublishPacket } from 'mqtt';
import { CardpadError } from '../../protocol/errors.js';
import type { MessageProperties, Qos } from '../mqtt.js';
import { lengthBytes } from './packetCut.js';

/** The same as mqtt.js has it. */
export const onTheWire = ({
  expirySeconds,
  responseTopic,
  correlation,
}: MessageProperties): NonNullable<IPublishPacket['properties']> => ({
  ...(expirySeconds === undefined ? {} : { messageExpiryInterval: expirySeconds }),
  ...(responseTopic === undefined ? {} : { responseTopic }),
  ...(correlation === undefined ? {} : { correlationData: correlation }),
});

/** A text or bytes behind their own length of two bytes. */
const field = (content: string | Buffer) => 2 + Buffer.byteLength(content);

/** How long a PUBLISH of MQTT 5 is in all, in bytes: clauses 2.1.4 and 3.3. */
export function publishBytes(
  topic: string,
  payload: Buffer,
  qos: Qos,
  { expirySeconds, responseTopic, correlation }: MessageProperties,
): number {
  const properties =
    (expirySeconds === undefined ? 0 : 1 + 4) +
    (responseTopic === undefined ? 0 : 1 + field(responseTopic)) +
    (correlation === undefined ? 0 : 1 + field(correlation));
  const packetId = qos === 0 ? 0 : 2;
  const rest = field(topic) + packetId + lengthBytes(properties).length + properties + payload.length;
  return 1 + lengthBytes(rest).length + rest;
}

/** Another broker, or smaller messages, may do. */
export const tooLongError = (mostBytes: number) =>
  new CardpadError('mqtt.too-long', 'retry', `the broker takes no packet above ${mostBytes} bytes`);
