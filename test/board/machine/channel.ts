import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** One of the machine's virtio ports, which QEMU connects to this end. */
export interface Channel {
  readonly path: string;
  write(line: string): void;
  close(): void;
}

/** Listens for QEMU at that path; `onLine` is given each line that the machine writes. */
export async function openChannel(path: string, onLine: (line: string) => void): Promise<Channel> {
  let socket: Socket | undefined;
  const early: string[] = [];
  const server = createServer((connected) => {
    socket = connected;
    connected.on('error', () => {});
    createInterface({ input: connected })
      .on('line', onLine)
      .on('error', () => {});
    for (const line of early.splice(0)) connected.write(line);
  }).listen(path);
  await once(server, 'listening');
  return {
    path,
    write(line) {
      if (socket === undefined) early.push(`${line}\n`);
      else socket.write(`${line}\n`);
    },
    close() {
      socket?.destroy();
      server.close();
    },
  };
}
