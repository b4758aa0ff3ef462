/** What of a PUBLISH a network fault goes by. */
export interface PublishHead {
  readonly topic: string;
  readonly qos: number;
}

/** MQTT 5 clause 2.1.2, the same in 3.1.1. */
const PUBLISH = 3;
/** One byte of type and flags, then a length of at most four bytes (MQTT 5 clause 1.5.5). */
const MAX_LENGTH_BYTES = 4;

interface Length {
  readonly value: number;
  readonly bytes: number;
}

/** `undefined`: not all here yet. */
function remainingLength(packet: Buffer): Length | undefined {
  let value = 0;
  for (let at = 0; at < MAX_LENGTH_BYTES; at++) {
    const byte = packet[1 + at];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 128 ** at;
    if (byte < 0x80) return { value, bytes: at + 1 };
  }
  throw new RangeError('not MQTT: a remaining length of more than four bytes');
}

/** Cuts a stream of bytes into whole MQTT packets; of either version, since their framing is the same. */
export class MqttFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws RangeError where the bytes cannot be MQTT */
  push(bytes: Uint8Array): Buffer[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const packets: Buffer[] = [];
    for (;;) {
      const length = remainingLength(this.#rest);
      if (length === undefined) return packets;
      const end = 1 + length.bytes + length.value;
      if (this.#rest.length < end) return packets;
      packets.push(this.#rest.subarray(0, end));
      this.#rest = this.#rest.subarray(end);
    }
  }
}

/** Topic and QoS of a whole PUBLISH packet (MQTT 5 clause 3.3); undefined for any other packet. */
export function publishHead(packet: Buffer): PublishHead | undefined {
  const [first = 0] = packet;
  if (first >> 4 !== PUBLISH) return undefined;
  const at = 1 + (remainingLength(packet)?.bytes ?? 0);
  const topicBytes = packet.readUInt16BE(at);
  return { topic: packet.toString('utf8', at + 2, at + 2 + topicBytes), qos: (first >> 1) & 3 };
}
