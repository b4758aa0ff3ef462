import fc from 'fast-check';
import t from 'tap';
import { ManualClock } from '../../../platform/clock.js';
import { createEventLog, type LogEvent } from '../../../platform/log.js';
import { JournalSink, journalDatagram } from '../../../platform/systemd/journal.js';

/** The fields of a datagram, by the text of systemd.io/JOURNAL_NATIVE_PROTOCOL. */
function parse(datagram: Buffer): [string, string][] {
  const fields: [string, string][] = [];
  let at = 0;
  while (at < datagram.length) {
    const end = datagram.indexOf('\n', at);
    const equals = datagram.indexOf('=', at);
    if (equals !== -1 && equals < end) {
      fields.push([datagram.toString('utf8', at, equals), datagram.toString('utf8', equals + 1, end)]);
      at = end + 1;
    } else {
      const length = Number(datagram.readBigUInt64LE(end + 1));
      const from = end + 9;
      fields.push([datagram.toString('utf8', at, end), datagram.toString('utf8', from, from + length)]);
      if (datagram[from + length] !== 0x0a) throw new Error('no line end behind a value');
      at = from + length + 1;
    }
  }
  return fields;
}

/** A journal that writes down what it takes. */
function journal() {
  const clock = new ManualClock();
  const taken: [string, string][][] = [];
  const state = { takes: true };
  const sink = new JournalSink((bytes) => {
    if (state.takes) taken.push(parse(bytes));
    return state.takes;
  }, clock);
  const messages = () => taken.map((fields) => fields.find(([name]) => name === 'MESSAGE')?.[1]);
  return { clock, taken, state, sink, messages, log: createEventLog(sink.write, 'debug') };
}

t.test('a line has its words, its priority, and each field by itself', async (t) => {
  const { taken, log } = journal();
  log
    .named('link')
    .named('session')
    .warn('opened late', { networkMs: 31.5, id: 'a1', fast: false, none: undefined });
  t.same(taken, [
    [
      ['MESSAGE', 'link.session: opened late networkMs=31.5 id=a1 fast=false'],
      ['PRIORITY', '4'],
      ['SYSLOG_IDENTIFIER', 'cardpad'],
      ['CARDPAD_EVENT', 'opened late'],
      ['CARDPAD_PART', 'link.session'],
      ['CARDPAD_NETWORK_MS', '31.5'],
      ['CARDPAD_ID', 'a1'],
      ['CARDPAD_FAST', 'false'],
    ],
  ]);
});

t.test('every level has its priority', async (t) => {
  const { taken, log } = journal();
  for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('happened');
  t.same(
    taken.map((fields) => fields.find(([name]) => name === 'PRIORITY')?.[1]),
    ['7', '6', '4', '3'],
  );
});

t.test('no value can pass for another field', async (t) => {
  const { taken, log } = journal();
  log.info('said', { by: 'x\nPRIORITY=0\n_UID=0', to: '\u0000\u202e' });
  t.same(
    taken[0]?.map(([name]) => name),
    ['MESSAGE', 'PRIORITY', 'SYSLOG_IDENTIFIER', 'CARDPAD_EVENT', 'CARDPAD_BY', 'CARDPAD_TO'],
  );
});

t.test('any text at all is read back as it was, a line end within it too', async (t) => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });
  fc.assert(
    fc.property(text, text, fc.array(text, { maxLength: 3 }), (event, words, values) => {
      const fields = values.map((value, index) => [`key${index}`, value] as const);
      const line: LogEvent = { at: 'info', wallMs: 0, part: '', event, fields, words };
      const found = parse(journalDatagram(line, 'cardpad'));
      t.same(found.slice(0, 1), [['MESSAGE', words]]);
      t.same(
        found.slice(3).map(([, value]) => value),
        [event, ...values],
      );
    }),
  );
});

t.test('a field has a name that systemd takes, whatever the key', async (t) => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (key) => {
      const line: LogEvent = {
        at: 'info',
        wallMs: 0,
        part: '',
        event: 'x',
        fields: [[key, '1']],
        words: 'x',
      };
      const name = parse(journalDatagram(line, 'cardpad')).at(-1)?.[0] ?? '';
      t.match(name, /^CARDPAD_[A-Z0-9_]{0,56}$/);
    }),
  );
});

t.test('a value of any length makes a datagram that the kernel takes', async (t) => {
  const { taken, log } = journal();
  log.info('said', { what: 'é'.repeat(1_000_000) });
  t.ok((taken[0] ?? []).every(([, value]) => value.length <= 4_096));
});

t.test('a journal that takes nothing for a while gets the lines in order', async (t) => {
  const { log, state, clock, messages } = journal();
  log.info('one');
  state.takes = false;
  log.info('two');
  log.info('three');
  clock.advance(1_000);
  state.takes = true;
  log.info('four');
  t.same(messages(), ['one'], 'nobody overtakes');
  clock.advance(250);
  t.same(messages(), ['one', 'two', 'three', 'four']);
  log.info('five');
  t.equal(messages().at(-1), 'five');
});

t.test('what waits is bounded; what was dropped is told, with its number', async (t) => {
  const { log, state, clock, messages } = journal();
  state.takes = false;
  for (let line = 0; line < 1_000; line++) log.info(`line ${line}`);
  state.takes = true;
  clock.advance(250);
  t.equal(messages().length, 257);
  t.equal(messages()[0], 'line 0');
  t.equal(messages().at(-1), 'log lines were dropped: the journal took none lines=744');
});

t.test('at the end of a program what waits is tried once more', async (t) => {
  const { log, state, sink, messages } = journal();
  state.takes = false;
  log.error('stopping');
  sink.flush();
  t.same(messages(), []);
  state.takes = true;
  sink.flush();
  t.same(messages(), ['stopping']);
});
