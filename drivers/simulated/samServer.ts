import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../platform/clock.js';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import { SamModule, type SamModuleOptions } from './samModule.js';

export interface SamServerOptions extends Pick<SamModuleOptions, 'refind' | 'baud' | 'seed' | 'reread'> {
  readonly host: string;
  /** 0 takes a free port. */
  readonly tcpPort: number;
  readonly clock?: Clock;
  /** Called with each piece that the module sends, as it is handed to the socket. */
  readonly onSend?: (bytes: Uint8Array) => void;
}

/** A simulated module behind a TCP port, as a serial device server would offer a real one. */
export interface SamServer {
  readonly module: SamModule;
  readonly tcpPort: number;
  close(): Promise<void>;
}

/**
 * Listens. A module has one line: a new connection takes the place of the one before.
 * @throws CardpadError `port.in-use` (retry) when the port cannot be had
 */
export async function serveSamModule(options: SamServerOptions): Promise<SamServer> {
  const { host, tcpPort, clock = systemClock, onSend, ...moduleOptions } = options;
  let line: Socket | undefined;
  const module = new SamModule({
    ...moduleOptions,
    clock,
    send: (bytes) => {
      if (line === undefined || line.destroyed) return;
      onSend?.(bytes);
      line.write(bytes);
    },
  });
  const server = createServer((socket) => {
    line?.destroy();
    line = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => module.receive(bytes));
    // A host that goes away is no event for a module.
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new CardpadError(
          'port.in-use',
          'retry',
          `cannot listen on ${host}:${tcpPort} (${codeOf(cause) ?? 'error'})`,
          {
            help: 'Choose another port, or end the program that holds it.',
            cause,
          },
        ),
      );
    });
    server.listen(tcpPort, host, resolve);
  });
  return {
    module,
    tcpPort: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        line?.destroy();
        server.close(() => resolve());
      }),
  };
}
