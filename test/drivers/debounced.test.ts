import fc from 'fast-check';
import t from 'tap';
import { DebouncedInput, Turns } from '../../drivers/debounced.js';
import type { Gpio } from '../../drivers/gpio/gpio.js';
import { type Cancel, type Clock, ManualClock } from '../../platform/clock.js';

/**
 * A program on a clock of its own that can be stuck for a while. What falls due meanwhile waits: then the timers run,
 * and the edges behind them, as in Node's event loop.
 */
class Program implements Clock {
  readonly real = new ManualClock();
  #isStuck = false;
  readonly #timers: (() => void)[] = [];
  readonly #edges: (() => void)[] = [];

  monotonicMs = () => this.real.monotonicMs();
  wallMs = () => this.real.wallMs();

  schedule(delayMs: number, call: () => void): Cancel {
    let isCancelled = false;
    const run = () => {
      if (!isCancelled) call();
    };
    const cancel = this.real.schedule(delayMs, () => (this.#isStuck ? this.#timers.push(run) : run()));
    return () => {
      isCancelled = true;
      cancel();
    };
  }

  edge(deliver: () => void): void {
    if (this.#isStuck) this.#edges.push(deliver);
    else deliver();
  }

  /** The program is stuck from `fromMs` on, for so long. */
  stickAt(fromMs: number, forMs: number): void {
    this.real.schedule(fromMs, () => {
      this.#isStuck = true;
    });
    this.real.schedule(fromMs + forMs, () => {
      this.#isStuck = false;
      for (const run of this.#timers.splice(0)) run();
      for (const deliver of this.#edges.splice(0)) deliver();
    });
  }
}

/** How a back end tells of edges: each as it comes, or by a look every 200 ms. */
type Listening = 'by edges' | { readonly looksFromMs: number };
const LOOK_MS = 200;

interface Wiring {
  readonly debounceMs?: number;
  readonly releaseMs?: number;
  readonly isOn?: boolean;
  readonly listening?: Listening;
}

function wired({ debounceMs = 30, releaseMs, isOn = false, listening = 'by edges' }: Wiring = {}) {
  const program = new Program();
  const told: string[] = [];
  let level = isOn;
  let onEdge: (on: boolean) => void = () => {};
  const gpio: Pick<Gpio, 'input'> = {
    input: ({ line }, listener) => {
      onEdge = listener;
      return { name: line, isOn };
    },
  };
  const turns = new Turns(program);
  const options = { debounceMs, releaseMs, clock: program, turns };
  const input = new DebouncedInput(gpio, { line: 'help' }, options, (on) =>
    told.push(`${on ? '+' : '-'}${program.monotonicMs()}`),
  );
  /** The contact changes at these times, by turns. */
  const changes = (...atMs: readonly number[]) => {
    for (const ms of atMs) {
      program.real.schedule(ms, () => {
        level = !level;
        const now = level;
        if (listening === 'by edges') program.edge(() => onEdge(now));
      });
    }
  };
  let seen = level;
  const look = () => {
    program.real.schedule(LOOK_MS, look);
    if (level === seen) return;
    seen = level;
    onEdge(level);
  };
  if (listening !== 'by edges') program.real.schedule(listening.looksFromMs, look);
  return { program, told, changes, input, turns };
}

for (const { what, at, told } of [
  { what: 'a press is one change, and letting go another', at: [100, 600], told: '+130 -630' },
  {
    what: 'a contact that bounces is one change',
    at: [100, 102, 105, 106, 111, 600, 601, 605],
    told: '+130 -635',
  },
  { what: 'noise shorter than a bounce is nothing', at: [100, 101, 300, 302], told: '' },
  {
    what: 'a bounce longer than the debounce time is one change',
    at: [100, 110, 120, 135, 145, 600],
    told: '+130 -630',
  },
  { what: 'a gap shorter than a bounce does not end a press', at: [100, 300, 310, 600], told: '+130 -630' },
  { what: '400 ms are seen', at: [100, 500], told: '+130 -530' },
]) {
  t.test(what, async (t) => {
    const { program, told: seen, changes } = wired();
    changes(...at);
    program.real.advance(2000);
    t.equal(seen.join(' '), told);
  });
}

t.test('what is found at opening is no change, and what follows is', async (t) => {
  const { program, told, changes, input } = wired({ isOn: true });
  t.equal(input.isOn, true);
  changes(1000);
  program.real.advance(2000);
  t.same(told, ['-1030']);
  t.equal(input.isOn, false);
});

t.test('a press that was over before the program turned again is a press', async (t) => {
  const { program, told, changes } = wired();
  changes(1010, 1410);
  program.stickAt(1000, 500);
  program.real.advance(3000);
  t.same(told, ['+1500', '-1530']);
});

t.test('two presses while the program is stuck are two', async (t) => {
  const { program, told, changes } = wired();
  changes(1010, 1410, 1810, 2210);
  program.stickAt(1000, 1500);
  program.real.advance(4000);
  t.same(told.map((edge) => edge[0]).join(''), '+-+-');
});

t.test('a wire that chatters without end is on, once', async (t) => {
  const { program, told, changes } = wired();
  changes(...Array.from({ length: 1001 }, (_, index) => 100 + index * 7));
  program.real.advance(7000);
  t.equal(told.length, 1);
});

t.test('where a release takes longer, a shorter gap is none; a press comes as fast as ever', async (t) => {
  const { program, told, changes } = wired({ releaseMs: 1000 });
  changes(100, 200, 1100, 1500, 2400, 2500, 5000, 5400);
  program.real.advance(10_000);
  t.same(told, ['+130', '-3500', '+5030', '-6400']);
});

t.test('stuck through a whole release and the next press, the program is told of both', async (t) => {
  const { program, told, changes } = wired({ releaseMs: 1000 });
  changes(100, 600, 2000, 2500);
  program.stickAt(500, 2200);
  program.real.advance(10_000);
  t.equal(told.map((edge) => edge[0]).join(''), '+-+-');
});

t.test('stopped, nothing is told any more and nothing waits', async (t) => {
  const { program, told, changes, input, turns } = wired();
  changes(100);
  program.real.advance(110);
  input.stop();
  turns.stop();
  program.real.advance(5000);
  t.same(told, []);
});

/** Edges of one contact that closes: it bounces for a while, then it is closed for good. */
const bounces = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 3 }).map((gaps) => {
  let atMs = 0;
  const edges = [0];
  for (const gap of gaps.flatMap((ms) => [ms, ms])) {
    atMs += gap;
    edges.push(atMs);
  }
  return edges;
});

t.test(
  'active for 400 ms is never missed: any bounce, any phase, stuck at any time for any while',
  async () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 1000 }),
        fc.integer({ min: 400, max: 2000 }),
        bounces,
        bounces,
        fc.constantFrom(5, 20, 30, 50),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 900 })), {
          maxLength: 1,
        }),
        (fromMs, lastsMs, rise, fall, debounceMs, stuck) => {
          const { program, told, changes } = wired({ debounceMs });
          changes(...rise.map((ms) => fromMs + ms), ...fall.map((ms) => fromMs + lastsMs + ms));
          for (const [atMs, forMs] of stuck) program.stickAt(atMs, forMs);
          program.real.advance(10_000);
          const signs = told.map((edge) => edge[0]).join('');
          if (!signs.startsWith('+') || !signs.endsWith('-')) throw new Error(`told: ${told.join(' ')}`);
          if (stuck.length === 0 && signs !== '+-') throw new Error(`told more than once: ${told.join(' ')}`);
        },
      ),
      { numRuns: 2000 },
    );
  },
);

t.test('nor is it where the back end looks every 200 ms: any bounce, any phase', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: LOOK_MS }),
      fc.integer({ min: 0, max: LOOK_MS }),
      fc.integer({ min: 400, max: 2000 }),
      bounces,
      bounces,
      (looksFromMs, fromMs, lastsMs, rise, fall) => {
        const { program, told, changes } = wired({ listening: { looksFromMs } });
        changes(...rise.map((ms) => fromMs + ms), ...fall.map((ms) => fromMs + lastsMs + ms));
        program.real.advance(5000);
        if (told.map((edge) => edge[0]).join('') !== '+-') throw new Error(`told: ${told.join(' ')}`);
      },
    ),
    { numRuns: 1000 },
  );
});
