import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';

type Addon = typeof import('unix-dgram')['default'];

const addon: Addon | undefined = await import('unix-dgram').then(
  (found) => found.default,
  () => undefined,
);

/** Why there are no datagram sockets in a test; false where there are. Another Node than the add-on was made for has none. */
export const noDatagrams =
  addon === undefined && 'the add-on unix-dgram is not installed, or made for another Node';

/** Where a test may have a socket: its name must be short (unix(7)), and that of a test's own folder is not. */
export async function socketPath(t: Pick<Test, 'teardown'>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cardpad-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'socket');
}

/** A datagram socket of a test, and what has come in there. It ends with the test. */
export class DatagramReceiver {
  readonly received: Buffer[] = [];

  private constructor(readonly path: string) {}

  static async open(t: Pick<Test, 'teardown'>, path?: string): Promise<DatagramReceiver> {
    if (addon === undefined) throw new Error(String(noDatagrams));
    const receiver = new DatagramReceiver(path ?? (await socketPath(t)));
    const socket = addon.createSocket('unix_dgram', (message) => {
      if (message !== null) receiver.received.push(message);
    });
    t.teardown(() => socket.close());
    await new Promise<void>((resolve, reject) => {
      socket.on('listening', resolve);
      socket.on('error', reject);
      socket.bind(receiver.path);
    });
    return receiver;
  }

  get texts(): readonly string[] {
    return this.received.map((message) => message.toString('utf8'));
  }
}
