// The end of scripts/test: says what failed and why, then counts the assertions. Fails where any failed or none ran.
import { readFileSync } from 'node:fs';

const [file, tapStatus] = process.argv.slice(2);
const lines = readFileSync(file, 'utf8').split('\n');

/** The most lines of one failure's explanation; the whole is in the file. */
const MAX_LINES = 40;

// Innermost failures only: the tests around one fail because of it.
for (const [index, line] of lines.entries()) {
  const indent = /^( *)not ok /.exec(line)?.[1];
  if (indent === undefined) continue;
  const yamlEnd = lines.indexOf(`${indent}  ...`, index);
  const explanation =
    lines[index + 1] === `${indent}  ---` && yamlEnd > 0 ? lines.slice(index, yamlEnd) : [line];
  if (
    /^ *# Subtest/.test(lines[index + 1] ?? '') ||
    !explanation.some((text) => /^\s*(at:|stack:|source:|exitCode:|signal:|timeout:)/.test(text))
  )
    continue;
  process.stdout.write(`${explanation.slice(0, MAX_LINES).join('\n')}\n\n`);
}

const totals = lines.findLast((line) => /^# \{ total: \d+/.test(line)) ?? '';
const count = (word) => Number(new RegExp(`${word}: (\\d+)`).exec(totals)?.[1] ?? 0);
const passed = count('pass');
const failed = count('fail') + (Number(tapStatus) !== 0 && count('fail') === 0 ? 1 : 0);
const skipped = count('skip');
if (failed > 0) process.stdout.write(`everything that the tests said is in ${file}\n`);
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
