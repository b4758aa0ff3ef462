import t from 'tap';
import { SamModule } from '../../../drivers/simulated/samModule.js';
import { SamReplay } from '../../../drivers/simulated/samReplay.js';
import {
  exchangesOf,
  type Piece,
  parseSession,
  pieceLine,
  SESSION_HEADER,
} from '../../../drivers/simulated/samSession.js';
import { ManualClock } from '../../../platform/clock.js';
import { checkDigit } from '../../../protocol/card/idNumber.js';
import { encodeSamFrame } from '../../../protocol/reader/samFrame.js';

const FIND = encodeSamFrame(Uint8Array.of(0x20, 0x01));
const SELECT = encodeSamFrame(Uint8Array.of(0x20, 0x02));
const READ = encodeSamFrame(Uint8Array.of(0x30, 0x01));
const NUMBER = '11010519491231002X';
const OTHER_17 = '11010519300101001';
const LONG_MS = 1_000;

interface Asked {
  readonly answer: Buffer;
  readonly tookMs: number;
}

/** Asks, and gives what was said within a second and when the last of it came. */
function asking(clock: ManualClock, receive: (bytes: Uint8Array) => void) {
  const said: { readonly atMs: number; readonly bytes: Uint8Array }[] = [];
  const ask = (command: Uint8Array): Asked => {
    said.length = 0;
    const fromMs = clock.monotonicMs();
    receive(command);
    clock.advance(LONG_MS);
    return {
      answer: Buffer.concat(said.map(({ bytes }) => bytes)),
      tookMs: (said.at(-1)?.atMs ?? fromMs) - fromMs,
    };
  };
  return {
    ask,
    onSend: (bytes: Uint8Array) => said.push({ atMs: clock.monotonicMs(), bytes: Buffer.from(bytes) }),
  };
}

/** A session with two cards, as it was recorded: noisy, and at a slow line's pace. */
function recorded() {
  const clock = new ManualClock();
  const pieces: Piece[] = [];
  const answers: Asked[] = [];
  const module: SamModule = new SamModule({
    clock,
    refind: 'until-lifted',
    baud: 115_200,
    send: (bytes) => {
      pieces.push({ ms: clock.monotonicMs(), from: 'module', bytes: Buffer.from(bytes) });
      bench.onSend(bytes);
    },
  });
  const bench = asking(clock, (bytes) => {
    pieces.push({ ms: clock.monotonicMs(), from: 'host', bytes: Buffer.from(bytes) });
    module.receive(bytes);
  });
  const ask = (command: Uint8Array) => answers.push(bench.ask(command));
  module.noise(true);
  ask(FIND);
  module.put(NUMBER);
  for (const command of [FIND, SELECT, READ, FIND]) ask(command);
  module.lift();
  module.put(`${OTHER_17}${checkDigit(OTHER_17)}`);
  for (const command of [FIND, SELECT, READ, FIND]) ask(command);
  return { pieces, answers };
}

const { pieces, answers } = recorded();
const COMMANDS = [FIND, FIND, SELECT, READ, FIND, FIND, SELECT, READ, FIND];

function replaying(speed = 1) {
  const clock = new ManualClock();
  let ended = 0;
  const replay: SamReplay = new SamReplay({
    exchanges: exchangesOf(pieces),
    clock,
    speed,
    send: (bytes) => bench.onSend(bytes),
    onEnd: () => {
      ended += 1;
    },
  });
  const bench = asking(clock, (bytes) => replay.receive(bytes));
  return { ask: bench.ask, ended: () => ended };
}

t.test('the same commands hear the same bytes, as fast as they were recorded', async (t) => {
  const { ask, ended } = replaying();
  for (const [index, command] of COMMANDS.entries()) {
    const { answer, tookMs } = ask(command);
    t.ok(answer.length > 0 && answers[index]?.answer.equals(answer), `answer ${index}`);
    t.ok(Math.abs(tookMs - (answers[index]?.tookMs ?? 0)) < 0.001, `${tookMs} ms`);
  }
  t.ok((answers[3]?.tookMs ?? 0) > 100, 'a card takes its time on a line');
  t.equal(ended(), 1);
});

t.test('it can be played faster', async (t) => {
  const { ask } = replaying(10);
  for (const command of COMMANDS.slice(0, 3)) ask(command);
  t.ok(Math.abs(ask(READ).tookMs - (answers[3]?.tookMs ?? 0) / 10) < 0.001);
});

t.test('commands may come in pieces, and with noise before them', async (t) => {
  const { ask } = replaying();
  const cut = Buffer.concat([Buffer.from('00ff', 'hex'), FIND]);
  t.equal(ask(cut.subarray(0, 5)).answer.length, 0);
  t.same(ask(cut.subarray(5)).answer, answers[0]?.answer);
});

t.test('a host that asks once more does not miss the card', async (t) => {
  const { ask } = replaying();
  for (const command of [FIND, FIND, FIND, FIND]) ask(command);
  t.same(ask(SELECT).answer, answers[2]?.answer);
  t.same(ask(READ).answer, answers[3]?.answer);
  t.same(ask(READ).answer, answers[3]?.answer, 'again, and not the card of the next one');
});

t.test('a host that asks less often gets the card too', async (t) => {
  const { ask } = replaying();
  for (const [command, index] of [
    [SELECT, 2],
    [READ, 3],
    [SELECT, 6],
    [READ, 7],
  ] as const) {
    t.same(ask(command).answer, answers[index]?.answer);
  }
});

t.test('a command that nobody recorded gets no answer, and at the end the last answers go on', async (t) => {
  const { ask, ended } = replaying();
  t.equal(ask(encodeSamFrame(Uint8Array.of(0x12, 0xff))).answer.length, 0);
  for (const command of COMMANDS) ask(command);
  t.same(ask(FIND).answer, answers[8]?.answer);
  t.equal(ended(), 1, 'the end is told once');
});

t.test('a session is kept as lines, and read back as it was', async (t) => {
  const text = `${[SESSION_HEADER, ...pieces.map(pieceLine)].join('\n')}\n`;
  const parsed = parseSession(text);
  if (!parsed.ok) throw new Error(parsed.problem);
  t.same(
    parsed.pieces.map(({ from, bytes }) => [from, bytes]),
    pieces.map(({ from, bytes }) => [from, bytes]),
  );
  t.same(parseSession(`${text}{"ms":1,"fr`), parsed, 'half a line at the end was never finished');
});

const BAD: readonly (readonly [string, string, number, RegExp])[] = [
  ['another kind of file', '{"a":1}\n', 1, /reader-session/],
  ['an empty file', '', 1, /reader-session/],
  ['no JSON', `${SESSION_HEADER}\nnonsense\n`, 2, /not JSON/],
  ['half a byte', `${SESSION_HEADER}\n{"ms":1,"from":"host","hex":"abc"}\n`, 2, /"ms"/],
  [
    'a stranger',
    `${SESSION_HEADER}\n{"ms":1,"from":"host","hex":"ab"}\n{"ms":1,"from":"me","hex":"ab"}\n`,
    3,
    /"from"/,
  ],
  ['time before the beginning', `${SESSION_HEADER}\n{"ms":-1,"from":"host","hex":"ab"}\n`, 2, /"ms"/],
];

for (const [name, text, line, problem] of BAD) {
  t.test(`no session: ${name}`, async (t) => {
    const parsed = parseSession(text);
    t.match(parsed, { ok: false, line });
    t.match(parsed.ok ? '' : parsed.problem, problem);
  });
}
