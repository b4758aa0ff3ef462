import fc from 'fast-check';
import t from 'tap';
import {
  createLog,
  formFor,
  journalForm,
  LOG_LEVELS,
  type LogFields,
  type LogLevel,
  plainForm,
  silentLog,
  terminalForm,
} from '../../platform/log.js';
import { Personal } from '../../protocol/personal.js';

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5, 6);

function recorder(level: LogLevel = 'debug') {
  const lines: string[] = [];
  return {
    lines,
    log: createLog(
      (line) => lines.push(line),
      level,
      () => NOW_MS,
    ),
  };
}

t.test('a line: when, how important, who, what, and the fields', async (t) => {
  const { lines, log } = recorder();
  log.named('link').named('session').info('opened', { id: 'a1', tries: 3, fast: true, none: undefined });
  t.same(lines, ['2026-01-02T03:04:05.006Z info  link.session: opened id=a1 tries=3 fast=true']);
});

for (const [index, level] of LOG_LEVELS.entries()) {
  t.test(`at ${level} what is less important is not written`, async (t) => {
    const { lines, log } = recorder(level);
    for (const each of LOG_LEVELS) {
      log[each]('happened');
      log.named('part')[each]('happened');
    }
    t.equal(lines.length, 2 * (LOG_LEVELS.length - index));
  });
}

t.test('what is written may change while a program runs, for every part of it', async (t) => {
  const lines: string[] = [];
  const threshold: { level: LogLevel } = { level: 'warn' };
  const part = createLog((line) => lines.push(line), threshold).named('part');
  part.debug('before');
  threshold.level = 'debug';
  part.debug('after');
  t.match(lines, [/part: after$/]);
  t.equal(lines.length, 1);
});

t.test(
  'under systemd a line has its priority in front and no time, which the journal keeps itself',
  async (t) => {
    const lines: string[] = [];
    const log = createLog(
      (line) => lines.push(line),
      'debug',
      () => NOW_MS,
      journalForm,
    );
    for (const level of LOG_LEVELS) log[level]('happened', { x: 1 });
    t.same(lines, ['<7>happened x=1', '<6>happened x=1', '<4>happened x=1', '<3>happened x=1']);
  },
);

t.test('on a terminal what is not well is in color, unless color is not wanted', async (t) => {
  const lines: string[] = [];
  for (const inColor of [true, false]) {
    const log = createLog(
      (line) => lines.push(line),
      'debug',
      () => NOW_MS,
      terminalForm(inColor),
    );
    log.info('well');
    log.error('not well');
  }
  const [info, colored, ...plain] = lines;
  t.match(info, /^\d\d:\d\d:\d\d info {2}well$/);
  t.match(colored, '\u001b[31m');
  t.ok(colored?.endsWith('error not well\u001b[0m'));
  for (const line of plain) t.match(line, /^\d\d:\d\d:\d\d (?:info {2}well|error not well)$/);
});

const OUTLETS = [
  ['a pipe', {}, plainForm],
  ['the systemd journal', { journalStream: '8:123', stream: '8:123' }, journalForm],
  ['a file, under systemd', { journalStream: '8:123', stream: '8:9' }, plainForm],
] as const;
for (const [where, outlet, form] of OUTLETS) {
  t.test(`lines to ${where} have its form`, async (t) => {
    const nowhere = { isTerminal: false, journalStream: undefined, stream: '1:1', colorAllowed: true };
    t.equal(formFor({ ...nowhere, ...outlet }), form);
  });
}

t.test('unless told otherwise, info and above are written', async (t) => {
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line));
  log.debug('a');
  log.info('b');
  t.equal(lines.length, 1);
});

const NUMBER = '11010519491231002X';
const HIDING: readonly (readonly [string, unknown])[] = [
  ['itself', new Personal(NUMBER)],
  ['in a list', [new Personal(NUMBER)]],
  ['in an object', { token: new Personal(NUMBER) }],
  ['in a list in a list', [[new Personal(NUMBER)]]],
];

for (const [where, value] of HIDING) {
  t.test(`personal data brought here by a cast, ${where}, is not printed`, async (t) => {
    const { lines, log } = recorder();
    log.error('happened', { value } as unknown as LogFields);
    t.equal(lines.length, 1);
    t.notMatch(lines[0], NUMBER);
  });
}

t.test('a mask shows that somebody tried', async (t) => {
  const { lines, log } = recorder();
  log.info('read', { token: new Personal(NUMBER) } as unknown as LogFields);
  t.match(lines[0], /token=\[personal\]$/);
});

for (const [what, text] of [
  ['a line end', 'x\n2026-01-02T03:04:05.006Z info  gate opened'],
  ['a carriage return', 'x\roverwritten'],
  ['an escape sequence', '\u001b[2Jgone'],
  ['an 8-bit escape sequence', '\u009b2Jgone'],
  ['a line separator', 'x\u2028y\u2029z\u0085'],
  ['a mark that turns the writing around', 'x\u202eesrever\u2066'],
  ['a NUL', 'x\0y'],
] as const) {
  t.test(`${what} in a value, a name or an event makes no second line and drives no terminal`, async (t) => {
    const { lines, log } = recorder();
    log.info('happened', { value: text });
    log.info(text);
    log.info('happened', { [text]: 1 });
    log.named(text).info('happened');
    log.info('happened', { value: { toString: () => text } } as unknown as LogFields);
    t.equal(lines.length, 5);
    for (const line of lines) t.notMatch(line, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
  });
}

t.test('no value can pass for two fields', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const { lines, log } = recorder();
      log.info('happened', { value, end: 1 });
      const printed = /happened value=(.*) end=1$/.exec(lines[0] ?? '')?.[1] ?? '';
      return /^[\w.:/@+-]+$/.test(printed) || /^"(?:[^"\\]|\\.)*"$/u.test(printed);
    }),
  );
});

t.test('the silent log can be written to', async (t) => {
  t.doesNotThrow(() => silentLog.named('a').error('b', { c: 1 }));
});
