import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { planKeeper } from '../../daemon/linePlan.js';
import { silentLog } from '../../platform/log.js';

const RUN = '0123456789abcdef0123456789abcdef';

t.test('a service leaves behind which lines it drives, for its own run and its own eyes', async (t) => {
  const folder = t.testdir({});
  planKeeper(
    { RUNTIME_DIRECTORY: folder, INVOCATION_ID: RUN },
    silentLog,
  )([
    { by: 'sysfs', number: 529, level: 0 },
    { by: 'gpiochip', chip: 'gpiochip0', offset: 27, level: 1 },
    { by: 'sim', folder: '/run/lines', line: 'gate', level: 0 },
  ]);
  t.equal(
    readFileSync(join(folder, 'outputs'), 'utf8'),
    `cardpad outputs 1 ${RUN}\nsysfs\t529\t0\ngpiochip\tgpiochip0\t27\t1\nsim\t/run/lines\tgate\t0\nend 3\n`,
  );
  t.equal(statSync(join(folder, 'outputs')).mode & 0o777, 0o600);
  t.same(readdirSync(folder), ['outputs']);
});

t.test('outside of a service nothing is left anywhere', async (t) => {
  const folder = t.testdir({});
  for (const environment of [
    {},
    { RUNTIME_DIRECTORY: folder },
    { INVOCATION_ID: RUN },
    { RUNTIME_DIRECTORY: folder, INVOCATION_ID: 'not\nan id' },
  ])
    planKeeper(environment, silentLog)([]);
  t.same(readdirSync(folder), []);
});

t.test('a folder that cannot be written stops no gate, and is told', async (t) => {
  const said: string[] = [];
  const log = { ...silentLog, warn: (event: string) => void said.push(event) };
  const folder = join(t.testdir({ file: '' }), 'file');
  planKeeper({ RUNTIME_DIRECTORY: folder, INVOCATION_ID: RUN }, log)([]);
  t.same(said, ['the plan for a kill cannot be written']);
  t.notOk(existsSync(join(folder, 'outputs')));
});
