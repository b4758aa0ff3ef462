import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';

const KB = 1024;
const MB = 1e6;
const NOTHING = 'setInterval(() => {}, 2 ** 31 - 1)';

/** What a process holds in memory, in MB. */
export interface Memory {
  /** Resident: all its pages, those that it shares with others in full. */
  readonly rssMb: number;
  /** Proportional: of a page that three processes share, a third. */
  readonly pssMb: number;
  /** Pages that are in no other process. */
  readonly privateMb: number;
}

/** By `/proc/PID/smaps_rollup` (proc(5), Linux 4.14 and later). */
export async function memoryOf(pid: number): Promise<Memory> {
  const text = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mb = (field: string) => (Number(new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(text)?.[1]) * KB) / MB;
  return {
    rssMb: mb('Rss'),
    pssMb: mb('Pss'),
    privateMb: mb('Private_Clean') + mb('Private_Dirty'),
  };
}

/** A Node.js that does nothing and stays. */
export function startBareNode(): { readonly pid: number; end(): Promise<void> } {
  const child = spawn(process.execPath, ['-e', NOTHING], { stdio: 'ignore' });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  return {
    pid: child.pid ?? 0,
    async end() {
      process.off('exit', kill);
      const ended = once(child, 'close');
      kill();
      await ended;
    },
  };
}

/** `node -e 0`, from its start to its end. */
export async function runBareNode(): Promise<void> {
  await once(spawn(process.execPath, ['-e', '0'], { stdio: 'ignore' }), 'close');
}
