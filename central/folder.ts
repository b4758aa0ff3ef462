import { join } from 'node:path';
import { proveWritable, refuseExposedFolder } from '../platform/files.js';
import { ledgerFolder } from './keys.js';

/**
 * Looks at central's folder before anything in it is trusted or needed: nobody else may write there, and the disk takes
 * what the roles write. A central that finds out later answers gates whose records it cannot keep.
 * @param roles those that this worker plays
 * @throws CardpadError `files.exposed` | `files.unwritable` (fatal)
 */
export async function checkFolder(folder: string, roles: readonly ('verify' | 'ledger')[]): Promise<void> {
  const keys = join(folder, 'keys');
  const ledger = ledgerFolder(folder);
  for (const path of [folder, keys, ledger]) await refuseExposedFolder(path);
  // Ticket keys are made and destroyed by the hour.
  if (roles.includes('verify')) await proveWritable(keys);
  // Beside the ledger: the anchors.
  if (roles.includes('ledger')) {
    await proveWritable(folder);
    await proveWritable(ledger);
  }
}
