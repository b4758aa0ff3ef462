import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';

/** MQTT 5 clause 2.1.2, the same in 3.1.1 clause 2.2.1. */
export const PACKET = { connect: 1, publish: 3, subscribe: 8, pingreq: 12, disconnect: 14 } as const;

export interface PacketIn {
  readonly type: number;
  /** What follows the header. */
  readonly body: Buffer;
  /** Of a CONNECT: 4 is MQTT 3.1.1, 5 is 5. */
  readonly level: number;
}

export interface FakeBroker {
  readonly url: string;
  /** The protocol level of each CONNECT so far. */
  readonly levels: readonly number[];
  /** Connections taken so far. */
  readonly taken: number;
  /** Ends every connection. */
  cut(): void;
}

interface TestScope {
  teardown(call: () => unknown): unknown;
}

/** Cuts a stream of bytes into packets; lengths up to two bytes are enough here. */
function packetReader(take: (packet: PacketIn) => void) {
  let rest = Buffer.alloc(0);
  return (bytes: Buffer) => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      const [header = 0, low = 0, high = 0] = rest;
      const start = low < 0x80 ? 2 : 3;
      const end = start + (low < 0x80 ? low : (low & 0x7f) + high * 128);
      if (rest.length < 2 || rest.length < end) return;
      const body = rest.subarray(start, end);
      rest = rest.subarray(end);
      take({ type: header >> 4, body, level: body[6] ?? 0 });
    }
  };
}

/** A server that takes connections and answers as a test wants it. */
export async function startFakeBroker(
  t: TestScope,
  answer: (packet: PacketIn, socket: Socket) => void,
): Promise<FakeBroker> {
  const sockets = new Set<Socket>();
  const levels: number[] = [];
  let taken = 0;
  const server = createServer((socket) => {
    taken += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on(
      'data',
      packetReader((packet) => {
        if (packet.type === PACKET.connect) levels.push(packet.level);
        answer(packet, socket);
      }),
    );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(() => {
    cut();
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    url: `mqtt://127.0.0.1:${address.port}`,
    levels,
    cut,
    get taken() {
      return taken;
    },
  };
}

/** CONNACK of MQTT 5 with properties: clause 3.2. */
export const connack = (...properties: number[]) =>
  Buffer.from([0x20, 3 + properties.length, 0, 0, properties.length, ...properties]);

/** Speaks one version as a broker with a single subscriber does. */
export function speak({ type, body, level }: PacketIn, socket: Socket, version: 4 | 5): void {
  const id = body.subarray(0, 2);
  const properties = version === 5 ? [0] : [];
  if (type === PACKET.connect && level === version)
    socket.write(Buffer.from([0x20, 2 + properties.length, 0, 0, ...properties]));
  if (type === PACKET.subscribe)
    socket.write(Buffer.from([0x90, 3 + properties.length, ...id, ...properties, 1]));
  if (type === PACKET.pingreq) socket.write(Buffer.from([0xd0, 0]));
}
