import type { AppendFile, Disk } from '../../platform/disk.js';

type Operations = Record<string, unknown>;

/**
 * A disk of which every operation is counted, reading and listing too, and some of them fail.
 * @param fail the code with which the operation of this number, from 1, fails; `what` is its name
 */
export function failingDisk(
  disk: Disk,
  fail: (number: number, what: string) => string | undefined,
): { readonly disk: Disk; readonly operations: () => number } {
  let count = 0;
  const wrap = <T extends object>(
    target: T,
    leaveHalf: (what: string, args: unknown[]) => Promise<void>,
  ): T =>
    new Proxy(target, {
      get(object, name) {
        const method = (object as Operations)[String(name)];
        if (typeof method !== 'function') return method;
        return async (...args: unknown[]) => {
          count += 1;
          const code = fail(count, String(name));
          if (code !== undefined) {
            await leaveHalf(String(name), args);
            throw Object.assign(new Error(`${code}: told to fail`), { code });
          }
          const made: unknown = await method.apply(object, args);
          return name === 'create' ? wrapFile(made as AppendFile) : made;
        };
      },
    });
  // A write that fails has often done a part of its work.
  const wrapFile = (file: AppendFile): AppendFile =>
    wrap(file, async (what, [bytes]) => {
      if (what === 'append' && bytes instanceof Uint8Array)
        await file.append(bytes.subarray(0, bytes.length >> 1));
    });
  return { disk: wrap(disk, async () => {}), operations: () => count };
}
