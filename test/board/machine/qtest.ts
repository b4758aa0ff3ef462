import { type Channel, openChannel } from './channel.js';
import { Stream } from './stream.js';

const WITHIN_MS = 30_000;

/** A pin of a device that changed, as QEMU saw it. */
export interface PinEdge {
  readonly pin: number;
  readonly level: 0 | 1;
}

/** QEMU's qtest protocol (system/qtest.c): reaches a device's pins and registers from outside of the processor. */
export class Qtest {
  readonly edges = new Stream<PinEdge>('edges of pins', ({ pin, level }) => `pin ${pin} ${level}`);
  readonly #answers = new Stream<string>('answers of qtest', (line) => line);
  #said = 0;

  private constructor(private readonly channel: () => Channel | undefined) {}

  static async listen(path: string): Promise<Qtest> {
    let channel: Channel | undefined;
    const qtest = new Qtest(() => channel);
    channel = await openChannel(path, (line) => qtest.#take(line));
    return qtest;
  }

  /** Sends a command; resolves with what its answer says behind OK. Answers come in the order of the commands. */
  async say(command: string): Promise<string> {
    const mine = this.#said;
    this.#said += 1;
    this.channel()?.write(command);
    const answer = await this.#answers.first(() => true, `answer to ${command}`, mine, WITHIN_MS);
    if (!answer.startsWith('OK')) throw new Error(`qtest on "${command}": ${answer}`);
    return answer.slice(2).trim();
  }

  end(reason: Error): void {
    this.edges.end(reason);
    this.#answers.end(reason);
    this.channel()?.close();
  }

  #take(line: string): void {
    const [word, what, pin] = line.split(' ');
    if (word === 'IRQ') this.edges.add({ pin: Number(pin), level: what === 'raise' ? 1 : 0 });
    else this.#answers.add(line);
  }
}
