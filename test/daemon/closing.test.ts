import t from 'tap';
import { closeTogether, Opened } from '../../daemon/closing.js';

t.test('what was opened first is closed last, one after another, also behind a failure', async (t) => {
  const opened = new Opened();
  const done: string[] = [];
  opened.add(() => void done.push('first'));
  opened.add(() => {
    throw new Error('second');
  });
  opened.add(async () => {
    await Promise.resolve();
    done.push('third');
  });
  opened.add(() => Promise.reject(new Error('fourth')));
  await t.rejects(opened.close(), { message: 'fourth' });
  t.same(done, ['third', 'first']);
  await t.resolves(opened.close(), 'and nothing twice');
});

t.test('what is closed together waits for none of the others, also beside a failure', async (t) => {
  const done: string[] = [];
  let release = () => {};
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  const closing = closeTogether([
    () => slow.then(() => void done.push('slow')),
    () => {
      throw new Error('thrown');
    },
    () => {
      done.push('quick');
      release();
    },
  ]);
  await t.rejects(closing, { message: 'thrown' });
  t.same(done, ['quick', 'slow']);
});
