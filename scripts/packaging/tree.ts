import { chmod, copyFile, lutimes, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { SAFE_SCRIPT } from '../../drivers/gpio/safeScript.js';
import { placeAddons } from './addons.js';
import type { Architecture } from './architecture.js';
import { bundle } from './bundle.js';
import { copyright } from './copyright.js';
import { manual } from './manual.js';
import type { Release } from './release.js';

/** Sources below the checkout to places below `/`. */
const COPIED: readonly (readonly [from: string, to: string])[] = [
  ['systemd/cardpad.service', 'usr/lib/systemd/system/cardpad.service'],
  ['systemd/cardpad.sysusers', 'usr/lib/sysusers.d/cardpad.conf'],
  ['systemd/cardpad.tmpfiles', 'usr/lib/tmpfiles.d/cardpad.conf'],
  ['systemd/99-cardpad.rules', 'usr/lib/udev/rules.d/99-cardpad.rules'],
  ['systemd/gpio-group', 'usr/lib/cardpad/gpio-group'],
  ['scripts/packaging/debian/README.Debian', 'usr/share/doc/cardpad/README.Debian'],
  ['scripts/packaging/debian/config.json', 'usr/share/doc/cardpad/examples/config.json'],
  ['docs/installing.md', 'usr/share/doc/cardpad/installing.md'],
  ['docs/wiring.svg', 'usr/share/doc/cardpad/wiring.svg'],
  ['docs/operating.md', 'usr/share/doc/cardpad/operating.md'],
  ['docs/configuration.md', 'usr/share/doc/cardpad/configuration.md'],
  ['docs/security.md', 'usr/share/doc/cardpad/security.md'],
];

const MAINTAINER = 'the cardpad authors <cardpad@packages.invalid>';

/** deb-changelog(5); what changed stands in the project's own CHANGELOG.md. */
const changelog = ({ version, epochS }: Release) => `cardpad (${version}) stable; urgency=medium

  * Built from the sources of this version.

 -- ${MAINTAINER}  ${new Date(epochS * 1000).toUTCString().replace('GMT', '+0000')}
`;

async function place(root: string, path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
}

const PROGRAMS = new Set(['cardpad.js', 'gpio-group', 'outputs-safe']);

/** Every folder 0755, every file 0644 or 0755, all of one time: what umask and the hour of the build did is gone. */
async function level(folder: string, epochS: number): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await level(path, epochS);
    else if (entry.isFile()) await chmod(path, PROGRAMS.has(entry.name) ? 0o755 : 0o644);
    await lutimes(path, epochS, epochS);
  }
  await chmod(folder, 0o755);
  await lutimes(folder, epochS, epochS);
}

/** Everything below `/` that the package brings, in a folder. */
export async function stageTree(
  checkout: string,
  release: Release,
  architecture: Architecture,
  root: string,
): Promise<void> {
  const library = join(root, 'usr/lib/cardpad');
  const bundled = await bundle(checkout, release.version, library);
  await placeAddons(checkout, architecture, join(library, 'native'));
  for (const [from, to] of COPIED) {
    await mkdir(dirname(join(root, to)), { recursive: true });
    await copyFile(join(checkout, from), join(root, to));
  }
  await place(root, 'usr/lib/cardpad/outputs-safe', SAFE_SCRIPT);
  const share = 'usr/share';
  await place(root, `${share}/doc/cardpad/copyright`, await copyright(checkout, bundled));
  await place(root, `${share}/doc/cardpad/changelog.gz`, gzipSync(changelog(release), { level: 9 }));
  const page = await manual(release.version, release.epochS);
  await place(root, `${share}/man/man1/cardpad.1.gz`, gzipSync(page, { level: 9 }));
  await mkdir(join(root, 'usr/bin'));
  await symlink('../lib/cardpad/cardpad.js', join(root, 'usr/bin/cardpad'));
  await mkdir(join(root, 'etc/cardpad'), { recursive: true });
  await level(root, release.epochS);
}
