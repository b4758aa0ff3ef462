import t from 'tap';
import { BoundedMap } from '../../platform/boundedMap.js';

function mapOf(keys: string, most = 3) {
  const forgotten: string[] = [];
  const map = new BoundedMap<string, number>(most, (key, value) => forgotten.push(`${key}${value}`));
  for (const [at, key] of [...keys].entries()) map.set(key, at);
  return { map, forgotten, order: () => [...map.entries()].map(([key]) => key).join('') };
}

t.test('what was used longest ago is forgotten, and told of', async (t) => {
  const cases: [string, string, string[]][] = [
    ['abc', 'abc', []],
    ['abcd', 'bcd', ['a0']],
    ['abcad', 'cad', ['b1']],
    ['abcdef', 'def', ['a0', 'b1', 'c2']],
  ];
  for (const [keys, left, gone] of cases) {
    const { forgotten, order } = mapOf(keys);
    t.equal(order(), left, keys);
    t.same(forgotten, gone, keys);
  }
});

t.test('to get is to use, to ask whether it is there is not', async (t) => {
  const { map, order } = mapOf('abc');
  t.equal(map.has('a'), true);
  t.equal(order(), 'abc');
  t.equal(map.get('a'), 0);
  t.equal(order(), 'bca');
  t.equal(map.get('x'), undefined);
});

t.test('what is deleted is gone, and not told of', async (t) => {
  const { map, forgotten } = mapOf('abc');
  t.same([map.delete('a'), map.delete('a'), map.size], [true, false, 2]);
  t.same(forgotten, []);
});
