import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { createInterface } from 'node:readline';
import { Aedes } from 'aedes';

/** A broker on a free port of the loopback interface. */
export interface StagedBroker {
  readonly url: string;
  /** For people: what it is. */
  readonly name: string;
  close(): Promise<void>;
}

/** Debian puts it where the PATH of an ordinary user does not look. */
const MOSQUITTO_PLACES = ['/usr/sbin', '/usr/local/sbin', ...(process.env.PATH ?? '').split(':')];

/** Listens on that port of the loopback interface, 0 for a free one; gives the port. */
export function listen(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** An MQTT 3.1.1 broker in this process. @param atPort to bring one back where it was; default: a free one */
export async function startAedes(atPort = 0): Promise<StagedBroker> {
  const broker = await Aedes.createBroker();
  const server = createServer((socket) => {
    socket.setNoDelay(true);
    broker.handle(socket);
  });
  const port = await listen(server, atPort);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    name: 'aedes, in this process',
    close: () =>
      new Promise((resolve) => {
        broker.close(() => server.close(() => resolve()));
      }),
  };
}

/** The program's path; undefined where it is not installed. */
export const findMosquitto = (): string | undefined =>
  MOSQUITTO_PLACES.map((folder) => `${folder}/mosquitto`).find(existsSync);

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Resolves with its version when it says that it runs; rejects with its own words when it ends instead. */
function running(broker: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    if (broker.stderr !== null) {
      createInterface({ input: broker.stderr }).on('line', (line) => {
        const version = /mosquitto version (\S+) running/.exec(line)?.[1];
        if (version !== undefined) resolve(version);
        else if (said.length < 20) said.push(line);
      });
    }
    broker.once('error', reject);
    broker.once('exit', (code) => reject(new Error(`mosquitto ended with ${code}: ${said.join('; ')}`)));
  });
}

/** A Mosquitto as it is shipped: no configuration file, so that `set_tcp_nodelay` is off (mosquitto.conf(5)). */
export async function startMosquitto(program: string): Promise<StagedBroker> {
  const port = await freePort();
  const broker = spawn(program, ['-p', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
  const kill = () => broker.kill('SIGKILL');
  process.once('exit', kill);
  const ended = new Promise<void>((resolve) => broker.once('close', () => resolve()));
  const version = await running(broker);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    name: `mosquitto ${version}, stock`,
    async close() {
      process.off('exit', kill);
      kill();
      await ended;
    },
  };
}

/** Mosquitto where it is installed, else the one in this process. */
export async function startBroker(): Promise<StagedBroker> {
  const program = findMosquitto();
  return program === undefined ? startAedes() : startMosquitto(program);
}
