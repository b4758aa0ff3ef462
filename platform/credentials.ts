import { join } from 'node:path';
import { readFileIfThere } from './files.js';

/**
 * A secret that systemd hands to the service, out of memory and for its user alone (systemd.exec(5),
 * LoadCredential=). Its mode is not looked at: the file is root's, and an access list lets the service's user read it.
 * @returns undefined where there is none of that name
 * @throws CardpadError `files.read` (fatal)
 */
export async function readCredential(
  name: string,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Buffer | undefined> {
  const folder = environment.CREDENTIALS_DIRECTORY;
  return folder === undefined || folder === '' ? undefined : readFileIfThere(join(folder, name));
}
