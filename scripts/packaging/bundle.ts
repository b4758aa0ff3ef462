import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Plugin } from 'esbuild';

/** CommonJS in a bundle of ES modules still asks for Node's own modules by `require`, and for where it is. */
const BANNER = [
  "import { createRequire as cardpadRequire } from 'node:module';",
  'const require = cardpadRequire(import.meta.url), __dirname = import.meta.dirname;',
].join(' ');

const ADDON_FINDER = /^(?:bindings|node-gyp-build)$/;

/** A stand-in for a module, bundled in its place. */
const instead = (contents: string, resolveDir: string) => ({ contents, resolveDir, loader: 'js' as const });

/**
 * `bindings` and `node-gyp-build` look for an add-on in every folder that a build may leave it in. A package knows
 * where it is: in native/, beside the bundle.
 */
const addonsBeside: Plugin = {
  name: 'add-ons beside the bundle',
  setup(build) {
    build.onResolve({ filter: ADDON_FINDER }, ({ path }) => ({ path, namespace: 'addon' }));
    const here = build.initialOptions.absWorkingDir ?? '';
    // A path that is not written out: esbuild would look for the file now.
    build.onLoad({ filter: /^bindings$/, namespace: 'addon' }, () =>
      instead(
        "const native = ['.', 'native']; module.exports = (name) => require([...native, name].join('/'));",
        here,
      ),
    );
    build.onLoad({ filter: /^node-gyp-build$/, namespace: 'addon' }, () =>
      instead("module.exports = () => require('./native/serialport.node');", here),
    );
    // Found when it runs, from the folder of the bundle.
    build.onResolve({ filter: /^\.\/native\// }, ({ path }) => ({ path, external: true }));
  },
};

/** `import('serialport')`, and not `typeof import('serialport')` nor a path. */
const LAZY_PACKAGE = /(?<!typeof )\bimport\('([a-z@][\w@/-]*)'\)/g;

/**
 * A package of CommonJS that is imported lazily has its exports by their names in Node, and under `default` alone in
 * a bundle. This gives it both again.
 */
const namesOfCommonJs: Plugin = {
  name: 'the names of CommonJS',
  setup(build) {
    build.onLoad({ filter: /\/(?:platform|drivers|daemon)\/.*\.ts$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (text.search(LAZY_PACKAGE) === -1) return undefined;
      const both = '.then((found) => ({ ...found.default, default: found.default }))';
      return { contents: text.replace(LAZY_PACKAGE, (all) => `${all}${both}`), loader: 'ts' };
    });
  },
};

/** In a bundle there is one copy of mqtt-packet, and no node_modules in which mqtt.js's own could be looked for. */
const onePacketTable: Plugin = {
  name: 'the one mqtt-packet',
  setup(build) {
    build.onLoad({ filter: /platform\/mqtt\/mqttPacket\.ts$/ }, () =>
      instead(
        `import packets from 'mqtt-packet';
export function keepNoPacketNumbers() { packets.writeToStream.cacheNumbers = false; }`,
        join(build.initialOptions.absWorkingDir ?? '', 'node_modules', 'mqtt'),
      ),
    );
  },
};

/** The folder of the npm package that a source belongs to. */
const PACKAGE = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/**
 * Bundles the program and the thread that it starts into one flat folder: `cardpad.js`, `worker.js`, and a file for each
 * command, read when it is wanted. Names stay as they are, so that a stack trace can be read.
 * @param version what `cardpad --version` says
 * @returns the folders of the npm packages whose code is in it, relative to `root`
 */
export async function bundle(root: string, version: string, folder: string): Promise<readonly string[]> {
  const { build } = await import('esbuild');
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { cardpad: 'scripts/cli/main.ts', worker: 'platform/sm2/worker.ts' },
    outdir: folder,
    entryNames: '[name]',
    chunkNames: '[name]-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.15',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    banner: { js: BANNER },
    define: { CARDPAD_VERSION: JSON.stringify(version) },
    plugins: [addonsBeside, onePacketTable, namesOfCommonJs],
    metafile: true,
    logLevel: 'warning',
  });
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }\n');
  const program = join(folder, 'cardpad.js');
  await writeFile(program, `#!/usr/bin/node\n${await readFile(program, 'utf8')}`);
  const found = Object.keys(metafile.inputs).map((path) => PACKAGE.exec(path)?.[1]);
  return [...new Set(found.filter((name) => name !== undefined))].sort();
}
