import t from 'tap';
import { ManualClock } from '../../platform/clock.js';
import { LineLimit } from '../../platform/lineLimit.js';

const taken = (limit: LineLimit, key: string, tries: number) =>
  Array.from({ length: tries }, () => limit.take(key)).filter(Boolean).length;

t.test('so many lines for one key in a minute, and the next minute as many', async (t) => {
  const clock = new ManualClock();
  const limit = new LineLimit(clock, 3, 100);
  t.equal(taken(limit, 'a', 10), 3);
  t.equal(taken(limit, 'b', 10), 3, 'another key has its own');
  clock.advance(59_999);
  t.equal(taken(limit, 'a', 10), 0);
  clock.advance(1);
  t.equal(taken(limit, 'a', 10), 3);
});

t.test('who invents keys gets no more than all together may', async (t) => {
  const clock = new ManualClock();
  const limit = new LineLimit(clock, 3, 100);
  const all = Array.from({ length: 10_000 }, (_, index) => limit.take(`k${index}`)).filter(Boolean);
  t.equal(all.length, 100);
  clock.advance(60_000);
  t.ok(limit.take('k0'));
});
