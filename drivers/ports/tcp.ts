import { connect, type Socket } from 'node:net';
import type { Clock } from '../../platform/clock.js';
import { names } from '../../platform/lookup.js';
import { CardpadError, codeOf, messageOf } from '../../protocol/errors.js';
import type { Port } from './port.js';
import { StreamPort } from './streamPort.js';

/** How long a connection may take; a device server on the same network answers within milliseconds. */
export const CONNECT_TIMEOUT_MS = 3000;

/** Silence before the first probe, so that a pulled cable is found although nobody writes. */
const KEEPALIVE_MS = 5000;

const REFUSED = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH']);
const MISSING = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EADDRNOTAVAIL']);

function coded(name: string, thrown: unknown): CardpadError {
  const code = codeOf(thrown) ?? '';
  const cause = { cause: thrown };
  if (REFUSED.has(code)) {
    return new CardpadError('port.refused', 'reconnect', `Nothing answers at ${name}.`, {
      ...cause,
      help: 'Is the device server on, and is it this port of it that the reader hangs on?',
    });
  }
  if (MISSING.has(code)) {
    return new CardpadError('port.missing', 'reconnect', `The host of ${name} is not known.`, {
      ...cause,
      help: 'Check the host name in the port URL, or use the address itself.',
    });
  }
  if (code === 'EACCES' || code === 'EPERM') {
    return new CardpadError('port.denied', 'reconnect', `The system forbids connecting to ${name}.`, {
      ...cause,
      help: 'Look at the firewall of this machine and at the limits in its systemd unit.',
    });
  }
  if (code === 'ETIMEDOUT') return timedOut(name);
  return new CardpadError(
    'port.refused',
    'reconnect',
    `Cannot connect to ${name}: ${messageOf(thrown)}`,
    cause,
  );
}

function timedOut(name: string): CardpadError {
  return new CardpadError('port.timeout', 'reconnect', `${name} did not answer in time.`, {
    help: 'Check the address, the cable and the power of the device server.',
  });
}

/** A connected socket as a port. */
export function socketPort(name: string, socket: Socket): Port {
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEPALIVE_MS);
  return new StreamPort(name, socket, { shut: () => socket.destroy() });
}

/**
 * Connects to a device server (ser2net, a serial-to-Ethernet box, a simulated reader).
 * @throws CardpadError `port.refused` | `port.timeout` | `port.missing` | `port.denied` (reconnect), within 3 s
 */
export function openTcp(host: string, tcpPort: number, clock: Clock): Promise<Port> {
  const name = host.includes(':') ? `tcp://[${host}]:${tcpPort}` : `tcp://${host}:${tcpPort}`;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: tcpPort, lookup: names.lookup });
    const cancel = clock.schedule(CONNECT_TIMEOUT_MS, () => {
      socket.destroy();
      reject(timedOut(name));
    });
    const failed = (error: Error) => {
      cancel();
      socket.destroy();
      reject(coded(name, error));
    };
    socket.once('error', failed);
    socket.once('connect', () => {
      cancel();
      const port = socketPort(name, socket);
      socket.removeListener('error', failed);
      resolve(port);
    });
  });
}
