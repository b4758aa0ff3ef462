import { join } from 'node:path';
import t from 'tap';
import { mustRun, startCardpad } from './support/child.js';

t.test('SIGUSR2 turns debug lines on in a running program, and off again', async (t) => {
  const folder = join(t.testdir({}), 'central');
  await mustRun(t, ['central', 'init', '--data', folder]);
  const central = startCardpad(t, ['central', 'run', '--data', folder, '--broker', 'mqtt://127.0.0.1:1']);
  await central.line(/cannot connect/);
  for (const level of ['debug', 'info']) {
    central.signal('SIGUSR2');
    await central.line(new RegExp(`log level level=${level}`));
  }
  t.equal((await central.end('SIGTERM')).code, 0);
});
