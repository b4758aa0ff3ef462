import { EventEmitter } from 'node:events';
import t from 'tap';
import { line } from '../../../scripts/screen/line.js';
import { abilities, Terminal } from '../../../scripts/screen/terminal.js';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[0m\u001b[?25h\u001b[?1049l';

class Keys extends EventEmitter {
  raw: boolean | undefined;
  flowing = false;
  setRawMode(raw: boolean): void {
    this.raw = raw;
  }
  resume(): void {
    this.flowing = true;
  }
  pause(): void {
    this.flowing = false;
  }
}

class Output extends EventEmitter {
  columns = 80;
  rows = 24;
  written = '';
  /** Tells that the terminal has taken what was written last. */
  taken = () => {};
  write(text: string, onTaken: () => void): void {
    this.written += text;
    this.taken = onTaken;
  }
  writeNow(text: string): void {
    this.written += text;
  }
}

function bench() {
  const [input, output] = [new Keys(), new Output()];
  const keys: string[] = [];
  let redraws = 0;
  const terminal = new Terminal({
    input,
    output,
    inColor: false,
    onKey: (key) => keys.push(key),
    onRedraw: () => {
      redraws += 1;
    },
  });
  return { input, output, keys, terminal, redraws: () => redraws };
}

t.test('the terminal is taken as a page of its own, and given back as it was', async (t) => {
  const listeners = process.listenerCount('exit');
  const { input, output, terminal } = bench();
  t.equal(output.written, ENTER);
  t.same([input.raw, input.flowing], [true, true]);
  terminal.close();
  terminal.close();
  t.equal(output.written, ENTER + LEAVE, 'once');
  t.same([input.raw, input.flowing, input.listenerCount('data')], [false, false, 0]);
  t.equal(output.listenerCount('resize'), 0);
  t.equal(process.listenerCount('exit'), listeners);
  terminal.draw([line('late')]);
  t.equal(output.written, ENTER + LEAVE, 'nothing is drawn on the page of the shell');
});

t.test('an error that nobody caught is told on the page that stays', async (t) => {
  const { output, terminal } = bench();
  const last = process.listeners('uncaughtExceptionMonitor').at(-1);
  t.equal(last, terminal.close);
  last?.(new Error('test'), 'uncaughtException');
  t.equal(output.written, ENTER + LEAVE);
});

t.test('the end of the process gives it back too', async (t) => {
  const { output, terminal } = bench();
  const [last] = process.listeners('exit').slice(-1);
  t.equal(last, terminal.close);
  last?.(0);
  t.equal(output.written, ENTER + LEAVE);
});

t.test('keys come one by one; arrows mean nothing; Ctrl-C and Ctrl-D end', async (t) => {
  const { input, keys, terminal } = bench();
  for (const text of ['g', 'nk', '\u001b[A', '\u0003', '\u0004', '请']) input.emit('data', Buffer.from(text));
  t.same(keys, ['g', 'n', 'k', 'q', 'q', '请']);
  terminal.close();
});

t.test('after a resize, or when it goes on after a stop, everything is drawn anew', async (t) => {
  const { output, terminal, redraws } = bench();
  terminal.draw([line('one')]);
  output.emit('resize');
  t.equal(redraws(), 1);
  output.written = '';
  process.emit('SIGCONT', 'SIGCONT');
  t.match(output.written, ENTER);
  t.equal(redraws(), 2);
  output.written = '';
  terminal.draw([line('one')]);
  t.match(output.written, 'one');
  terminal.close();
});

t.test('a terminal that is slow gets the newest picture next, and none of those in between', async (t) => {
  const { output, terminal } = bench();
  const pictures = ['one', 'two', 'three', 'four'].map((text) => [line(text)]);
  for (const picture of pictures) terminal.draw(picture);
  t.match(output.written, /one/);
  t.notMatch(output.written, /two|three|four/);
  output.taken();
  t.match(output.written, /four/);
  t.notMatch(output.written, /two|three/);
  output.written = '';
  output.taken();
  t.equal(output.written, '', 'and then nothing until there is something new');
  terminal.draw([line('five')]);
  t.match(output.written, /five/);
  terminal.draw([line('six')]);
  process.emit('SIGCONT', 'SIGCONT');
  terminal.draw([line('seven')]);
  t.match(output.written, /seven/, 'a program that goes on after a stop waits for nothing');
  terminal.close();
  output.taken();
  t.ok(output.written.endsWith(LEAVE), 'nothing after the page of the shell is back');
});

t.test('a terminal that was told no size is taken for 80x24', async (t) => {
  const { output, terminal } = bench();
  output.columns = 0;
  t.same(terminal.size, { columns: 80, rows: 24 });
  output.columns = 133;
  t.same(terminal.size, { columns: 133, rows: 24 });
  terminal.close();
});

const ABLE: readonly (readonly [string, Record<string, string>, boolean, string])[] = [
  ['a terminal', { TERM: 'xterm-256color', LANG: 'zh_CN.UTF-8' }, true, 'screen color unicode'],
  ['a pipe', { TERM: 'xterm', LANG: 'C.UTF-8' }, false, 'unicode'],
  ['TERM=dumb', { TERM: 'dumb', LANG: 'C.UTF-8' }, true, 'unicode'],
  ['no TERM', { LANG: 'C.utf8' }, true, 'unicode'],
  ['NO_COLOR', { TERM: 'xterm', NO_COLOR: '1' }, true, 'screen unicode'],
  ['NO_COLOR, but empty', { TERM: 'xterm', NO_COLOR: '' }, true, 'screen color unicode'],
  ['another charset', { TERM: 'xterm', LANG: 'zh_CN.GB18030' }, true, 'screen color'],
  ['LC_ALL before LANG', { TERM: 'xterm', LANG: 'zh_CN.UTF-8', LC_ALL: 'zh_CN.GBK' }, true, 'screen color'],
  ['no charset named', { TERM: 'tmux', LANG: 'C' }, true, 'screen color unicode'],
  ['the kernel console', { TERM: 'linux', LANG: 'zh_CN.UTF-8' }, true, 'screen color'],
];

for (const [name, env, isTerminal, expected] of ABLE) {
  t.test(`abilities: ${name}`, async (t) => {
    const able = Object.entries(abilities(env, isTerminal));
    t.equal(able.flatMap(([what, can]) => (can ? [what] : [])).join(' '), expected);
  });
}
