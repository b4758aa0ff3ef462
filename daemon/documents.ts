import { join } from 'node:path';
import type { Low } from 'lowdb';
import type * as v from 'valibot';
import { type DocumentDamage, openOrBeginAnew } from '../platform/document.js';
import type { Log } from '../platform/log.js';
import { codeOf, messageOf } from '../protocol/errors.js';

/**
 * Opens a small document of this gate by its name, such as `clock.json`: a file in its data folder that changes rarely
 * and may begin anew.
 * @throws any error of the disk
 */
export type OpenDocument = <T>(
  name: string,
  schema: v.GenericSchema<unknown, T>,
  whenNew: T,
  damage: DocumentDamage,
) => Promise<Low<T>>;

export const documentsIn =
  (dataDir: string): OpenDocument =>
  (name, schema, whenNew, damage) =>
    openOrBeginAnew(join(dataDir, name), schema, whenNew, damage);

/**
 * Opens a document that no gate needs in order to start: what is wrong with it is said, and undefined stands for one
 * that cannot be read at all.
 */
export async function openUnneeded<T>(
  open: OpenDocument,
  name: string,
  schema: v.GenericSchema<unknown, T>,
  whenNew: T,
  log: Log,
): Promise<Low<T> | undefined> {
  const damage = {
    onBackup: () => log.warn('document damaged, its copy is in force', { name }),
    onLost: () => log.warn('document damaged, it begins anew', { name }),
  };
  try {
    return await open(name, schema, whenNew, damage);
  } catch (thrown) {
    log.warn('document unreadable', { name, problem: codeOf(thrown) ?? messageOf(thrown) });
    return undefined;
  }
}
