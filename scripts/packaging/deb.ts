import { createHash } from 'node:crypto';
import {
  chmod,
  copyFile,
  lutimes,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Architecture } from './architecture.js';
import { control } from './control.js';
import type { Release } from './release.js';
import { run } from './tools.js';
import { stageTree } from './tree.js';

const SCRIPTS = ['postinst', 'prerm', 'postrm'];

/** Paths of the files below a folder, sorted, relative to it; links are not files here. */
export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
}

const GLIBC = /GLIBC_(\d+)\.(\d+)/g;

/** The newest version of glibc's symbols that an ELF file asks for; [0, 0] where it asks for none. */
export function glibcNeeded(elf: Buffer): readonly [major: number, minor: number] {
  let most: readonly [number, number] = [0, 0];
  for (const [, major, minor] of elf.toString('latin1').matchAll(GLIBC)) {
    const found = [Number(major), Number(minor)] as const;
    if (found[0] > most[0] || (found[0] === most[0] && found[1] > most[1])) most = found;
  }
  return most;
}

async function libraries(root: string): Promise<string> {
  const native = join(root, 'usr/lib/cardpad/native');
  let most: readonly [number, number] = [2, 34];
  for (const name of await readdir(native)) {
    const found = glibcNeeded(await readFile(join(native, name)));
    if (found[1] > most[1]) most = found;
  }
  return most.join('.');
}

async function stageControl(
  checkout: string,
  root: string,
  { version, epochS }: Release,
  architecture: Architecture,
) {
  const files = await filesBelow(root);
  const sums: string[] = [];
  let bytes = 0;
  for (const file of files) {
    const content = await readFile(join(root, file));
    bytes += content.length;
    sums.push(`${createHash('md5').update(content).digest('hex')}  ${file}\n`);
  }
  const folder = join(root, 'DEBIAN');
  await mkdir(folder);
  const glibc = await libraries(root);
  await writeFile(
    join(folder, 'control'),
    control(version, architecture, Math.ceil(bytes / 1024), { glibc }),
  );
  await writeFile(join(folder, 'md5sums'), sums.join(''));
  for (const script of SCRIPTS) {
    await copyFile(join(checkout, 'scripts/packaging/debian', script), join(folder, script));
    await chmod(join(folder, script), 0o755);
  }
  for (const name of await readdir(folder)) {
    if (!SCRIPTS.includes(name)) await chmod(join(folder, name), 0o644);
    await lutimes(join(folder, name), epochS, epochS);
  }
  await chmod(folder, 0o755);
  await lutimes(folder, epochS, epochS);
}

/**
 * Builds the package for one kind of board.
 * @returns its path; the same commit gives the same bytes
 */
export async function buildDeb(
  checkout: string,
  release: Release,
  architecture: Architecture,
  out: string,
): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'cardpad-package-'));
  try {
    await chmod(root, 0o755);
    await stageTree(checkout, release, architecture, root);
    await stageControl(checkout, root, release, architecture);
    await lutimes(root, release.epochS, release.epochS);
    await mkdir(out, { recursive: true });
    const file = join(out, `cardpad_${release.version}_${architecture}.deb`);
    const how = ['--root-owner-group', '-Zxz', '--threads-max=1', '--build', root, file];
    await run('env', [`SOURCE_DATE_EPOCH=${release.epochS}`, 'dpkg-deb', ...how]);
    await stat(file);
    return file;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
