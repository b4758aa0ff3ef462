import t from 'tap';
import type { LaneEffect, LaneInput } from '../../daemon/lane/state.js';
import { LaneRunner } from '../../daemon/runner.js';
import { ManualClock } from '../../platform/clock.js';
import { CARD, line, SETTINGS } from './lane/bench.js';

function setUp(perform: (effect: LaneEffect, runner: LaneRunner) => void = () => {}) {
  const clock = new ManualClock();
  const done: string[] = [];
  const runner: LaneRunner = new LaneRunner(SETTINGS, clock, (effect) => {
    done.push(line(effect));
    perform(effect, runner);
  });
  const card = (): LaneInput => ({
    type: 'card',
    nowMs: clock.monotonicMs(),
    source: 0,
    identity: 'a',
    credential: CARD,
  });
  const whole = (): LaneInput => ({ type: 'whole', nowMs: clock.monotonicMs(), source: 0 });
  const take = () => done.splice(0);
  return { clock, runner, card, whole, take };
}

const ASKED = ['uploads paused', 'checking', 'tap 1', 'ask 1 within 1500'];

t.test('the lane is woken when it asked to be, and not before', async (t) => {
  const { clock, runner, card, whole, take } = setUp();
  runner.dispatch(card());
  runner.dispatch(whole());
  t.same(take(), ASKED);
  clock.advance(1499);
  t.same(take(), []);
  clock.advance(1);
  t.same(take(), ['forget 1 timed-out', 'registered', 'uploads on']);
  clock.advance(60_000);
  t.match(take(), ['undetermined', 'call-staff journal.not-durable', /^verdict 1 local/, 'idle']);
});

t.test('an effect that answers at once waits until the effects before it are done', async (t) => {
  const { runner, card, whole, take } = setUp((effect, self) => {
    if (effect.type !== 'append-tap') return;
    self.dispatch({ type: 'unavailable', nowMs: 0, tap: effect.tap, reason: 'sys.offline' });
    self.dispatch(whole());
  });
  runner.dispatch(card());
  const lines = take();
  t.same(lines.slice(0, 4), ASKED);
  t.same(lines.slice(4), ['registered', 'uploads on']);
});

t.test(
  'an effect that fails keeps none of the others from being done, nor the lane from waking',
  async (t) => {
    const { clock, runner, card, whole, take } = setUp((effect) => {
      if (effect.type === 'signal') throw new Error('the lamp is gone');
    });
    t.throws(() => runner.dispatch(card()), { message: 'the lamp is gone' });
    t.same(take(), ASKED);
    runner.dispatch(whole());
    t.throws(() => clock.advance(1500), { message: 'the lamp is gone' });
    t.same(take(), ['forget 1 timed-out', 'registered', 'uploads on']);
    t.throws(() => clock.advance(500), { message: 'the lamp is gone' });
    t.match(take(), ['undetermined', 'call-staff journal.not-durable', /^verdict 1 local/]);
  },
);

t.test('an input that the lane cannot take does not keep it from taking the next', async (t) => {
  const { clock, runner, card, whole, take } = setUp();
  const broken: LaneInput = {
    type: 'time',
    get nowMs(): number {
      throw new Error('no time');
    },
  };
  runner.dispatch(card());
  t.throws(() => runner.dispatch(broken), { message: 'no time' });
  runner.dispatch(whole());
  take();
  clock.advance(1500);
  t.same(take(), ['forget 1 timed-out', 'registered', 'uploads on']);
});

t.test('once stopped, nothing is done any more, and nothing waits', async (t) => {
  const { clock, runner, card, whole, take } = setUp((effect, self) => {
    if (effect.type === 'ask') self.stop();
  });
  runner.dispatch(card());
  take();
  runner.dispatch(whole());
  clock.advance(3600_000);
  t.same(take(), []);
});

t.test('a stop that fails half-way is a stop all the same', async (t) => {
  const { clock, runner, card, whole, take } = setUp((effect) => {
    if (effect.type === 'append-void') throw new Error('the journal is gone');
  });
  runner.dispatch(card());
  t.throws(() => runner.stop(), { message: 'the journal is gone' });
  take();
  runner.dispatch(card());
  runner.dispatch(whole());
  clock.advance(3600_000);
  t.same(take(), []);
});

t.test('its state is the state of the lane', async (t) => {
  const { runner, card } = setUp();
  runner.dispatch(card());
  t.equal(runner.state.nextTap, 2);
});
