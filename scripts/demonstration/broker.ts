import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { Aedes } from 'aedes';

/** An MQTT 3.1.1 broker in this process, on the loopback interface. */
export interface DemoBroker {
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

function listen(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** @param atPort to bring one back where it was; default: a free one */
export async function startBroker(atPort = 0): Promise<DemoBroker> {
  const broker = await Aedes.createBroker();
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    broker.handle(socket);
  });
  const port = await listen(server, atPort);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        broker.close(() => server.close(() => resolve()));
      }),
  };
}

/** The network cable between the gate and the broker. Central has its own and keeps it. */
export class Cable {
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  constructor(private readonly toPort: number) {}

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** Plugs it in, at the same port each time. */
  async plug(): Promise<void> {
    const server = createServer((near) => {
      const far = new Socket();
      this.#join(near, far);
      this.#join(far, near);
      far.connect(this.toPort, '127.0.0.1');
    });
    this.#port = await listen(server, this.#port);
    this.#server = server;
  }

  /** Pulls it: connections break, and new ones are refused. */
  async pull(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (bytes) => to.write(bytes));
    // A pulled cable is no error here: it is what the demo shows.
    from.on('error', () => {});
    from.on('close', () => {
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
