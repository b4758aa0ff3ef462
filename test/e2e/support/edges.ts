import { closeSync, type FSWatcher, openSync, readFileSync, readSync, watch } from 'node:fs';
import { join } from 'node:path';
import { Changes } from './changes.js';

export interface Edge {
  readonly ns: bigint;
  readonly line: string;
  readonly value: number;
}

const CHUNK_BYTES = 64 * 1024;

/** What the lines of a `sim:` GPIO did, from the trace that the daemon writes, and their levels now. */
export class Edges {
  readonly #edges: Edge[] = [];
  readonly #changes = new Changes();
  readonly #watcher: FSWatcher;
  #rest = '';
  #readBytes = 0;

  constructor(private readonly folder: string) {
    this.#watcher = watch(folder, () => this.#changes.happened());
  }

  /** How many there are so far: where a later look begins. */
  get count(): number {
    this.#read();
    return this.#edges.length;
  }

  since(from: number, line?: string): Edge[] {
    this.#read();
    return this.#edges.slice(from).filter((edge) => line === undefined || edge.line === line);
  }

  /** The names of the lines that went to 1 since then, each once. */
  litSince(from: number): string[] {
    const lit = this.since(from).filter(({ value }) => value === 1);
    return [...new Set(lit.map(({ line }) => line))].sort();
  }

  /** Waits for a line to go to that level, `times` times. */
  edge(line: string, value: 0 | 1, from: number, times = 1): Promise<Edge> {
    return this.#changes.until(
      () => this.since(from, line).filter((edge) => edge.value === value)[times - 1],
      () => `${line} to go to ${value}; the edges were ${this.#shown(from)}`,
    );
  }

  /** Waits until a line has that level; it may have it already. */
  async becomes(line: string, level: '0' | '1'): Promise<void> {
    await this.#changes.until(
      () => this.level(line) === level,
      () => `${line} to be ${level}`,
    );
  }

  /** The electrical level of a line, as its file has it. */
  level(line: string): string {
    return readFileSync(join(this.folder, line), 'latin1');
  }

  close(): void {
    this.#watcher.close();
  }

  #read(): void {
    let file: number;
    try {
      file = openSync(join(this.folder, 'trace.ndjson'), 'r');
    } catch {
      // There is no trace before the first edge.
      return;
    }
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const bytes = readSync(file, chunk, 0, CHUNK_BYTES, this.#readBytes);
      if (bytes === 0) break;
      this.#readBytes += bytes;
      this.#rest += chunk.toString('latin1', 0, bytes);
    }
    closeSync(file);
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const { ns, ...edge } = JSON.parse(line) as { ns: string; line: string; value: number };
      this.#edges.push({ ...edge, ns: BigInt(ns) });
    }
  }

  #shown(from: number): string {
    return this.since(from)
      .map(({ line, value }) => `${line}=${value}`)
      .join(' ');
  }
}
