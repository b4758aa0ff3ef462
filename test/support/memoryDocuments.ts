import { Low } from 'lowdb';
import * as v from 'valibot';
import type { OpenDocument } from '../../daemon/documents.js';

/** Small documents in memory, which outlive a restart. */
export class MemoryDocuments {
  /** What is written, by name. */
  readonly files = new Map<string, unknown>();
  /** How often each was written. */
  readonly writes = new Map<string, number>();
  /** A code makes reading or writing fail. */
  fail: (name: string, operation: 'read' | 'write') => string | undefined = () => undefined;

  readonly open: OpenDocument = async (name, schema, whenNew, damage) => {
    const document = new Low(this.#adapter<typeof whenNew>(name), whenNew);
    const written = this.files.get(name);
    this.#refuse(name, 'read');
    if (written === undefined) return document;
    const parsed = v.safeParse(schema, written);
    if (parsed.success) document.data = parsed.output;
    else damage.onLost(new Error('damaged'));
    return document;
  };

  #adapter<T>(name: string) {
    return {
      read: async (): Promise<T | null> => null,
      write: async (data: T): Promise<void> => {
        this.#refuse(name, 'write');
        this.files.set(name, structuredClone(data));
        this.writes.set(name, (this.writes.get(name) ?? 0) + 1);
      },
    };
  }

  #refuse(name: string, operation: 'read' | 'write'): void {
    const code = this.fail(name, operation);
    if (code !== undefined) throw Object.assign(new Error(`${code}: told to fail`), { code });
  }
}
