import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** A stretch of network between two programs, that can be cut or go dead. */
export interface CuttableProxy {
  readonly port: number;
  /** Connections taken so far. */
  readonly taken: number;
  /** Both ends see their connections go, as when a process is killed. */
  cut(): void;
  /** Bytes are swallowed from here on and nobody is told, as behind a dead switch. */
  readonly dead: { value: boolean };
}

interface TestScope {
  teardown(call: () => unknown): unknown;
}

export async function startProxy(t: TestScope, toPort: number): Promise<CuttableProxy> {
  const sockets = new Set<Socket>();
  const dead = { value: false };
  let taken = 0;
  const join = (from: Socket, to: Socket) => {
    sockets.add(from);
    from.setNoDelay(true);
    from.on('data', (bytes) => {
      if (!dead.value) to.write(bytes);
    });
    from.on('error', () => {});
    from.on('close', () => {
      sockets.delete(from);
      if (!dead.value) to.destroy();
    });
  };
  const server = createServer((near) => {
    taken += 1;
    const far = connect(toPort, '127.0.0.1');
    join(near, far);
    join(far, near);
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
    port: address.port,
    dead,
    cut,
    get taken() {
      return taken;
    },
  };
}
