import t from 'tap';
import { QuestionWatch } from '../../../central/judging/questionWatch.js';
import type { ChainedRecord } from '../../../central/ledger/batch.js';
import { ManualClock } from '../../../platform/clock.js';
import { createLog } from '../../../platform/log.js';
import { parseRecord } from '../../../protocol/journal/record.js';
import { generateSm2KeyPair } from '../../../protocol/sm/sm2.js';
import { TestJournal } from '../device.js';

const DEVICE = 'gz-bus-a1';
const MINUTE_MS = 60_000;
const { publicKey } = generateSm2KeyPair();

function open(mostDevices?: number) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = createLog((line) => lines.push(line.replace(/^.*without a tap /, '')));
  return { clock, lines, watch: new QuestionWatch(clock, log, mostDevices) };
}

/** Records 1 start, 2 key, 3 a tap, 4 its verdict. */
function records(): ChainedRecord[] {
  const journal = new TestJournal(DEVICE, 1, null, { id: '00'.repeat(8), publicKey });
  journal.verdict(journal.tap());
  return journal.bodies.map((body, at) => {
    const parsed = parseRecord(body);
    if (!parsed.ok) throw new Error(parsed.reason);
    return { record: parsed.value, body, previous: journal.headAt(at), head: journal.headAt(at + 1) };
  });
}

const tap = (seq: number) => ({ epoch: 1, seq });

t.test('a question with its tap is no matter, whichever comes first', async (t) => {
  const { watch, clock } = open();
  watch.asked(DEVICE, tap(3));
  watch.stored(DEVICE, records());
  watch.asked(DEVICE, tap(3));
  clock.advance(20 * MINUTE_MS);
  t.equal(watch.unbacked, 0);
});

t.test('a place that the journal has passed with something else is reported at once', async (t) => {
  const { watch, lines } = open();
  for (const seq of [2, 3, 5]) watch.asked(DEVICE, tap(seq));
  watch.stored(DEVICE, records());
  t.same(lines, [`device=${DEVICE} tap=1/2 why="the journal has no tap there"`]);
});

t.test('a question is overdue after 15 minutes, though no journal comes ever again', async (t) => {
  const { watch, clock, lines } = open();
  watch.asked(DEVICE, tap(3));
  clock.advance(15 * MINUTE_MS - 1);
  t.equal(watch.unbacked, 0);
  clock.advance(MINUTE_MS);
  t.same(lines, [`device=${DEVICE} tap=1/3 why="no record in 15 minutes"`]);
  clock.advance(20 * MINUTE_MS);
  t.equal(watch.unbacked, 1, 'once');
});

t.test('the next question of a device finds the overdue ones', async (t) => {
  const { watch, clock } = open();
  clock.advance(MINUTE_MS / 2);
  watch.asked(DEVICE, tap(3));
  clock.advance(15 * MINUTE_MS);
  t.equal(watch.unbacked, 0, 'between two looks');
  watch.asked(DEVICE, tap(5));
  t.equal(watch.unbacked, 1);
});

t.test('a question that is asked again and again is not put off', async (t) => {
  const { watch, clock } = open();
  for (let minute = 0; minute <= 16; minute++) {
    watch.asked(DEVICE, tap(3));
    clock.advance(MINUTE_MS);
  }
  t.equal(watch.unbacked, 1);
});

t.test('questions that have to be forgotten are reported', async (t) => {
  const { watch, lines } = open(2);
  for (let n = 0; n <= 256; n++) watch.asked(DEVICE, tap(n + 3));
  t.same(lines, [`device=${DEVICE} tap=1/3 why="too many questions without a record"`]);
  watch.asked('gz-bus-a2', tap(3));
  watch.asked('gz-bus-a3', tap(3));
  t.equal(watch.unbacked, 257, 'all of the device that had to go');
  t.match(lines.at(-1), /device=gz-bus-a1 tap=1\/259 why="too many devices/);
});

t.test('closed, it looks no more', async (t) => {
  const { watch, clock } = open();
  watch.asked(DEVICE, tap(3));
  watch.close();
  clock.advance(60 * MINUTE_MS);
  t.equal(watch.unbacked, 0);
});
