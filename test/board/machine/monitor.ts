import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { Stream } from './stream.js';

const WITHIN_MS = 30_000;

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
  readonly id?: number;
  readonly QMP?: unknown;
  readonly event?: string;
  readonly data?: { readonly device?: string };
}

/** QEMU's own control, by its QMP protocol. */
export class Monitor {
  readonly #replies = new Stream<Reply>('replies', (reply) => JSON.stringify(reply));
  #socket: Socket | undefined;
  #number = 0;

  private constructor(readonly path: string) {}

  static async listen(path: string): Promise<Monitor> {
    const monitor = new Monitor(path);
    const server = createServer((socket) => {
      server.close();
      monitor.#take(socket);
    }).listen(path);
    await once(server, 'listening');
    return monitor;
  }

  #take(socket: Socket): void {
    this.#socket = socket;
    socket.on('error', () => {});
    const reply = (line: string) => this.#replies.add(JSON.parse(line));
    createInterface({ input: socket })
      .on('line', reply)
      .on('error', () => {});
  }

  end(reason: Error): void {
    this.#replies.end(reason);
  }

  /** Resolves when QEMU takes commands. */
  async ready(): Promise<void> {
    await this.#replies.first(({ QMP }) => QMP !== undefined, 'greeting of QEMU', 0, WITHIN_MS);
    await this.do('qmp_capabilities');
  }

  async do(command: string, argumentsOf: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.#number += 1;
    const mine = this.#number;
    const from = this.#replies.count;
    this.#socket?.write(`${JSON.stringify({ execute: command, arguments: argumentsOf, id: mine })}\n`);
    const reply = await this.#replies.first(({ id }) => id === mine, `answer to ${command}`, from, WITHIN_MS);
    if (reply.error !== undefined) throw new Error(`QEMU refuses ${command}: ${reply.error.desc}`);
    return reply.return;
  }

  /** A command that only its interactive monitor has. */
  async say(line: string): Promise<void> {
    const words = String(await this.do('human-monitor-command', { 'command-line': line })).trim();
    if (words !== '') throw new Error(`QEMU on "${line}": ${words}`);
  }

  /** Takes a device away; resolves when it is gone. */
  async remove(device: string): Promise<void> {
    const from = this.#replies.count;
    await this.do('device_del', { id: device });
    const gone = ({ event, data }: Reply) => event === 'DEVICE_DELETED' && data?.device === device;
    await this.#replies.first(gone, `end of ${device}`, from, WITHIN_MS);
  }
}
