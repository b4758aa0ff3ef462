import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Child } from '../../e2e/support/child.js';
import { until } from '../../support/waiting.js';

const SITE = fileURLToPath(new URL('../../../scripts/staging/site.js', import.meta.url));
const CHILDREN = fileURLToPath(new URL('../../../scripts/staging/children.js', import.meta.url));

/** Sets a stage, starts on it a program that never ends by itself, and one that has ended; tells of them. */
const STAGE = `
  const { StagedSite } = await import(${JSON.stringify(SITE)});
  const { Service, tryCardpad } = await import(${JSON.stringify(CHILDREN)});
  const site = await StagedSite.make('test');
  await tryCardpad(['--version']);
  const watcher = new Service('watcher', ['simulate', 'gate', '--gpio', 'sim:' + site.folder + '/none']);
  await watcher.line('waiting');
  console.log(JSON.stringify({ folder: site.folder, pid: watcher.pid }));
  process.stdin.once('data', async () => {
    await watcher.stop();
    await site.close();
    process.stdin.destroy();
  });
`;

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function stage(t: ConstructorParameters<typeof Child>[0]) {
  const argv = ['--input-type=module', '--eval', STAGE];
  const child = new Child(t, 'stage', process.execPath, argv);
  const [line = ''] = await child.output((lines) => lines.length > 0 && lines, 'its folder');
  return { child, ...(JSON.parse(line) as { folder: string; pid: number }) };
}

t.test('a process that is killed without a word leaves no folder and no process behind', async (t) => {
  const { child, folder, pid } = await stage(t);
  t.ok(existsSync(folder));
  t.ok(runs(pid));
  await child.end('SIGKILL');
  await until(() => !runs(pid), 'the end of the program', 30_000);
  await until(() => !existsSync(folder), 'the end of the folder', 30_000);
});

t.test('one that is closed leaves nothing behind either, and ends at once', async (t) => {
  const { child, folder, pid } = await stage(t);
  child.say('close');
  t.same(await child.exited, { code: 0, signal: null }, child.stderr);
  t.notOk(runs(pid));
  t.notOk(existsSync(folder));
});
