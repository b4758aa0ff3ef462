import { rename } from 'node:fs/promises';
import { type Adapter, Low } from 'lowdb';
import * as v from 'valibot';
import { CardpadError, codeOf } from '../protocol/errors.js';
import { type FileSteps, machineFiles } from './fileSteps.js';
import { readFileIfThere, writeFileDurable } from './files.js';

/**
 * lowdb's own file adapter renames without a flush, so a power cut can leave an empty document. This one flushes
 * file and folder, and keeps the last good copy beside it.
 */
class DurableJsonFile<T> implements Adapter<T> {
  #writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly path: string,
    private readonly schema: v.GenericSchema<unknown, T>,
    private readonly mode: number,
    private readonly onBackup: (path: string) => void,
    private readonly files: FileSteps,
  ) {}

  async read(): Promise<T | null> {
    const bytes = await readFileIfThere(this.path, this.files);
    const backup = await readFileIfThere(`${this.path}.bak`, this.files);
    if (bytes === undefined && backup === undefined) return null;
    const current = this.#parse(bytes);
    if (current !== undefined) return current;
    const copy = this.#parse(backup);
    if (copy !== undefined) {
      this.onBackup(this.path);
      return copy;
    }
    throw new CardpadError('document.damaged', 'fatal', `${this.path} is damaged, and so is its copy`, {
      help: `Restore it from a backup, or move ${this.path} and ${this.path}.bak away to begin anew.`,
    });
  }

  /** One at a time, in the order of calling: an older state never comes to lie over a newer one. */
  write(data: T): Promise<void> {
    const text = `${JSON.stringify(data, undefined, 2)}\n`;
    this.#writing = this.#writing.catch(() => {}).then(() => this.#replace(text));
    return this.#writing;
  }

  async #replace(text: string): Promise<void> {
    const old = await readFileIfThere(this.path, this.files);
    if (old !== undefined && this.#parse(old) !== undefined) {
      await writeFileDurable(`${this.path}.bak`, old, this.mode, this.files);
    }
    await writeFileDurable(this.path, text, this.mode, this.files);
  }

  #parse(bytes: Buffer | undefined): T | undefined {
    if (bytes === undefined) return undefined;
    try {
      const result = v.safeParse(this.schema, JSON.parse(bytes.toString('utf8')));
      return result.success ? result.output : undefined;
    } catch {
      return undefined;
    }
  }
}

/**
 * A small JSON document that changes rarely. Nothing per tap is written so: each write is the whole file and four
 * flushes.
 * @param onBackup told the path when the file is lost or damaged and its copy, which may be older, is had instead
 * @throws CardpadError `document.damaged` (fatal) when neither the file nor its copy is readable
 */
export async function openDocument<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  whenNew: T,
  mode = 0o600,
  onBackup: (path: string) => void = () => {},
  files: FileSteps = machineFiles,
): Promise<Low<T>> {
  const document = new Low(new DurableJsonFile(path, schema, mode, onBackup, files), whenNew);
  await document.read();
  return document;
}

/** What can be told of a document that was damaged. */
export interface DocumentDamage {
  /** Its copy is had instead, which may be older. */
  readonly onBackup: () => void;
  /** Its copy is damaged too: both are laid aside, and it begins anew. */
  readonly onLost: (thrown: unknown) => void;
}

/**
 * A document that may begin anew: no program stops for it. What is damaged stays there as `.damaged`, for who looks.
 * @throws any error of the disk
 */
export async function openOrBeginAnew<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  whenNew: T,
  { onBackup, onLost }: DocumentDamage,
  mode = 0o600,
): Promise<Low<T>> {
  try {
    return await openDocument(path, schema, whenNew, mode, onBackup);
  } catch (thrown) {
    if (codeOf(thrown) !== 'document.damaged') throw thrown;
    onLost(thrown);
    for (const damaged of [path, `${path}.bak`]) await rename(damaged, `${damaged}.damaged`).catch(() => {});
    return openDocument(path, schema, whenNew, mode);
  }
}
