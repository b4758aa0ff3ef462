import { Stream } from './stream.js';

/** What a script in the machine came to: its exit status and both its streams. */
export interface Done {
  readonly number: number;
  readonly status: number;
  readonly output: string;
}

const WITHIN_MS = 60_000;

/** Scripts that run in the machine, one after another, by test/board/guest/usr/local/lib/board/agent. */
export class Agent {
  readonly #answers = new Stream<Done>('answers', ({ number, status }) => `script ${number}: ${status}`);
  #number = 0;

  constructor(private readonly write: (line: string) => void) {}

  /** A line of its port: `NUMBER STATUS BASE64-OUTPUT`; number 0 says that it has started. */
  readonly take = (line: string): void => {
    const [number, status, output = ''] = line.split(' ');
    this.#answers.add({
      number: Number(number),
      status: Number(status),
      output: Buffer.from(output, 'base64').toString('utf8').trimEnd(),
    });
  };

  end(reason: Error): void {
    this.#answers.end(reason);
  }

  /** Resolves when it has started. */
  async started(withinMs: number): Promise<void> {
    await this.#answers.first(({ number }) => number === 0, 'sign of the started system', 0, withinMs);
  }

  /** Runs a shell script; resolves at its end, whatever that is. */
  try(script: string, withinMs = WITHIN_MS): Promise<Done> {
    this.#number += 1;
    const mine = this.#number;
    const from = this.#answers.count;
    this.write(`${mine} ${Buffer.from(script).toString('base64')}`);
    return this.#answers.first(({ number }) => number === mine, `end of "${script}"`, from, withinMs);
  }

  /** Runs a shell script that must succeed; gives its output. */
  async run(script: string, withinMs?: number): Promise<string> {
    const { status, output } = await this.try(script, withinMs);
    if (status !== 0) throw new Error(`in the machine "${script}" ended with ${status}: ${output}`);
    return output;
  }
}
