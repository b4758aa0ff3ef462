import t from 'tap';
import { inLanes, median, medianRatio, rounded, spreadPercent } from '../../../scripts/benchmarks/rounds.js';

t.test('a round in which the machine was busy does not decide', async (t) => {
  t.equal(median([3, 1, 900, 2, 2]), 2);
  const pairs = [
    [20, 10],
    [400, 200],
    [21, 10],
  ] as const;
  t.equal(medianRatio(pairs), 2, 'a busy round slows both of its pair');
  t.equal(medianRatio([...pairs, [90, 10], [1, 10]]), 2, 'and one that hit half of a pair is passed over');
});

t.test('how far the rounds lay apart is told in percent of the one in the middle', async (t) => {
  t.equal(spreadPercent([10, 12, 9]), 30);
  t.equal(spreadPercent([5]), 0);
  t.equal(spreadPercent([0, 0]), 0, 'nothing divides by zero');
});

t.test('times are told to the microsecond', async (t) => {
  t.equal(rounded(1.23456), 1.235);
});

t.test('work in lanes is done once each, never more of it at once than there are lanes', async (t) => {
  const done: number[] = [];
  let [atWork, most] = [0, 0];
  await inLanes(3, 10, async (index) => {
    atWork += 1;
    most = Math.max(most, atWork);
    await Promise.resolve();
    atWork -= 1;
    done.push(index);
  });
  t.same(
    done.toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  t.equal(most, 3);
});

t.test('work that fails in a lane is told', async (t) => {
  const failing = inLanes(2, 4, async (index) => {
    if (index === 2) throw new Error('no');
  });
  await t.rejects(failing, { message: 'no' });
});
