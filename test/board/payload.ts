import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../e2e/support/child.js';

const ROOMS = ['protocol', 'platform', 'drivers', 'test/drivers', 'test/support'];
/** What the add-ons onoff and i2c-bus consist of. */
const PACKAGES = ['onoff', 'epoll', 'lodash.debounce', 'i2c-bus', 'bindings', 'file-uri-to-path'];

/** The contract programs as they are compiled, in a folder in which Node finds their add-ons. */
export async function packContracts(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const room of ROOMS) await cp(join(ROOT, 'build', room), join(folder, room), { recursive: true });
  for (const name of PACKAGES) {
    const from = join(ROOT, 'node_modules', name);
    await cp(from, join(folder, 'node_modules', name), { recursive: true });
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
}
