import t from 'tap';
import { SIGNAL_NAMES } from '../../../daemon/lane/signals.js';
import type { Happening, KnownEvent, Visit } from '../../../scripts/demonstration/live/happenings.js';
import { after, type LaneModel, newModel } from '../../../scripts/demonstration/live/model.js';
import { render, wrap } from '../../../scripts/demonstration/live/view.js';
import { columnsOf, cutTo } from '../../../scripts/screen/columns.js';
import { lineColumns, textOf } from '../../../scripts/screen/line.js';

const SIZE = { columns: 80, rows: 24 };
const UNICODE = { unicode: true };

const level = (line: string, value: 0 | 1): Happening => ({ type: 'level', ns: 1n, line, value });
const visit = (number: number, change: Partial<Visit> = {}): Happening => ({
  type: 'visit',
  visit: {
    number,
    card: 'green',
    outcome: 'pass',
    action: 'open',
    time: '2.1 ms, 1.3 of it the network',
    ...change,
  },
});
const event = (event: KnownEvent): Happening => ({ type: 'event', event });
const TAP = { kind: 'tap', epoch: 1, seq: 3, subject: '3fa91c02d4e15b77aa' };
const VERDICT = {
  ...{ kind: 'verdict', epoch: 1, seq: 4, tap: 3, outcome: 'refuse', reasons: ['health.red'] },
  decidedBy: 'central',
};
const message = (topic: string, payload: string): Happening => ({
  type: 'message',
  topic: `cardpad/v1/d/demo-gate-1/${topic}`,
  payload: Buffer.from(payload),
});

const played = (...happenings: readonly Happening[]): LaneModel =>
  happenings.reduce(after, newModel('demo-gate-1'));
const picture = (model: LaneModel, size = SIZE, options = UNICODE) =>
  render(model, size, options).map(textOf);

t.test(
  'at 80x24 every line is 80 columns wide and the three columns stand upright, also beside Chinese',
  async (t) => {
    for (const signal of SIGNAL_NAMES) {
      const model = played(
        { type: 'signal', signal },
        event(TAP),
        event(VERDICT),
        visit(1),
        level('yellow', 1),
      );
      const lines = render(model, SIZE, UNICODE);
      t.equal(lines.length, 24);
      t.same([...new Set(lines.map(lineColumns))], [80], signal);
      for (const text of lines.slice(4, 14).map(textOf)) {
        const left = cutTo(text, 27);
        t.equal(left.slice(-3), ' | ', `${signal}: ${text}`);
        t.equal(columnsOf(left), 27, `${signal}: ${text}`);
      }
    }
  },
);

t.test('larger terminals are filled, smaller ones are told what is needed', async (t) => {
  const model = played(...Array.from({ length: 60 }, (_, index) => visit(index + 1)));
  for (const size of [
    SIZE,
    { columns: 81, rows: 25 },
    { columns: 133, rows: 40 },
    { columns: 200, rows: 60 },
  ]) {
    const lines = render(model, size, UNICODE);
    t.equal(lines.length, size.rows);
    t.same([...new Set(lines.map(lineColumns))], [size.columns]);
  }
  for (const size of [
    { columns: 79, rows: 24 },
    { columns: 80, rows: 23 },
    { columns: 20, rows: 5 },
    { columns: 1, rows: 1 },
  ]) {
    const lines = render(model, size, UNICODE);
    t.ok(lines.length <= size.rows && lines.every((line) => lineColumns(line) <= size.columns));
  }
  t.match(
    picture(model, { columns: 60, rows: 20 }).join(' '),
    /needs 80x24, and the terminal has 60x20.*press q/,
  );
});

t.test('a lamp is told by shape and word beside its color', async (t) => {
  const dark = picture(played(level('green', 0), level('red', 0)));
  t.match(dark[5], /^green +\(✓\) +dark/);
  t.match(picture(played(level('green', 1)))[5], /^green +\(\(✓\)\) LIT +tick/);
  t.match(picture(played(level('yellow', 1)))[6], /^yellow +\(\(!\)\) LIT +wait/);
  t.match(picture(played(level('red', 1)))[7], /^red +\(\(✗\)\) LIT +cross/);
  t.match(dark[4], /^gate +\|=====\| shut/);
  t.match(picture(played(level('gate', 1)))[4], /^gate +\| {5}\| OPEN/);
  t.match(picture(played(level('buzzer', 1)))[8], /^buzzer +sounds/);
  const shapes = ['green', 'yellow', 'red'].map(
    (lamp, row) => picture(played(level(lamp, 1)), SIZE, { unicode: false })[5 + row],
  );
  t.same(
    shapes.map((text) => /\(\((.)\)\)/.exec(text ?? '')?.[1]),
    ['v', '!', 'x'],
    'three shapes in ASCII too',
  );
});

t.test(
  'the phrase stands in Chinese and in English; without Unicode in English alone, and all is ASCII',
  async (t) => {
    const model = played({ type: 'signal', signal: 'registered' });
    t.match(picture(model).join('\n'), /已登记请通行 +\|/);
    t.match(picture(model).join('\n'), /registered, please pass +\|/);
    const plain = picture(model, SIZE, { unicode: false }).join('');
    t.match(plain, /registered, please pass/);
    t.match(plain, /^[ -~]*$/);
  },
);

t.test('central knows outcome, reasons and pseudonym', async (t) => {
  const waiting = picture(played(event(TAP)));
  t.match(waiting.join('\n'), /1\/3 verdict to come/);
  const known = picture(played(event(TAP), event(VERDICT))).join('\n');
  t.match(known, /1\/3 refuse/);
  t.match(known, /central health\.red/);
  t.match(known, /who 3fa91c02d4e15b77 /);
});

t.test('a verdict that was written by a later start finds its tap', async (t) => {
  const late = {
    ...VERDICT,
    epoch: 2,
    seq: 2,
    tapEpoch: 1,
    outcome: 'undetermined',
    reasons: ['sys.restart'],
  };
  t.match(picture(played(event(TAP), event(late))).join('\n'), /1\/3 undetermined .*\n.*sys\.restart/);
});

t.test('a damaged card is void at central, whichever line came first', async (t) => {
  const voided = { kind: 'tap-void', epoch: 1, seq: 3, reason: 'card.damaged' };
  for (const happenings of [[event(voided)], [event(TAP), event(voided)]]) {
    t.match(picture(played(...happenings)).join('\n'), /1\/3 void .*\n.*card\.damaged/);
  }
});

t.test('the broker sees topic, size and sealed bytes', async (t) => {
  const sealed = Buffer.concat([Buffer.alloc(9, 1), Buffer.from('9f3a1b44ffff', 'hex')]).toString('base64');
  const seen = picture(played(message('up/verify', JSON.stringify({ ticket: 'AAAA', sealed })))).join('\n');
  t.match(seen, /up\/verify +\d+ B/);
  t.match(seen, /\| {3}9f 3a 1b 44 ff ff/);
  const hostile = picture(played(message('up/state', '\u001b[2J'), message('up/x', 'null'))).join('');
  t.match(hostile, /1b 5b 32 4a/);
  t.notMatch(hostile, '\u001b');
});

t.test('the newest visits are at the bottom, and the counts above', async (t) => {
  const model = played(
    ...Array.from({ length: 9 }, (_, index) => visit(index + 1)),
    visit(10, { outcome: 'refuse', action: 'hold+call-staff', time: '999.9 ms, 999.9 of it the network' }),
    { type: 'counts', counts: { came: 9, atCentral: 7, waiting: 4, lost: 0 } },
  );
  const lines = picture(model);
  t.same(
    lines.slice(15, 20).map((text) => text.split(' ')[0]),
    ['#6', '#7', '#8', '#9', '#10'],
  );
  t.match(lines[19], /refuse +hold\+staff +999\.9 ms, 999\.9 of it the network/);
  t.match(lines[18], /2\.1 ms, 1\.3 of it the network/);
  t.match(lines[1], /came 9 +taps at central 7 +records waiting on disk 4 +0 lost/);
});

t.test(
  "network and daemon say how they are; a killed daemon's word to the elder stands until the next one is ready",
  async (t) => {
    const [first] = picture(played({ type: 'network', up: false }, { type: 'daemon', state: 'killed' }));
    t.match(first, /network: PULLED +daemon: KILLED/);
    const restarted = played({ type: 'signal', signal: 'pass' }, { type: 'daemon', state: 'starts' });
    t.equal(restarted.signal, 'pass', 'nobody has said anything else yet');
    t.equal(after(restarted, { type: 'daemon', state: 'runs' }).signal, 'idle');
    t.match(picture(played())[0], /network: up +daemon: runs/);
  },
);

t.test('a note is broken at spaces and keeps to its two lines', async (t) => {
  const note = picture(played({ type: 'note', text: 'word '.repeat(60).trim() }));
  t.match(note[20], /^(word ){15}word/);
  t.match(note[21], /^(word ){15}word/);
  t.same(wrap('请通行 a', 6, 5), ['请通行', 'a']);
  t.same(wrap('x'.repeat(9), 4, 2), ['xxxx']);
});
