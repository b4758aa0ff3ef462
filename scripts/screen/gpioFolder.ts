import {
  closeSync,
  type FSWatcher,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  watch,
} from 'node:fs';
import { join } from 'node:path';

/** A line of a `sim:` folder went to a level. */
export interface LevelChange {
  /** On the monotonic clock of this system. */
  readonly ns: bigint;
  readonly line: string;
  readonly value: 0 | 1;
}

const TRACE = 'trace.ndjson';
/** The net under notifications, which a system may lose. */
const LOOK_EVERY_MS = 200;
const CHUNK_BYTES = 64 * 1024;
/** A trace line is 60 bytes; what has no end is no trace. */
const MAX_REST = 4096;
const LINE_NAME = /^[a-z0-9-]{1,32}$/;

function parseEdge(text: string): LevelChange | undefined {
  try {
    const { ns, line, value } = JSON.parse(text) as Record<string, unknown>;
    if (typeof ns !== 'string' || !/^\d{1,20}$/.test(ns)) return undefined;
    if (typeof line !== 'string' || !LINE_NAME.test(line)) return undefined;
    return value === 0 || value === 1 ? { ns: BigInt(ns), line, value } : undefined;
  } catch {
    return undefined;
  }
}

/** What was appended to a file since the last look. */
class Tail {
  #offset = 0;
  #rest = '';

  constructor(private readonly path: string) {}

  lines(): string[] {
    let file: number;
    try {
      file = openSync(this.path, 'r');
    } catch {
      // There is no trace before the first edge.
      return [];
    }
    try {
      // Another file under this name, or one that was emptied: from its beginning.
      if (fstatSync(file).size < this.#offset) this.#offset = 0;
      return this.#read(file);
    } finally {
      closeSync(file);
    }
  }

  #read(file: number): string[] {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    const lines: string[] = [];
    for (;;) {
      const bytes = readSync(file, chunk, 0, CHUNK_BYTES, this.#offset);
      if (bytes === 0) return lines;
      this.#offset += bytes;
      const parts = (this.#rest + chunk.toString('latin1', 0, bytes)).split('\n');
      this.#rest = (parts.pop() ?? '').slice(0, MAX_REST);
      lines.push(...parts);
    }
  }
}

/**
 * Follows the lines of a `sim:` GPIO folder: first the level of each line there is, then each edge from the trace
 * with its own time. A level that changed without an edge (a line that appeared, a file written by hand) is told a
 * moment later, with the time at which it was seen. Waits for a folder that is not there yet.
 */
export class GpioFolder {
  readonly #levels = new Map<string, 0 | 1>();
  readonly #trace: Tail;
  /** Levels that no edge has told of, since the look before: the trace is written after the level. */
  #untold = new Map<string, 0 | 1>();
  #watcher: FSWatcher | undefined;
  #started = false;
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly folder: string,
    private readonly onChange: (change: LevelChange) => void,
  ) {
    this.#trace = new Tail(join(folder, TRACE));
    this.#timer = setInterval(() => this.#tick(), LOOK_EVERY_MS);
    this.#tick();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  #tick(): void {
    this.#watch();
    const found = this.#readLevels();
    if (found === undefined) return;
    if (!this.#started) {
      this.#started = true;
      // The edges that led to these levels are the past.
      this.#trace.lines();
      for (const [line, value] of found) this.#tell({ ns: process.hrtime.bigint(), line, value });
      return;
    }
    this.#readTrace();
    const differing = [...found].filter(([line, value]) => this.#levels.get(line) !== value);
    for (const [line, value] of differing) {
      if (this.#untold.get(line) === value) this.#tell({ ns: process.hrtime.bigint(), line, value });
    }
    this.#untold = new Map(differing);
  }

  #watch(): void {
    if (this.#watcher !== undefined) return;
    try {
      this.#watcher = watch(this.folder, { persistent: false }, () => {
        if (this.#started) this.#readTrace();
      });
    } catch {
      // It is not there yet; the next tick looks again.
      return;
    }
    this.#watcher.on('error', () => {
      this.#watcher?.close();
      this.#watcher = undefined;
    });
  }

  #readTrace(): void {
    for (const text of this.#trace.lines()) {
      const edge = parseEdge(text);
      if (edge !== undefined && this.#levels.get(edge.line) !== edge.value) this.#tell(edge);
    }
  }

  #tell(change: LevelChange): void {
    this.#levels.set(change.line, change.value);
    this.onChange(change);
  }

  /** By name; undefined while there is no folder. */
  #readLevels(): Map<string, 0 | 1> | undefined {
    const levels = new Map<string, 0 | 1>();
    try {
      for (const line of readdirSync(this.folder).sort()) {
        if (!LINE_NAME.test(line)) continue;
        const text = readFileSync(join(this.folder, line), 'latin1').trim();
        if (text === '0' || text === '1') levels.set(line, text === '1' ? 1 : 0);
      }
    } catch {
      // The folder is missing, or was removed under us.
      return levels.size === 0 ? undefined : levels;
    }
    return levels;
  }
}
