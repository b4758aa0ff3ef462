import { open, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { isTemporary, makePrivateFolder, syncFolder, writeFileDurable } from './files.js';

/** A file that only grows. */
export interface AppendFile {
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when everything appended so far would survive a power cut (fdatasync). */
  sync(): Promise<void>;
  truncate(lengthBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** What a journal needs of a disk: one folder, injected so that full, slow and lying disks can be tried. */
export interface Disk {
  /** Names in the folder, which is made if it is missing. What a `replace` left behind when the power went is removed. */
  list(): Promise<string[]>;
  read(name: string): Promise<Buffer>;
  /** What a file holds would survive a power cut, whoever wrote it. */
  sync(name: string): Promise<void>;
  /** A new file, its name already durable. Fails when there is one of that name. */
  create(name: string): Promise<AppendFile>;
  /** A power cut at any instant leaves the old content or the new, both whole. */
  replace(name: string, bytes: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch {
    // It is not there yet; or something else is wrong, which making it tells in words.
    await makePrivateFolder(folder);
    return readdir(folder);
  }
}

/** A folder of the machine's disk. */
export function folderDisk(folder: string): Disk {
  return {
    async list() {
      const names = await namesIn(folder);
      // On a disk that cannot be written they stay for another start.
      for (const name of names.filter(isTemporary)) await unlink(join(folder, name)).catch(() => {});
      return names.filter((name) => !isTemporary(name));
    },
    read: (name) => readFile(join(folder, name)),
    async sync(name) {
      const handle = await open(join(folder, name), 'r');
      await handle.datasync().finally(() => handle.close());
    },
    async create(name) {
      const handle = await open(join(folder, name), 'ax', 0o600);
      try {
        await syncFolder(folder);
      } catch (thrown) {
        await handle.close();
        await unlink(join(folder, name)).catch(() => {});
        throw thrown;
      }
      return {
        async append(bytes) {
          await handle.appendFile(bytes);
        },
        sync: () => handle.datasync(),
        truncate: (lengthBytes) => handle.truncate(lengthBytes),
        close: () => handle.close(),
      };
    },
    replace: (name, bytes) => writeFileDurable(join(folder, name), bytes, 0o600),
    async remove(name) {
      await unlink(join(folder, name));
      await syncFolder(folder);
    },
  };
}
