// Part of `npm run lint`: no file of ours grows beyond what one reads in one go, and the lock names no registry.
import { readdirSync, readFileSync } from 'node:fs';

const MOST_LINES = 400;
const ROOMS = ['protocol', 'platform', 'drivers', 'daemon', 'central', 'scripts', 'test'];

const files = ROOMS.flatMap((room) =>
  readdirSync(room, { recursive: true }).map((name) => `${room}/${name.replaceAll('\\', '/')}`),
).filter((path) => /\.(?:ts|mjs|cjs)$/.test(path));
const problems = files
  .map((path) => ({ path, lines: readFileSync(path, 'utf8').split('\n').length - 1 }))
  .filter(({ lines }) => lines > MOST_LINES)
  .map(
    ({ path, lines }) =>
      `${path} has ${lines} lines, the most is ${MOST_LINES}: give a part of it its own file`,
  );
if (readFileSync('package-lock.json', 'utf8').includes('"resolved"'))
  problems.push('package-lock.json holds download addresses: npm install with the .npmrc of this checkout');
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
