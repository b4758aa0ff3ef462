import { open, readFile, rename, unlink } from 'node:fs/promises';

/** A file that is being written anew. */
export interface NewFile {
  write(bytes: Uint8Array | string): Promise<void>;
  /** Resolves when its content would survive a power cut (fdatasync). */
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** What a durable write is made of: a port, so that a power cut can be tried behind each step. */
export interface FileSteps {
  /** @throws ENOENT where there is none */
  read(path: string): Promise<Buffer>;
  /** @throws EEXIST where there is one of that name */
  create(path: string, mode: number): Promise<NewFile>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Resolves when what was created, renamed and removed in it would survive a power cut (fsync of the folder). */
  syncFolder(folder: string): Promise<void>;
}

/** The machine's own files. */
export const machineFiles: FileSteps = {
  read: (path) => readFile(path),
  async create(path, mode) {
    const handle = await open(path, 'wx', mode);
    return {
      write: (bytes) => handle.writeFile(bytes),
      datasync: () => handle.datasync(),
      close: () => handle.close(),
    };
  },
  rename,
  unlink,
  async syncFolder(folder) {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
