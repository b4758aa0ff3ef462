// Part of `npm run lint`: every dependency has a license that asks for no more than being named.
import { readFileSync } from 'node:fs';

const FREE = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
]);
/** Data, not code: the list of SPDX exceptions, needed by the test tools alone. */
const FREE_FOR_TOOLS = new Set(['CC-BY-3.0']);

/** Packages whose own file says what their package.json does not. */
const READ_BY_HAND = { 'node_modules/jsonc-simple-parser': 'MIT' };

/** `(MIT OR CC0-1.0)`: one of them is enough. */
const isFree = (expression, free) =>
  expression
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((name) => free.has(name));

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8'));
const refused = [];
for (const [path, entry] of Object.entries(packages)) {
  if (path === '') continue;
  const license = entry.license ?? READ_BY_HAND[path] ?? 'none';
  const free = entry.dev === true ? new Set([...FREE, ...FREE_FOR_TOOLS]) : FREE;
  if (!isFree(license, free)) refused.push(`${path}: ${license}`);
}
if (refused.length > 0) {
  process.stderr.write(`licenses that nobody has agreed to yet:\n  ${refused.join('\n  ')}\n`);
  process.stderr.write(
    'Use another package, or add the license to scripts/check-licenses.mjs and say why.\n',
  );
  process.exitCode = 1;
}
