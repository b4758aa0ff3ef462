// Part of `npm run lint`: the rules of CONTRIBUTING.md that no other tool holds, and that each rule there has a command.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

const ROOMS = ['protocol', 'platform', 'drivers', 'daemon', 'central', 'scripts', 'test'];
const PAGE_LINES = 60;

/** Comments that switch a check off. `biome-ignore` and `@ts-expect-error` may stand with a reason. */
const SWITCHED_OFF = [
  [
    /\b(?:c8|v8|istanbul|node:coverage)[ \t]+(?:ignore|disable)/,
    'coverage has no exceptions: test it, or remove it',
  ],
  [/@ts-(?:ignore|nocheck)/, 'use @ts-expect-error and say why, or mend the type'],
  [/@ts-expect-error\W*$/m, 'say why after @ts-expect-error'],
  [/eslint-disable/, 'this is not linted with eslint'],
  [/biome-ignore[^:\n]*(?::\s*)?$/m, 'say why after biome-ignore'],
];

const SLEEP = /\bsetTimeout\b|\bsleep\(|timers\/promises/;
/** Tests in which time itself is what happens. */
const MAY_WAIT = {
  'test/e2e/memory.test.ts': 'the collector, which has its own time',
  'test/central/manyHellos.test.ts': 'gates that ask again at their own pace',
  'test/drivers/safety.test.ts': 'the text of a program that dies from a timer',
  'test/e2e/demoTerminal.test.ts': 'a terminal that takes its bytes at a pace',
  'test/e2e/drain.test.ts': 'people who come at a pace',
  'test/e2e/kills.test.ts': 'a kill at an instant drawn by chance',
};

const problems = [];
const files = ROOMS.flatMap((room) =>
  readdirSync(room, { recursive: true }).map((name) => `${room}/${name.replaceAll('\\', '/')}`),
).filter((path) => /\.(?:ts|mjs|cjs)$/.test(path));

for (const path of files) {
  // The patterns themselves stand here.
  if (path === 'scripts/check-rules.mjs') continue;
  const text = readFileSync(path, 'utf8');
  for (const [pattern, help] of SWITCHED_OFF) {
    const found = pattern.exec(text);
    if (found) problems.push(`${path}: "${found[0].trim()}": ${help}`);
  }
  if (path.endsWith('.test.ts') && MAY_WAIT[path] === undefined && SLEEP.test(text))
    problems.push(`${path}: a test waits for events and never for time; see test/support/waiting.ts`);
}
for (const path of Object.keys(MAY_WAIT)) {
  if (!existsSync(path)) problems.push(`scripts/check-rules.mjs lists ${path}, which is gone`);
}

const page = readFileSync('CONTRIBUTING.md', 'utf8');
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
const rows = page.split('\n').filter((line) => /^\| (?!rule|-)/.test(line));
if (rows.length < 5) problems.push('CONTRIBUTING.md: the table of rules is not where it was');
for (const row of rows) {
  const heldBy = row.split('|').at(-2) ?? '';
  if (!/`(?:npm run|scripts\/|test\/)/.test(heldBy))
    problems.push(`CONTRIBUTING.md: no command holds this: ${row}`);
}
for (const [, command] of page.matchAll(/npm run ([a-z:]+)/g)) {
  if (scripts[command] === undefined)
    problems.push(`CONTRIBUTING.md: package.json has no script "${command}"`);
}
for (const [, path] of page.matchAll(/\b((?:scripts|test|docs)\/[A-Za-z0-9/.-]*[A-Za-z0-9])/g)) {
  if (!existsSync(path)) problems.push(`CONTRIBUTING.md names ${path}, which is not there`);
}
if (page.split('\n').length > PAGE_LINES) problems.push(`CONTRIBUTING.md is one page: ${PAGE_LINES} lines`);
if (!/^exec scripts\/test$/m.test(readFileSync('.ci/run', 'utf8')))
  problems.push('.ci/run must run scripts/test, and nothing else');

for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
