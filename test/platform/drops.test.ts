import t from 'tap';
import { ManualClock } from '../../platform/clock.js';
import { Drops } from '../../platform/drops.js';
import { createLog } from '../../platform/log.js';

function open() {
  const clock = new ManualClock();
  const lines: string[] = [];
  const drops = new Drops(
    clock,
    createLog((line) => lines.push(line.replace(/^\S+ /, ''))),
  );
  return { clock, lines, drops };
}

t.test('each is counted, and said once a minute with how many were not said', async (t) => {
  const { clock, lines, drops } = open();
  for (let n = 0; n < 3; n++) drops.count('verify', 'gz-bus-a1', 'forged');
  t.same(lines, ['warn  dropped kind=verify who=gz-bus-a1 reason=forged']);
  clock.advance(59_999);
  drops.count('verify', 'gz-bus-a1', 'forged');
  t.equal(lines.length, 1);
  clock.advance(1);
  drops.count('verify', 'gz-bus-a1', 'forged');
  t.equal(lines[1], 'warn  dropped kind=verify who=gz-bus-a1 reason=forged unsaid=3');
  t.same(drops.counts(), { 'verify.forged': 5 });
});

t.test('another kind, sender or reason is said by itself', async (t) => {
  const { lines, drops } = open();
  drops.count('verify', 'a', 'forged');
  drops.count('hello', 'a', 'forged');
  drops.count('verify', 'b', 'forged');
  drops.count('verify', 'a', 'rate');
  t.equal(lines.length, 4);
});

t.test('invented senders fill no log, and hide no error', async (t) => {
  const { clock, lines, drops } = open();
  for (let n = 0; n < 5_000; n++) drops.count('hello', `gate-${n}`, 'not-enrolled');
  t.equal(lines.length, 120);
  drops.count('events', 'gz-bus-a1', 'record-seal', 'error');
  t.equal(lines.at(-1), 'error dropped kind=events who=gz-bus-a1 reason=record-seal');
  clock.advance(60_000);
  drops.count('hello', 'gate-x', 'not-enrolled');
  t.equal(lines.length, 122);
  t.match(drops.counts(), { 'hello.not-enrolled': 5_001 });
});

t.test('at a stop one line says how many there were of each, the most frequent first', async (t) => {
  const { lines, drops } = open();
  drops.saySum();
  t.same(lines, [], 'nothing was dropped, nothing is said');
  drops.count('hello', 'a', 'busy');
  for (let n = 0; n < 3; n++) drops.count('verify', 'b', 'forged');
  drops.saySum();
  t.equal(lines.at(-1), 'info  dropped in all verify.forged=3 hello.busy=1');
});

t.test('that line is no longer than a line, whatever came', async (t) => {
  const { lines, drops } = open();
  for (let n = 0; n < 100; n++) drops.count('verify', 'a', `reason-${n}`);
  drops.saySum();
  t.match(lines.at(-1), /^info {2}dropped in all (verify\.reason-\d+=1 ){40}rest=60$/);
});
