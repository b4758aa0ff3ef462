import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CardpadError } from '../../protocol/errors.js';

const LICENSE_FILE = /^(?:licen[cs]e|copying)(?:[._-].*)?$/i;

/** Packages whose code is in the add-ons and in no source of the bundle. */
const COMPILED_IN = [
  'epoll',
  'i2c-bus',
  'nan',
  'onoff',
  'unix-dgram',
  '@serialport/bindings-cpp',
  'node-addon-api',
];

async function licenseOf(root: string, folder: string): Promise<string> {
  const { name, version } = JSON.parse(await readFile(join(root, folder, 'package.json'), 'utf8')) as {
    readonly name: string;
    readonly version: string;
  };
  const file = (await readdir(join(root, folder))).sort().find((entry) => LICENSE_FILE.test(entry));
  if (file === undefined) {
    throw new CardpadError('package.license', 'reject', `${folder} has no license file`, {
      help: 'A package brings the license of everything in it. Use another library, or add its text here.',
    });
  }
  const text = (await readFile(join(root, folder, file), 'utf8')).replaceAll('\r\n', '\n').trim();
  return `${name} ${version}\n${'='.repeat(72)}\n\n${text}\n`;
}

/**
 * /usr/share/doc/cardpad/copyright: our license, and word for word that of everything whose code is in the package.
 * @param bundled the folders of npm packages, relative to `root`
 * @throws CardpadError `package.license` (reject)
 */
export async function copyright(root: string, bundled: readonly string[]): Promise<string> {
  const folders = new Set([...bundled, ...COMPILED_IN.map((name) => `node_modules/${name}`)]);
  const texts = await Promise.all([...folders].sort().map((folder) => licenseOf(root, folder)));
  const own = (await readFile(join(root, 'LICENSE'), 'utf8')).trim();
  return `cardpad is made by the cardpad authors, under this license:

${own}

The files of /usr/lib/cardpad also hold code of these npm packages, each under its own license.

${texts.join('\n')}`;
}
