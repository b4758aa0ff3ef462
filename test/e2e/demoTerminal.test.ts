import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { ROOT } from './support/child.js';
import { Tmux } from './support/tmux.js';

const DEMO = join(ROOT, 'scripts', 'demo');
const TAPS = 10;
const GATE_OPENS = /"line":"gate","value":1/g;
const LOOK_EVERY_MS = 100;

t.test('a terminal that takes nothing holds up nobody: the gate goes on opening', async (t) => {
  const temporary = join(t.testdir({ tmp: {} }), 'tmp');
  const { NODE_OPTIONS: _, NO_COLOR: __, ...env } = process.env;
  // It stops reading the terminal's output when nobody reads its own.
  const terminal = spawn('script', ['-qec', `exec '${DEMO}'`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...env, TERM: 'xterm', TMPDIR: temporary },
  });
  t.teardown(() => terminal.kill('SIGKILL'));
  const { stdin: keys, stdout: screen } = terminal;
  let shown = '';
  await new Promise<void>((resolve) => {
    screen.setEncoding('utf8').on('data', (text: string) => {
      const isFirst = !shown.includes('the elder sees');
      shown += text;
      if (!isFirst || !shown.includes('the elder sees')) return;
      screen.pause();
      resolve();
    });
  });
  const opened = () => {
    const [name = ''] = readdirSync(temporary);
    const trace = join(temporary, name, 'demo-gate-1-gpio', 'trace.ndjson');
    return existsSync(trace) ? (readFileSync(trace, 'latin1').match(GATE_OPENS)?.length ?? 0) : 0;
  };
  keys.write('g'.repeat(TAPS));
  while (opened() < TAPS) await pause(LOOK_EVERY_MS);
  keys.write('q');
  screen.resume();
  t.same(await once(terminal, 'close'), [0, null]);
  t.match(shown, `{"taps":${TAPS},"verdicts":`);
  t.match(shown, '"lost":0');
  t.same(readdirSync(temporary), []);
});

t.test('a demo that is killed without a word leaves nothing behind', async (t) => {
  const lane = await Tmux.open(t, [DEMO]);
  await lane.shows(/the elder sees +\|/);
  await lane.press('g');
  await lane.shows(/\(\(✓\)\) LIT/);
  process.kill(lane.pid, 'SIGKILL');
  t.match(await lane.ended(), /ended with 137/);
  await lane.leavesNothing();
});
