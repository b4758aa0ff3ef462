// Runs test files, three at a time on two processors, each as a process of its own: says at once which file is done and
// what failed, keeps all that they said, and counts. Part of scripts/test.
// usage: node scripts/test-run.mjs --tap FILE [--totals FILE] [--node NODE] [--coverage] TEST-FILE ...    (built files)
// The last line: "N passed, N failed". Exit code 0 only if something ran and nothing failed.
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { delimiter, dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { Coverage } from './test-coverage.mjs';

/** Two processors have room for three: with two at a time they did nothing for 40 % of the time (measured). */
const JOBS = availableParallelism() + 1;
/** What measures how late a process is woken has the machine to itself, after all others. */
const ALONE = /test\/e2e\/soak\.test\.js$/;
/** A test ends itself, and says what it waits for, before its process is ended. */
const TEST_TIMEOUT_S = 300;
const KILL_AFTER_MS = 330_000;
const STILL_RUNNING_MS = 30_000;
/** The most lines of one failure's explanation; the whole is in the file. */
const MAX_LINES = 40;

const say = (text) => process.stdout.write(`${text}\n`);

/** What failed, with its explanation. Innermost failures only: the tests around one fail because of it. */
function failuresIn(text) {
  const lines = text.split('\n');
  return lines.flatMap((line, index) => {
    const indent = /^( *)not ok /.exec(line)?.[1];
    if (indent === undefined) return [];
    const end = lines.indexOf(`${indent}  ...`, index);
    const isExplained = lines[index + 1] === `${indent}  ---` && end > 0;
    const explanation = isExplained ? lines.slice(index, end) : [line];
    const isInnermost = explanation.some((text) =>
      /^\s*(stack|compare|tapCaught|diff|timeout|exitCode|signal):/.test(text),
    );
    return isInnermost ? [explanation.slice(0, MAX_LINES).join('\n')] : [];
  });
}

/** Runs one file to its end; never rejects. */
function runFile(file, node, rawFolder) {
  return new Promise((resolve) => {
    const startMs = performance.now();
    const path = `${dirname(node)}${delimiter}${process.env.PATH}`;
    const env = { ...process.env, PATH: path, TAP_TIMEOUT: `${TEST_TIMEOUT_S}` };
    delete env.NODE_V8_COVERAGE;
    if (rawFolder !== undefined) env.NODE_V8_COVERAGE = rawFolder;
    const child = spawn(node, [file], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    let problems = '';
    child.stdout.setEncoding('utf8').on('data', (chunk) => {
      text += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      problems += chunk;
    });
    const killer = setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
    child.once('error', ({ message }) => {
      problems += `${message}\n`;
    });
    child.once('close', (code, signal) => {
      clearTimeout(killer);
      const totals = text.split('\n').findLast((line) => /^# \{ total: \d+/.test(line)) ?? '';
      const count = (word) => Number(new RegExp(`${word}: (\\d+)`).exec(totals)?.[1] ?? 0);
      // A file that ends badly without naming a failure is one; so is one that asserts nothing.
      const isSilent = count('fail') === 0 && (code !== 0 || count('total') === 0);
      resolve({
        file,
        ended: signal ?? `exit code ${code}`,
        passed: count('pass'),
        failed: count('fail') + (isSilent ? 1 : 0),
        skipped: count('skip'),
        seconds: (performance.now() - startMs) / 1000,
        text,
        problems,
      });
    });
  });
}

function report(result, place) {
  const { file, passed, failed, skipped, seconds, text, problems, ended } = result;
  const name = file.replace(/^build\//, '').replace(/\.js$/, '.ts');
  const counts = `${passed} passed${failed > 0 ? `, ${failed} FAILED` : ''}${skipped > 0 ? `, ${skipped} skipped` : ''}`;
  say(`${place} ${name}: ${counts} (${seconds.toFixed(1)} s)`);
  if (failed === 0) return;
  const failures = failuresIn(text);
  for (const failure of failures) say(`${failure}\n`);
  if (failures.length === 0) say(`${text.split('\n').slice(-MAX_LINES).join('\n')}\n${ended}`);
  if (problems !== '') say(problems.split('\n').slice(-MAX_LINES).join('\n'));
}

async function main() {
  const { values, positionals: files } = parseArgs({
    options: {
      tap: { type: 'string' },
      totals: { type: 'string' },
      node: { type: 'string' },
      coverage: { type: 'boolean' },
    },
    allowPositionals: true,
  });
  const { tap, totals, node = process.execPath } = values;
  mkdirSync(dirname(tap), { recursive: true });
  writeFileSync(tap, '');
  const coverage = values.coverage ? new Coverage('build') : undefined;
  const sums = { passed: 0, failed: 0, skipped: 0, done: 0 };
  const running = new Map();
  const waiting = files.filter((file) => !ALONE.test(file));
  const last = files.filter((file) => ALONE.test(file));
  const width = String(files.length).length;
  const alive = setInterval(() => {
    const long = [...running].filter(([, sinceMs]) => performance.now() - sinceMs > STILL_RUNNING_MS);
    if (long.length > 0)
      say(`${' '.repeat(2 * width + 3)} still running: ${long.map(([file]) => file).join(', ')}`);
  }, STILL_RUNNING_MS);
  const serve = async (queue) => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      running.set(file, performance.now());
      const rawFolder = coverage?.folderFor(file);
      const result = await runFile(file, node, rawFolder);
      running.delete(file);
      if (rawFolder !== undefined) coverage.take(rawFolder);
      appendFileSync(tap, `# ${file}\n${result.text}${result.problems}\n`);
      for (const name of ['passed', 'failed', 'skipped']) sums[name] += result[name];
      sums.done += 1;
      report(result, `[${String(sums.done).padStart(width)}/${files.length}]`);
    }
  };
  await Promise.all(Array.from({ length: JOBS }, () => serve(waiting)));
  await serve(last);
  clearInterval(alive);
  if (coverage !== undefined) sums.failed += coverage.report(say);
  const { passed, failed, skipped } = sums;
  if (totals !== undefined) appendFileSync(totals, `${passed} ${failed} ${skipped}\n`);
  if (failed > 0) say(`everything that the tests said is in ${tap}`);
  say(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

await main();
