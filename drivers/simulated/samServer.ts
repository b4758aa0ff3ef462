import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { type Clock, systemClock } from '../../platform/clock.js';
import { CardpadError, codeOf } from '../../protocol/errors.js';
import { SamModule, type SamModuleOptions } from './samModule.js';

/** Where something simulated listens, and who watches the line. */
export interface LineServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly tcpPort: number;
  /** Called with each piece that the device sends, as it is handed to the socket. */
  readonly onSend?: (bytes: Uint8Array) => void;
  /** Called with each piece that the host sends, before the device has it. */
  readonly onReceive?: (bytes: Uint8Array) => void;
}

/** Something at the far end of a serial line. */
export interface LineDevice {
  receive(bytes: Uint8Array): void;
}

/** A simulated device behind a TCP port, as a serial device server would offer a real one. */
export interface LineServer<D extends LineDevice> {
  readonly device: D;
  readonly tcpPort: number;
  close(): Promise<void>;
}

/**
 * Listens. A device has one line: a new connection takes the place of the one before.
 * @param make is given what the device sends through
 * @throws CardpadError `port.in-use` (retry) when the port cannot be had
 */
export async function serveLine<D extends LineDevice>(
  { host, tcpPort, onSend, onReceive }: LineServerOptions,
  make: (send: (bytes: Uint8Array) => void) => D,
): Promise<LineServer<D>> {
  let line: Socket | undefined;
  const device = make((bytes) => {
    if (line === undefined || line.destroyed) return;
    onSend?.(bytes);
    line.write(bytes);
  });
  const server = createServer((socket) => {
    line?.destroy();
    line = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      onReceive?.(bytes);
      device.receive(bytes);
    });
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
            help: 'Choose another port or an address of this machine, or end the program that holds the port.',
            cause,
          },
        ),
      );
    });
    server.listen(tcpPort, host, resolve);
  });
  return {
    device,
    tcpPort: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        line?.destroy();
        server.close(() => resolve());
      }),
  };
}

export interface SamServerOptions
  extends LineServerOptions,
    Pick<SamModuleOptions, 'refind' | 'baud' | 'seed' | 'reread'> {
  readonly clock?: Clock;
}

/** A simulated module behind a TCP port. */
export interface SamServer {
  readonly module: SamModule;
  readonly tcpPort: number;
  close(): Promise<void>;
}

/** @throws CardpadError `port.in-use` (retry) when the port cannot be had */
export async function serveSamModule(options: SamServerOptions): Promise<SamServer> {
  const { host, tcpPort, onSend, onReceive, clock = systemClock, ...moduleOptions } = options;
  const watchers = {
    ...(onSend === undefined ? {} : { onSend }),
    ...(onReceive === undefined ? {} : { onReceive }),
  };
  const { device, ...server } = await serveLine(
    { host, tcpPort, ...watchers },
    (send) => new SamModule({ ...moduleOptions, clock, send }),
  );
  return { module: device, ...server };
}
