import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { CardpadError } from '../../protocol/errors.js';
import { toPeople } from '../cli/command.js';
import { type Architecture, NAMES } from './architecture.js';
import { install, installMissing, run } from './tools.js';

/** The kind of add-on that Node 20 loads, and so Debian 13's own Node (nodejs.org/download/releases, NODE_MODULE_VERSION). */
export const NODE_ABI = 115;

/** An add-on of C++ sources, by the name under which its JavaScript asks for it. */
interface Addon {
  readonly name: string;
  /** Its one source that includes the others, below node_modules. */
  readonly source: string;
}

export const COMPILED: readonly Addon[] = [
  { name: 'epoll', source: 'epoll/src/epoll.cc' },
  { name: 'i2c', source: 'i2c-bus/src/i2c.cc' },
  { name: 'unix_dgram', source: 'unix-dgram/src/unix_dgram.cc' },
];

/** As node-gyp calls the compiler, hardened as Debian does (dpkg-buildflags(1)), and without any trace of where. */
const flags = (root: string, name: string) =>
  [
    '-std=c++17 -O2 -fPIC -shared -s -fno-rtti -fno-exceptions -pthread',
    '-fstack-protector-strong -Wformat -Werror=format-security -Wdate-time -Wp,-D_FORTIFY_SOURCE=2',
    '-Wl,-z,relro -Wl,-z,now -Wl,--as-needed -Wl,--build-id=none',
    '-Wno-deprecated-declarations -Wno-cast-function-type',
    `-DNODE_GYP_MODULE_NAME=${name} -DBUILDING_NODE_EXTENSION -DUSING_UV_SHARED=1 -DUSING_V8_SHARED=1`,
    '-D_LARGEFILE_SOURCE -D_FILE_OFFSET_BITS=64',
    `-ffile-prefix-map=${root}=.`,
  ].join(' ');

/** Of Debian's libnode-dev. */
const HEADERS_OF_DEBIAN = '/usr/include/node';

/** The folder with node.h of the wanted kind, beside this Node or Debian's; undefined where there is none. */
export async function nodeHeaders(): Promise<string | undefined> {
  const beside = join(dirname(dirname(process.execPath)), 'include', 'node');
  for (const folder of [beside, HEADERS_OF_DEBIAN]) {
    const text = await readFile(join(folder, 'node_version.h'), 'utf8').catch(() => '');
    if (new RegExp(`define NODE_MODULE_VERSION ${NODE_ABI}$`, 'm').test(text)) return folder;
  }
  return undefined;
}

async function neededHeaders(): Promise<string> {
  const found = await nodeHeaders();
  if (found !== undefined) return found;
  await install(['libnode-dev']);
  const installed = await nodeHeaders();
  if (installed !== undefined) return installed;
  throw new CardpadError(
    'package.headers',
    'fatal',
    `there are no headers of Node 20 (ABI ${NODE_ABI}) here`,
    {
      help: 'Build on Debian 13, whose libnode-dev has them, or with the Node 20 of nodejs.org.',
    },
  );
}

/** What goes into a compiled file: another compiler, another flag or another source makes another file. */
async function fingerprint(root: string, source: string, command: string, compiler: string): Promise<string> {
  const hash = createHash('sha256').update(`${NODE_ABI}\n${command}\n${await run(compiler, ['--version'])}`);
  const folder = dirname(join(root, 'node_modules', source));
  for (const name of (await readdir(folder)).sort())
    hash.update(name).update(await readFile(join(folder, name)));
  return hash.digest('hex').slice(0, 16);
}

async function compile(
  root: string,
  include: string,
  compiler: string,
  { name, source }: Addon,
  target: string,
) {
  const options = flags(root, name);
  const kept = join(
    root,
    '.cache',
    'addons',
    `${name}-${await fingerprint(root, source, options, compiler)}.node`,
  );
  if (!existsSync(kept)) {
    toPeople(`cardpad: ${compiler} ${name} ...`);
    await mkdir(dirname(kept), { recursive: true });
    const files = [
      '-I',
      include,
      '-I',
      'node_modules/nan',
      '-o',
      `${kept}.new`,
      join('node_modules', source),
    ];
    await run(compiler, [...options.split(' '), ...files], root);
    await rename(`${kept}.new`, kept);
  }
  await copyFile(kept, target);
}

/**
 * Puts the native add-ons into a folder, as NAME.node; what was compiled stays in `.cache/` for the next time.
 * @throws CardpadError `package.headers` (fatal) | `package.missing` | `package.tool` (retry)
 */
export async function placeAddons(root: string, architecture: Architecture, folder: string): Promise<void> {
  const { nodeArch, triplet, compilerPackage, serialportFile } = NAMES[architecture];
  const compiler = `${triplet}-g++`;
  await installMissing(new Map([[compiler, process.arch === nodeArch ? 'g++' : compilerPackage]]));
  const include = await neededHeaders();
  await mkdir(folder, { recursive: true });
  for (const addon of COMPILED)
    await compile(root, include, compiler, addon, join(folder, `${addon.name}.node`));
  const made = join(root, 'node_modules', '@serialport', 'bindings-cpp', 'prebuilds', serialportFile);
  await copyFile(made, join(folder, 'serialport.node'));
}
