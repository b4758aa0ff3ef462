import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

const CHUNK_BYTES = 16 * 1024 * 1024;

/**
 * Looks for byte strings in all memory that a process can write to, as who has taken the machine could
 * (proc_pid_mem(5)). Needs Linux, and the right to trace the process.
 * @param wanted each by a name, all of at most 1 KiB
 * @returns the names of those that are there
 */
export function findInMemory(pid: number, wanted: ReadonlyMap<string, Buffer>): Set<string> {
  const found = new Set<string>();
  const overlap = Math.max(...[...wanted.values()].map(({ length }) => length));
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    for (const [from, to] of writableRanges(pid)) {
      for (let at = from; at < to; at += CHUNK_BYTES) {
        const bytes = read(memory, at, Math.min(to - at, CHUNK_BYTES + overlap));
        for (const [name, part] of wanted) if (!found.has(name) && bytes.includes(part)) found.add(name);
      }
    }
  } finally {
    closeSync(memory);
  }
  return found;
}

function writableRanges(pid: number): [number, number][] {
  const lines = readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n');
  return lines.flatMap((line): [number, number][] => {
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    return from === undefined || to === undefined
      ? []
      : [[Number.parseInt(from, 16), Number.parseInt(to, 16)]];
  });
}

function read(memory: number, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length);
  try {
    return bytes.subarray(0, readSync(memory, bytes, 0, length, at));
  } catch {
    // A page that is mapped and not there, or gone since.
    return Buffer.alloc(0);
  }
}
