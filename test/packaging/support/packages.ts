import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeHeaders } from '../../../scripts/packaging/addons.js';
import { ARCHITECTURES, type Architecture, NAMES } from '../../../scripts/packaging/architecture.js';

/** The release that the tests build: of no commit, so that nothing of the packages depends on one. */
export const RELEASE = { version: '0.1.0', epochS: Date.UTC(2026, 0, 2) / 1000 };

/** The package for this machine. */
export const OWN = ARCHITECTURES.find((name) => NAMES[name].nodeArch === process.arch) ?? 'amd64';

function answers(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Why a package for such boards cannot be built here, in words for a skipped test; false where it can. */
export async function whyNotBuilt(architecture: Architecture): Promise<string | false> {
  const compiler = `${NAMES[architecture].triplet}-g++`;
  for (const program of ['dpkg-deb', compiler]) if (!answers(program)) return `${program} is not installed`;
  return (await nodeHeaders()) === undefined && 'there are no headers of Node 20 here';
}

/** A folder outside of the checkout; gone when this process is. */
export async function folderOutside(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cardpad-packaging-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
