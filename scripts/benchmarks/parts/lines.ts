import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StagedSite } from '../../staging/site.js';

const MEMORY = '/dev/shm';

/**
 * A folder for a gate's `sim:` lines, in memory as `/run` is, where there is one. On a disk each edge is a file replaced
 * by rename, which ext4 holds up until its bytes are out (mount(8), `auto_da_alloc`): no real line does.
 */
export async function linesFolder(site: StagedSite): Promise<string> {
  const inMemory = mkdtemp(join(MEMORY, 'cardpad-bench-'));
  const folder = await inMemory.catch(() => mkdtemp(join(tmpdir(), 'cardpad-bench-lines-')));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  site.onClose(async () => {
    process.off('exit', remove);
    remove();
  });
  return folder;
}
