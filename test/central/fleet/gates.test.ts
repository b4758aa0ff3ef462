import t from 'tap';
import type { Enrolments } from '../../../central/enrolments.js';
import { Gates } from '../../../central/fleet/gates.js';
import { ManualClock } from '../../../platform/clock.js';
import { Drops } from '../../../platform/drops.js';
import { createLog } from '../../../platform/log.js';
import { encodeState, type State } from '../../../protocol/wire/messages.js';

const DEVICE = 'gz-bus-a1';
const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(16)) as [string, string, string];
const MINUTE_MS = 60_000;

type Said = readonly [word: State['state'], connection: number, boot: string, retained?: 'retained'];

function open() {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line.replace(/^\S+ (\w+) +/, '$1 ')));
  const key = { id: '00'.repeat(8), publicKey: `04${'00'.repeat(64)}` };
  const enrolled = { key, enrolledMs: 0 };
  const enrolments: Enrolments = {
    devices: { [DEVICE]: enrolled, 'gz-bus-b2': enrolled, gone: { ...enrolled, revoked: true } },
  };
  const drops = new Drops(clock, log);
  const gates = new Gates({ enrolments: () => enrolments, clock, log, drops });
  const say = ([state, connection, boot, retained]: Said, device = DEVICE) =>
    gates.handle(device, encodeState({ state, connection, boot }), retained !== undefined);
  const told = (pattern: RegExp) => lines.filter((line) => pattern.test(line));
  return { clock, lines, drops, gates, say, told };
}

const CASES: readonly [string, readonly Said[], Said, number][] = [
  ['a birth', [['ready', 1, A]], ['ready', 1, A], 0],
  ['a birth, kept by the broker', [['ready', 7, A, 'retained']], ['ready', 7, A], 0],
  [
    'a will of the newest connection',
    [
      ['ready', 2, A],
      ['lost', 2, A],
    ],
    ['lost', 2, A],
    0,
  ],
  [
    'a goodbye',
    [
      ['ready', 2, A],
      ['disconnected', 2, A],
    ],
    ['disconnected', 2, A],
    0,
  ],
  [
    'an old will after the new birth',
    [
      ['ready', 1, A],
      ['ready', 2, A],
      ['lost', 1, A],
    ],
    ['ready', 2, A],
    0,
  ],
  [
    'an old goodbye after the new birth',
    [
      ['ready', 2, A],
      ['disconnected', 1, A],
    ],
    ['ready', 2, A],
    0,
  ],
  [
    'a number that somebody made up, corrected by the gate',
    [
      ['ready', 1, A],
      ['ready', 9_000_000, A],
      ['ready', 1, A],
      ['lost', 1, A],
    ],
    ['lost', 1, A],
    0,
  ],
  [
    'a will before the birth',
    [
      ['ready', 1, A],
      ['lost', 1, A],
      ['ready', 2, A],
    ],
    ['ready', 2, A],
    0,
  ],
  [
    'a new start',
    [
      ['ready', 5, A],
      ['ready', 1, B],
    ],
    ['ready', 1, B],
    0,
  ],
  [
    'the will of the start before',
    [
      ['ready', 5, A],
      ['ready', 1, B],
      ['lost', 5, A],
    ],
    ['ready', 1, B],
    0,
  ],
  [
    'the same, kept by the broker',
    [
      ['ready', 5, A],
      ['ready', 1, B],
      ['lost', 5, A, 'retained'],
    ],
    ['ready', 1, B],
    0,
  ],
  [
    'the will of a start never heard of',
    [
      ['ready', 1, B],
      ['lost', 5, A],
    ],
    ['ready', 1, B],
    0,
  ],
  [
    'the same, kept by the broker while nobody listened',
    [
      ['ready', 1, B],
      ['lost', 5, A, 'retained'],
    ],
    ['lost', 5, A],
    0,
  ],
  [
    'two starts in turns: both are running',
    [
      ['ready', 1, A],
      ['ready', 1, B],
      ['ready', 2, A],
    ],
    ['ready', 2, A],
    1,
  ],
  [
    'three starts, one after the other',
    [
      ['ready', 1, A],
      ['ready', 1, B],
      ['ready', 1, C],
    ],
    ['ready', 1, C],
    0,
  ],
  [
    'the first of three comes back',
    [
      ['ready', 1, A],
      ['ready', 1, B],
      ['ready', 1, C],
      ['degraded', 2, A],
    ],
    ['degraded', 2, A],
    1,
  ],
  [
    'a start that was followed, kept by the broker: perhaps of long ago',
    [
      ['ready', 1, A],
      ['ready', 1, B],
      ['ready', 2, A, 'retained'],
    ],
    ['ready', 2, A],
    0,
  ],
  [
    'wills in between, as when two throw each other off',
    [
      ['ready', 1, A],
      ['lost', 1, A],
      ['ready', 1, B],
      ['lost', 1, B],
      ['ready', 2, A],
      ['lost', 2, A],
    ],
    ['lost', 2, A],
    1,
  ],
];

for (const [name, said, [state, connection, boot], duplicates] of CASES) {
  t.test(name, async (t) => {
    const { gates, say, told } = open();
    for (const one of said) say(one);
    t.match(gates.stateOf(DEVICE), { state, connection, boot });
    t.equal(gates.duplicates, duplicates);
    t.equal(told(/two gates run with the keys of/).length, duplicates);
  });
}

t.test('two devices with one identity are named with both starts, once in ten minutes', async (t) => {
  const { clock, gates, say, told } = open();
  for (let connection = 1; connection <= 30; connection++) {
    say(['ready', connection, A]);
    say(['ready', connection, B]);
    clock.advance(30_000);
  }
  t.equal(gates.duplicates, 2, 'in a quarter of an hour');
  const [line = ''] = told(/^error two gates run/);
  for (const word of [DEVICE, A, B, 'provision']) t.match(line, word);
  say(['ready', 1, A], 'gz-bus-b2');
  t.equal(gates.duplicates, 2, 'another device is another');
});

t.test('coming and going are a line each, and since when is remembered', async (t) => {
  const { clock, gates, say, lines } = open();
  say(['ready', 1, A]);
  clock.advance(1_000);
  say(['ready', 1, A]);
  t.equal(gates.stateOf(DEVICE)?.sinceMs, 0);
  t.equal(gates.up, 1);
  say(['alert', 1, A]);
  t.equal(gates.stateOf(DEVICE)?.sinceMs, 1_000);
  say(['lost', 1, A]);
  t.equal(gates.up, 0);
  say(['ready', 2, A]);
  say(['disconnected', 2, A]);
  t.same(
    lines.map((line) => line.replace(/ device=.*(state=\S+) .*/, ' $1')),
    [
      'info device up state=ready',
      'info device up state=alert',
      'info device lost state=lost',
      'info device up state=ready',
      'info device stopped state=disconnected',
    ],
  );
});

t.test('a gate that comes and goes all the time does not fill the log', async (t) => {
  const { clock, say, lines } = open();
  for (let connection = 1; connection <= 600; connection++) {
    say(['ready', connection, A]);
    say(['lost', connection, A]);
    clock.advance(100);
  }
  t.ok(lines.length <= 6, `${lines.length} lines in a minute`);
  clock.advance(MINUTE_MS);
  say(['ready', 601, A]);
  t.match(lines.at(-1), /device up/);
});

t.test('only enrolled devices are kept, and what is no state is counted', async (t) => {
  const { gates, drops, say, lines } = open();
  for (let i = 0; i < 5_000; i++) say(['ready', 1, A], `invented-${i}`);
  say(['ready', 1, A], 'gone');
  say(['ready', 1, A], 'constructor');
  t.equal(gates.up, 0);
  t.ok(lines.length <= 120);
  gates.handle(DEVICE, Buffer.alloc(0), false);
  gates.handle(DEVICE, Buffer.from('{"state":"ready"}'), false);
  gates.handle(DEVICE, Buffer.alloc(1_025, 0x20), true);
  t.same(drops.counts(), {
    'state.not-enrolled': 5_002,
    'state.not-json': 1,
    'state.wrong-shape': 1,
    'state.too-long': 1,
  });
});
