import { watch } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';

const OUTCOME_LAMPS = ['green', 'yellow', 'red', 'white'];
const LOOK_EVERY_MS = 50;

interface Edge {
  readonly ns: bigint;
  readonly line: string;
  readonly value: number;
}

/** Reads the edges that a `sim:` GPIO writes to its trace, as they come. */
export class Trace {
  readonly #edges: Edge[] = [];
  #rest = '';
  #file: FileHandle | undefined;

  /** @param folder the lines' */
  constructor(private readonly folder: string) {}

  /**
   * When the first outcome lamp was lit after a moment; undefined when none was within `withinMs`.
   * @param from gives the moment, in nanoseconds of the monotonic clock, or undefined while it has not come yet
   */
  async outcomeAfter(from: () => bigint | undefined, withinMs: number): Promise<bigint | undefined> {
    const giveUp = AbortSignal.timeout(withinMs);
    while (!giveUp.aborted) {
      await this.#read();
      const fromNs = from();
      const edge = this.#edges.find(
        ({ ns, line, value }) =>
          fromNs !== undefined && ns >= fromNs && value === 1 && OUTCOME_LAMPS.includes(line),
      );
      if (edge !== undefined) {
        this.#edges.length = 0;
        return edge.ns;
      }
      await this.#changed();
    }
    return undefined;
  }

  async close(): Promise<void> {
    await this.#file?.close();
  }

  async #read(): Promise<void> {
    // There is no trace before the first edge.
    this.#file ??= await open(join(this.folder, 'trace.ndjson'), 'r').catch(() => undefined);
    if (this.#file === undefined) return;
    const lines = (this.#rest + (await this.#file.readFile('utf8'))).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const { ns, ...edge } = JSON.parse(line) as { ns: string; line: string; value: number };
      this.#edges.push({ ...edge, ns: BigInt(ns) });
    }
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      const watcher = watch(this.folder, done);
      const timer = setTimeout(done, LOOK_EVERY_MS);
      function done() {
        watcher.close();
        clearTimeout(timer);
        resolve();
      }
    });
  }
}
