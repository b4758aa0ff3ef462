import { createRequire } from 'node:module';

interface MqttPacket {
  readonly writeToStream: { cacheNumbers: boolean };
}

/**
 * Keeps mqtt-packet from making a buffer for each of the 65,536 packet identifiers at the first message: 7 MB, which is
 * a third of what hung on the heap of a gate. mqtt-packet's README offers the switch, for use before anything is written.
 *
 * It must be the very copy that mqtt.js has loaded, hence not an import of our own.
 */
export function keepNoPacketNumbers(): void {
  const nextToMqtt = createRequire(createRequire(import.meta.url).resolve('mqtt'));
  const packets = nextToMqtt('mqtt-packet') as MqttPacket;
  packets.writeToStream.cacheNumbers = false;
}
