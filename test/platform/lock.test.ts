import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { withLock } from '../../platform/lock.js';

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
  writeFileSync(`${path}.lock`, '4194305');
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
