import { createServer, type Server, Socket } from 'node:net';
import { listen } from '../staging/broker.js';

/** The network cable between the gate and the broker. Central has its own and keeps it. */
export class Cable {
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #port = 0;

  constructor(private readonly toPort: number) {}

  get url(): string {
    return `mqtt://127.0.0.1:${this.#port}`;
  }

  /** Plugs it in, at the same port each time; one that is in stays in. */
  async plug(): Promise<void> {
    if (this.#server !== undefined) return;
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
