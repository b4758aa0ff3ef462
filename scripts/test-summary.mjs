// The last line of scripts/test: counts the assertions in a TAP file, and fails where any failed or none ran.
import { readFileSync } from 'node:fs';

const [file, tapStatus] = process.argv.slice(2);
const totals = [...readFileSync(file, 'utf8').matchAll(/^# \{ total: (\d+)(.*)\}$/gm)].at(-1);
const count = (word) => Number(new RegExp(`${word}: (\\d+)`).exec(totals?.[2] ?? '')?.[1] ?? 0);
const passed = count('pass');
const failed = count('fail') + (Number(tapStatus) !== 0 && count('fail') === 0 ? 1 : 0);
const skipped = count('skip');
process.stdout.write(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
