import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { holdLock, withLock } from '../../platform/lock.js';

t.test('what several want to change at once is changed by one after the other', async (t) => {
  const path = join(t.testdir({}), 'document.json');
  let inside = 0;
  let most = 0;
  const results = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      withLock(path, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise(setImmediate);
        inside -= 1;
        return index;
      }),
    ),
  );
  t.equal(most, 1);
  t.same(results, [0, 1, 2, 3, 4, 5, 6, 7]);
  t.notOk(existsSync(`${path}.lock`));
});

t.test('the lock of a process that was killed is no lock', async (t) => {
  const path = join(t.testdir({}), 'document.json');
  // Beyond what Linux gives out (4,194,304): nobody has it.
  writeFileSync(`${path}.lock`, '4194305 a-boot 1');
  t.equal(await withLock(path, async () => 'done'), 'done');
});

t.test('work that fails frees the lock', async (t) => {
  const path = join(t.testdir({}), 'document.json');
  await t.rejects(
    withLock(path, () => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  t.equal(await withLock(path, async () => 'done'), 'done');
});

t.test(
  'a number that another process has since, or that was never written down, holds no lock',
  async (t) => {
    const path = join(t.testdir({}), 'document.json');
    for (const holder of [`${process.ppid} another-boot 1`, `${process.pid}`, '', 'garbage']) {
      writeFileSync(`${path}.lock`, holder);
      t.equal(await withLock(path, async () => 'done'), 'done', holder);
    }
  },
);

t.test('a folder in use is refused, and free again when its program is done', async (t) => {
  const lock = join(t.testdir({}), 'run.lock');
  const free = await holdLock(lock, 'the folder');
  await t.rejects(holdLock(lock, 'the folder'), { code: 'files.in-use', disposition: 'fatal' });
  await free();
  await (await holdLock(lock, 'the folder'))();
});
