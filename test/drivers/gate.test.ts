import fc from 'fast-check';
import t from 'tap';
import { Gate, type GateOptions } from '../../drivers/gate.js';
import { type Clock, ManualClock } from '../../platform/clock.js';
import { RecordedLine } from './recordedLine.js';

function wired(options: GateOptions = {}, timers?: Clock['schedule']) {
  const clock = new ManualClock();
  const line = new RecordedLine('gate', clock);
  const forGate: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    schedule: timers ?? ((delayMs, call) => clock.schedule(delayMs, call)),
  };
  return { clock, line, gate: new Gate(line, forGate, options) };
}

t.test('a pulse lasts as long as it was set to, 300 ms by default', async (t) => {
  for (const { options, drawn } of [
    { options: {}, drawn: '+0 -300' },
    { options: { pulseMs: 100 }, drawn: '+0 -100' },
    { options: { pulseMs: 1000 }, drawn: '+0 -1000' },
  ]) {
    const { clock, line, gate } = wired(options);
    gate.pulse();
    t.equal(line.isOn, true);
    clock.advance(5000);
    t.equal(line.drawn, drawn);
    t.equal(line.isOn, false);
  }
});

t.test(
  'a pulse that a turnstile may miss, or that may let two through, is refused at the start',
  async (t) => {
    for (const ms of [0, 99, 1001, -300, Number.NaN, Number.POSITIVE_INFINITY]) {
      t.throws(() => wired({ pulseMs: ms }), { code: 'gate.bad-pulse', disposition: 'fatal' });
    }
  },
);

t.test('the next person during a pulse gets a pulse of their own, behind a gap', async (t) => {
  const { clock, line, gate } = wired();
  gate.pulse();
  clock.advance(200);
  gate.pulse();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -200 +300 -600');
});

t.test('a pulse is not cut so short that a turnstile could miss it', async (t) => {
  const { clock, line, gate } = wired();
  gate.pulse();
  clock.advance(30);
  gate.pulse();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -100 +200 -500');
});

t.test('a pulse right behind another waits for the gap', async (t) => {
  const { clock, line, gate } = wired();
  gate.pulse();
  clock.advance(320);
  gate.pulse();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -300 +400 -700');
});

t.test('at most one pulse is queued', async (t) => {
  const { clock, line, gate } = wired();
  for (let count = 0; count < 5; count++) gate.pulse();
  clock.advance(50);
  gate.pulse();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -100 +200 -500');
});

t.test('safe is off at once, with nothing to follow', async (t) => {
  const { clock, line, gate } = wired();
  gate.pulse();
  gate.pulse();
  clock.advance(50);
  gate.safe();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -50');
  gate.pulse();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -50 +5050 -5350', 'and a later pulse works again');
});

t.test('with a timer that never fires, any turn of the program ends an overdue pulse', async (t) => {
  for (const turn of ['tick', 'safe'] as const) {
    const { clock, line, gate } = wired({}, () => () => {});
    gate.pulse();
    clock.advance(299);
    gate.tick();
    t.equal(line.isOn, true, 'not before its time');
    clock.advance(1);
    gate[turn]();
    t.equal(line.drawn, '+0 -300');
  }
});

t.test('a timer that fires early does not shorten a pulse', async (t) => {
  const clock = new ManualClock();
  const line = new RecordedLine('gate', clock);
  const early: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    schedule: (delayMs, call) => clock.schedule(delayMs > 1 ? delayMs - 1 : delayMs, call),
  };
  new Gate(line, early).pulse();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -300');
});

t.test('held, the gate stays free until it is released, however long and whoever comes', async (t) => {
  const { clock, line, gate } = wired();
  gate.hold();
  clock.advance(3_600_000);
  gate.pulse();
  gate.hold();
  clock.advance(1000);
  t.equal(line.drawn, '+0');
  gate.release();
  gate.tick();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -3601000', 'and who was passing then is owed no pulse');
  gate.pulse();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -3601000 +3606000 -3606300');
});

t.test('a hold takes a running pulse over, and a queued one with it', async (t) => {
  const { clock, line, gate } = wired();
  gate.pulse();
  gate.pulse();
  clock.advance(50);
  gate.hold();
  clock.advance(5000);
  t.equal(line.drawn, '+0');
  gate.release();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -5050');
});

t.test('a pulse right behind a hold waits for the gap', async (t) => {
  const { clock, line, gate } = wired();
  gate.hold();
  clock.advance(1000);
  gate.release();
  gate.pulse();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -1000 +1100 -1400');
});

t.test('safe ends a hold, and a release behind it does nothing', async (t) => {
  const { clock, line, gate } = wired();
  gate.hold();
  gate.safe();
  gate.release();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -0');
});

t.test('a release without a hold leaves the pulse of a person alone', async (t) => {
  const { clock, line, gate } = wired();
  gate.pulse();
  gate.release();
  clock.advance(5000);
  t.equal(line.drawn, '+0 -300');
});

t.test('whatever the order, the relay is on while held, and behind the last release off', async () => {
  const any = fc.record({
    act: fc.constantFrom('pulse' as const, 'hold' as const, 'release' as const, 'tick' as const),
    waitMs: fc.integer({ min: 0, max: 700 }),
  });
  fc.assert(
    fc.property(fc.array(any, { maxLength: 40 }), (acts) => {
      const { clock, line, gate } = wired();
      let isHeld = false;
      for (const { act, waitMs } of acts) {
        gate[act]();
        if (act === 'hold' || act === 'release') isHeld = act === 'hold';
        clock.advance(waitMs);
        if (isHeld && !line.isOn) throw new Error('held, and off');
      }
      gate.release();
      clock.advance(1000);
      if (line.isOn) throw new Error('the relay stayed on');
    }),
  );
});

const act = fc.record({
  act: fc.constantFrom('pulse' as const, 'safe' as const, 'tick' as const),
  waitMs: fc.integer({ min: 0, max: 700 }),
});

t.test('the relay is never on longer than its bound', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 100, max: 1000 }), fc.array(act, { maxLength: 40 }), (pulseMs, acts) => {
      const { clock, line, gate } = wired({ pulseMs });
      for (const { act, waitMs } of acts) {
        gate[act]();
        clock.advance(waitMs);
      }
      clock.advance(3000);
      if (line.isOn) throw new Error('the relay stayed on');
      checkEdges(line, pulseMs);
    }),
  );
});

t.test('with timers that never fire, the relay is off after any turn past its bound', async () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const { clock, line, gate } = wired({ pulseMs: 300 }, () => () => {});
      for (const { act, waitMs } of acts) {
        gate[act]();
        const roseAtMs = line.edges.at(-1)?.atMs ?? 0;
        if (line.isOn && clock.monotonicMs() - roseAtMs >= 300) throw new Error('left on past its bound');
        clock.advance(waitMs);
      }
    }),
  );
});

/** Edges come in pairs: on for no longer than the bound, off for at least the gap that a turnstile needs. */
function checkEdges(line: RecordedLine, boundMs: number): void {
  for (const [index, edge] of line.edges.entries()) {
    const before = line.edges[index - 1];
    if (before === undefined) continue;
    const lastedMs = edge.atMs - before.atMs;
    if (before.on && lastedMs > boundMs) throw new Error(`on for ${lastedMs} ms`);
    if (!before.on && lastedMs < 100) throw new Error(`off for only ${lastedMs} ms`);
  }
}
