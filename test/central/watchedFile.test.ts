import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { WatchedFile } from '../../central/watchedFile.js';
import { ManualClock } from '../../platform/clock.js';
import { messageOf } from '../../protocol/errors.js';

/** A watched file whose reading can be made to fail. */
async function watch(path: string) {
  const clock = new ManualClock();
  const problems: string[] = [];
  const taken: string[] = [];
  const state = { fails: false, loads: 0 };
  const load = async () => {
    state.loads += 1;
    if (state.fails) throw new Error('EIO');
    return readFileSync(path, 'utf8');
  };
  const file = await WatchedFile.open(path, load, clock, {
    onTaken: () => taken.push(file.value),
    onProblem: (thrown) => problems.push(messageOf(thrown)),
  });
  return { file, clock, problems, taken, state };
}

t.test('a file is read when it changed, and only then', async (t) => {
  const path = join(t.testdir({ file: 'one' }), 'file');
  const { file, state, taken } = await watch(path);
  await file.refresh();
  t.equal(state.loads, 1);
  t.same(taken, [], 'the first version is no news');
  writeFileSync(path, 'three');
  await file.refresh();
  t.same([file.value, state.loads, taken], ['three', 2, ['three']]);
  file.close();
});

t.test('a version that could not be read for a moment comes into force all the same', async (t) => {
  const path = join(t.testdir({ file: 'one' }), 'file');
  const { file, clock, problems, taken, state } = await watch(path);
  writeFileSync(path, 'three');
  state.fails = true;
  await file.refresh();
  t.equal(file.value, 'one', 'the old one stays');
  state.fails = false;
  clock.advance(5_000);
  await file.refresh();
  t.equal(file.value, 'three');
  t.same([problems, taken], [['EIO'], ['three']]);
  file.close();
});

t.test('a bad version is reported once, and tried again now and then', async (t) => {
  const path = join(t.testdir({ file: 'one' }), 'file');
  const { file, clock, problems, state } = await watch(path);
  writeFileSync(path, 'three');
  state.fails = true;
  for (let n = 0; n < 10; n++) await file.refresh();
  t.equal(state.loads, 2, 'not at every look');
  clock.advance(5_000);
  await file.refresh();
  t.equal(state.loads, 3);
  t.same(problems, ['EIO']);
  rmSync(path);
  await file.refresh();
  t.same(problems, ['EIO', 'EIO'], 'another version, another report');
  file.close();
});
