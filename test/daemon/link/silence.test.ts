import t from 'tap';
import { Silence } from '../../../daemon/link/silence.js';
import { ManualClock } from '../../../platform/clock.js';
import { CardpadError } from '../../../protocol/errors.js';
import { settle } from '../../support/waiting.js';

const PATIENCE_MS = 3_000;

function open(broker: 'answers' | 'refuses' | 'answers late' | 'is lost' | 'is frozen' = 'answers') {
  const clock = new ManualClock();
  const changes: boolean[] = [];
  const bench = { clock, changes, asked: 0, withoutBroker: 0, broker };
  const silence = new Silence({
    clock,
    askBroker: () => {
      bench.asked += 1;
      if (bench.broker === 'is lost')
        return Promise.reject(new CardpadError('mqtt.down', 'reconnect', 'down'));
      if (bench.broker === 'refuses') return Promise.reject(new CardpadError('mqtt.refused', 'retry', 'no'));
      return new Promise((resolve) => {
        if (bench.broker === 'answers') resolve();
        if (bench.broker === 'answers late') clock.schedule(PATIENCE_MS + 1, resolve);
      });
    },
    onChange: (silent) => changes.push(silent),
    onNoBroker: () => {
      bench.withoutBroker += 1;
    },
  });
  const timeOuts = (count: number) => {
    for (let i = 0; i < count; i++) silence.timedOut();
  };
  const pass = async (ms = PATIENCE_MS) => {
    await settle();
    clock.advance(ms);
    await settle();
  };
  return Object.assign(bench, { silence, timeOuts, pass });
}

t.test('three questions in a row without an answer, and the broker answers: an alarm', async (t) => {
  const bench = open();
  bench.timeOuts(2);
  await bench.pass();
  t.equal(bench.asked, 0, 'two may happen');
  bench.timeOuts(1);
  await bench.pass();
  t.equal(bench.asked, 1);
  t.same(bench.changes, [true]);
});

t.test('a broker that refuses what it is asked has answered', async (t) => {
  const bench = open('refuses');
  bench.timeOuts(3);
  await bench.pass();
  t.same(bench.changes, [true]);
  t.equal(bench.withoutBroker, 0);
});

t.test('one alarm until an answer comes, then the next three count anew', async (t) => {
  const bench = open();
  bench.timeOuts(20);
  await bench.pass();
  bench.timeOuts(20);
  await bench.pass();
  t.equal(bench.asked, 1);
  t.same(bench.changes, [true]);
  bench.silence.answered();
  bench.silence.answered();
  t.same(bench.changes, [true, false]);
  bench.timeOuts(2);
  await bench.pass();
  t.same(bench.changes, [true, false]);
  bench.timeOuts(1);
  await bench.pass();
  t.same(bench.changes, [true, false, true]);
});

t.test('an answer in between ends the row', async (t) => {
  const bench = open();
  for (let i = 0; i < 5; i++) {
    bench.timeOuts(2);
    bench.silence.answered();
  }
  await bench.pass();
  t.equal(bench.asked, 0);
});

for (const broker of ['is frozen', 'answers late'] as const) {
  t.test(`a broker that ${broker}: no alarm, the network is at fault`, async (t) => {
    const bench = open(broker);
    bench.timeOuts(3);
    await bench.pass();
    await bench.pass();
    t.same(bench.changes, []);
    t.equal(bench.withoutBroker, 1);
    bench.broker = 'answers';
    bench.timeOuts(1);
    await bench.pass();
    t.same(bench.changes, [true], 'the next time-out asks again');
  });
}

t.test('a connection that ended as the broker was asked is not given up once more', async (t) => {
  const bench = open('is lost');
  bench.timeOuts(3);
  await bench.pass();
  t.equal(bench.withoutBroker, 0, 'the one that stands by now may be a good one');
  t.same(bench.changes, [], 'and it says nothing of central');
  bench.broker = 'answers';
  bench.timeOuts(1);
  await bench.pass();
  t.same(bench.changes, [true], 'the next time-out asks again');
});

t.test('a broker that was stuck brings the verdicts a little after its own answer: no alarm', async (t) => {
  const bench = open();
  bench.timeOuts(3);
  await bench.pass(PATIENCE_MS - 1);
  bench.silence.answered();
  await bench.pass(1);
  t.same(bench.changes, []);
});

t.test('the broker is not asked while a question is out', async (t) => {
  const bench = open();
  bench.silence.pause(true);
  bench.timeOuts(4);
  await bench.pass();
  t.equal(bench.asked, 0);
  bench.silence.pause(false);
  t.equal(bench.asked, 1);
  bench.silence.pause(true);
  await bench.pass();
  t.same(bench.changes, [true]);
});

t.test('a gate that stops asks and says nothing any more', async (t) => {
  const bench = open();
  bench.timeOuts(3);
  bench.silence.stop();
  await bench.pass();
  bench.timeOuts(3);
  t.equal(bench.asked, 1);
  t.same(bench.changes, []);
});
