import { CardpadError } from '../../protocol/errors.js';

/** Hands one datagram to the kernel and never waits. @returns whether it was taken: a slow or absent receiver takes none */
export type SendDatagram = (bytes: Buffer) => boolean;

type Load = () => Promise<Pick<typeof import('unix-dgram'), 'default'>>;

/** sockaddr_un has 108 bytes (unix(7)), the last of them a zero. */
const LONGEST_PATH = 107;

/**
 * The way to a datagram socket of this machine.
 *
 * Each datagram has a socket of its own: an open one keeps the process alive, and the add-on cannot be told otherwise.
 * Some 20 microseconds are little for what is said a few times a second; and a receiver that is started anew is found.
 *
 * @param path of the socket in the file system; the add-on knows no abstract names
 * @throws CardpadError `datagram.address` (reject), `datagram.addon-missing` (fatal)
 */
export async function datagramSender(
  path: string,
  load: Load = () => import('unix-dgram'),
): Promise<SendDatagram> {
  if (!path.startsWith('/') || Buffer.byteLength(path) > LONGEST_PATH) {
    throw new CardpadError('datagram.address', 'reject', `${path} is not the path of a socket`);
  }
  const { default: addon } = await load().catch((cause: unknown) => {
    throw new CardpadError('datagram.addon-missing', 'fatal', 'the add-on unix-dgram is not installed', {
      help: 'Run `npm install unix-dgram@2` in the cardpad folder.',
      cause,
    });
  });
  return (bytes) => {
    try {
      const socket = addon.createSocket('unix_dgram');
      let taken = false;
      // The socket does not block, and calls back before it returns.
      socket.send(bytes, 0, bytes.length, path, (error) => {
        taken = error === undefined;
      });
      socket.close();
      return taken;
    } catch {
      // No descriptor is free.
      return false;
    }
  };
}
