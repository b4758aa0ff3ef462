import type { Socket } from 'unix-dgram';
import { CardpadError, messageOf } from '../../protocol/errors.js';

/** Sends datagrams to one address of the machine, and never waits. */
export interface Datagrams {
  /** Hands one over to the kernel. @returns whether it was taken: a receiver that is slow or gone takes none */
  send(bytes: Buffer): boolean;
  close(): void;
}

type Load = () => Promise<Pick<typeof import('unix-dgram'), 'default'>>;

/** sockaddr_un has 108 bytes (unix(7)), the last of them a zero. */
const LONGEST_PATH = 107;

/**
 * @param path of a datagram socket in the file system; the add-on knows no abstract names
 * @throws CardpadError `datagram.address` (reject) | `datagram.addon-missing` (fatal) | `datagram.socket` (retry)
 */
export async function openDatagrams(
  path: string,
  load: Load = () => import('unix-dgram'),
): Promise<Datagrams> {
  if (!path.startsWith('/') || Buffer.byteLength(path) > LONGEST_PATH) {
    throw new CardpadError('datagram.address', 'reject', `${path} is not the path of a socket`);
  }
  const { default: addon } = await load().catch((cause: unknown) => {
    throw new CardpadError('datagram.addon-missing', 'fatal', 'the add-on unix-dgram is not installed', {
      help: 'Run `npm install unix-dgram@2` in the cardpad folder.',
      cause,
    });
  });
  try {
    return new UnixDatagrams(addon.createSocket('unix_dgram'), path);
  } catch (cause) {
    throw new CardpadError('datagram.socket', 'retry', `no socket can be opened: ${messageOf(cause)}`, {
      cause,
    });
  }
}

class UnixDatagrams implements Datagrams {
  #open = true;

  // Not connected: a receiver that is started anew, with a new socket of the same name, is found again.
  constructor(
    private readonly socket: Socket,
    private readonly path: string,
  ) {
    socket.on('error', () => {});
  }

  send(bytes: Buffer): boolean {
    if (!this.#open) return false;
    let taken = true;
    // The add-on's socket does not block, and calls back before it returns.
    this.socket.send(bytes, 0, bytes.length, this.path, (error) => {
      taken = error === undefined;
    });
    return taken;
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    this.socket.close();
  }
}
