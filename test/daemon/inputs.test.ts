import t from 'tap';
import { type Config, INPUT_NAMES } from '../../daemon/config/config.js';
import { openInputs } from '../../daemon/inputs.js';
import type { LaneInput } from '../../daemon/lane/state.js';
import type { Gpio, LineRef } from '../../drivers/gpio/gpio.js';
import { ManualClock } from '../../platform/clock.js';

const ALL: Config['inputs'] = {
  ...Object.fromEntries(INPUT_NAMES.map((name) => [name, { line: `in-${name}`, activeLow: false }])),
  debounceMs: 30,
};

function bench({ inputs = ALL, on = [], broken }: BenchOptions = {}) {
  const clock = new ManualClock();
  const heard: LaneInput[] = [];
  const edges = new Map<string, (isOn: boolean) => void>();
  const refs: LineRef[] = [];
  const gpio: Pick<Gpio, 'input'> = {
    input: (ref, onEdge) => {
      if (ref.line === broken) throw new Error('no such line');
      refs.push(ref);
      edges.set(ref.line, onEdge);
      return { name: ref.line, isOn: on.includes(ref.line) };
    },
  };
  const open = () => openInputs({ inputs, gpio, clock, dispatch: (input) => heard.push(input) });
  return { clock, heard, refs, open, change: (line: string, isOn: boolean) => edges.get(line)?.(isOn) };
}

interface BenchOptions {
  readonly inputs?: Config['inputs'];
  readonly on?: readonly string[];
  readonly broken?: string;
}

/** Whether anything looks at the clock again and again. */
function isTurning(clock: ManualClock): boolean {
  let calls = 0;
  const schedule = clock.schedule.bind(clock);
  clock.schedule = (delayMs, call) => {
    calls += 1;
    return schedule(delayMs, call);
  };
  clock.advance(1000);
  return calls > 0;
}

t.test('a gate with inputs notes that it turns', async (t) => {
  const { open, clock } = bench();
  open();
  t.equal(isTurning(clock), true);
});

for (const [line, on, off] of [
  ['in-help', { type: 'help', isPressed: true }, { type: 'help', isPressed: false }],
  ['in-fire', { type: 'fire', isActive: true }, { type: 'fire', isActive: false }],
  ['in-door', { type: 'door', isOpen: true }, { type: 'door', isOpen: false }],
  ['in-passage', { type: 'passage' }, undefined],
] as const) {
  t.test(`${line}: what a change of the line is to the lane`, async (t) => {
    const { clock, heard, open, change } = bench();
    open();
    change(line, true);
    clock.advance(30);
    t.match(heard.splice(0), [{ ...on, nowMs: 30 }]);
    change(line, false);
    clock.advance(1000);
    t.match(heard, off === undefined ? [] : [{ ...off, nowMs: line === 'in-fire' ? 1030 : 60 }]);
    t.equal(heard.length, off === undefined ? 0 : 1);
  });
}

t.test(
  'what is active at the start counts at once, fire first; who stands in the sensor does not',
  async (t) => {
    const { heard, open } = bench({ on: INPUT_NAMES.map((name) => `in-${name}`) });
    open();
    t.match(heard, [
      { type: 'fire', isActive: true, nowMs: 0 },
      { type: 'help', isPressed: true },
      { type: 'door', isOpen: true, wasFound: true },
    ]);
    t.equal(heard.length, 3);
  },
);

t.test('a fire contact that flickers holds the lane all the time', async (t) => {
  const { clock, heard, open, change } = bench();
  open();
  for (let flicker = 0; flicker < 20; flicker++) {
    change('in-fire', true);
    clock.advance(400);
    change('in-fire', false);
    clock.advance(900);
  }
  t.match(heard.splice(0), [{ type: 'fire', isActive: true, nowMs: 30 }]);
  clock.advance(100);
  t.match(heard, [{ type: 'fire', isActive: false }]);
});

t.test('what is at rest at the start is no input', async (t) => {
  const { heard, open, clock } = bench();
  open();
  clock.advance(10_000);
  t.same(heard, []);
});

t.test('a line is opened as it is wired', async (t) => {
  const inputs = { fire: { line: 'fire', activeLow: true }, debounceMs: 30 };
  const { refs, open } = bench({ inputs });
  open();
  t.same(refs, [{ line: 'fire', activeLow: true }]);
});

t.test('a gate without inputs opens nothing and waits for nothing', async (t) => {
  const { refs, open, clock } = bench({ inputs: { debounceMs: 30 } });
  open()();
  t.same(refs, []);
  t.equal(isTurning(clock), false);
});

t.test('once stopped, nothing is heard and nothing waits', async (t) => {
  const { heard, open, change, clock } = bench();
  const stop = open();
  change('in-help', true);
  stop();
  t.equal(isTurning(clock), false);
  t.same(heard, []);
});

t.test('a line that cannot be opened is thrown, and leaves nothing that waits', async (t) => {
  const { open, clock } = bench({ broken: 'in-door' });
  t.throws(open, { message: 'no such line' });
  t.equal(isTurning(clock), false);
});
