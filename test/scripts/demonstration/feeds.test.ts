import t from 'tap';
import { fromGateLog } from '../../../scripts/demonstration/live/gateLog.js';
import { Happenings } from '../../../scripts/demonstration/live/happenings.js';
import { ending } from '../../../scripts/demonstration/live/live.js';
import { MemoryQueue } from '../../../scripts/demonstration/live/tally.js';
import { timeLine } from '../../../scripts/demonstration/live/timing.js';

const TIMES: readonly (readonly [string, Parameters<typeof timeLine>[0], string])[] = [
  [
    'question and photo at once: the network lies within the time',
    { totalMs: 2.1, tookMs: 2, networkMs: 1.3 },
    '2.1 ms, 1.3 of it the network',
  ],
  [
    'the answer came before the photo was whole: none of it lies within',
    { totalMs: 1.1, tookMs: 94, networkMs: 2.4 },
    '1.1 ms, 0.0 of it the network (2.4 before)',
  ],
  [
    'the answer came a little after the last byte: a part lies within',
    { totalMs: 10, tookMs: 100, networkMs: 97 },
    '10.0 ms, 7.0 of it the network (90.0 before)',
  ],
  ['nobody answered', { totalMs: 1.2, tookMs: 0.4, networkMs: undefined }, '1.2 ms, without the network'],
];

for (const [name, time, expected] of TIMES) {
  t.test(`time: ${name}`, async (t) => t.equal(timeLine(time), expected));
}

t.test("the daemon's log tells of decisions and signals, and of nothing else", async (t) => {
  const at = '2026-01-02T03:04:05.006Z';
  t.same(
    fromGateLog(
      `${at} info  tap tap=1/3 outcome=pass reasons="health.green,id.ok" action=open by=central tookMs=93.1 networkMs=2.4`,
    ),
    { type: 'decided', tap: '1/3', outcome: 'pass', action: 'open', tookMs: 93.1, networkMs: 2.4 },
  );
  t.match(fromGateLog(`${at} info  tap tap=1/5 outcome=undetermined action=open by=local tookMs=0.3`), {
    networkMs: undefined,
  });
  t.same(fromGateLog(`${at} debug signal name=read-again`), { type: 'signal', signal: 'read-again' });
  for (const line of ['', 'nonsense', `${at} info  tap void tap=1/3`, `${at} debug signal name=dance`]) {
    t.equal(fromGateLog(line), undefined, line);
  }
});

t.test(
  'the balance at the end has figures of this run, and says so where a key was not pressed',
  async (t) => {
    const verdicts = { pass: 4, attend: 2, refuse: 1, undetermined: 3 };
    const result = { taps: 10, verdicts, lost: 0, p50Ms: 1.2, p99Ms: 3.4 };
    const balance = { kills: 2, lostFromMemory: 7, longestQueue: 9, timesMs: [], came: 10 };
    const text = (...args: Parameters<typeof ending>) => ending(...args).replaceAll('\n', ' ');
    t.match(text(result, balance), /in memory would have lost 7 records here: the daemon was killed 2 times/);
    t.match(text(result, balance), /never flushed, would have had up to 9 records at stake/);
    t.match(text(result, balance), /cardpad lost 0: /);
    const unkilled = text(result, { ...balance, kills: 0, lostFromMemory: 0 });
    t.match(unkilled, /would have lost up to 9 records, had the daemon been killed \(you did not press k\)/);
    const idle = { ...balance, kills: 0, lostFromMemory: 0, longestQueue: 0 };
    t.match(text(result, idle), /No record ever waited/);
    t.notMatch(text({ ...result, taps: 0 }, idle), /last byte/, 'no times of nobody');
    t.match(text({ ...result, lost: 1 }, balance), /cardpad LOST 1\./);
    t.ok(
      ending(result, balance)
        .split('\n')
        .every((line) => line.length < 80),
      'within 80 columns',
    );
  },
);

t.test('a queue in memory loses what it holds when it dies, and nothing twice', async (t) => {
  const queue = new MemoryQueue();
  queue.die(10, 10);
  t.equal(queue.lost, 0, 'all was sent');
  queue.die(14, 10);
  t.equal(queue.lost, 4);
  queue.die(20, 10);
  t.equal(queue.lost, 10, 'the first four were gone already, whatever the disk still holds');
  queue.die(30, 25);
  t.equal(queue.lost, 15);
});

t.test('who waits hears the first thing that fits, or nothing when none came in time', async (t) => {
  const happenings = new Happenings();
  const noteOf = (happening: { type: string; text?: string }) =>
    happening.type === 'note' ? happening.text : undefined;
  const waiting = happenings.next(noteOf, 10_000);
  happenings.tell({ type: 'network', up: true });
  happenings.tell({ type: 'note', text: 'one' });
  happenings.tell({ type: 'note', text: 'two' });
  t.equal(await waiting, 'one');
  t.equal(await happenings.next(noteOf, 1), undefined);
});
