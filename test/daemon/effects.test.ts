import t from 'tap';
import { Effects } from '../../daemon/effects.js';
import type { LaneInput } from '../../daemon/lane/state.js';
import { Buzzer } from '../../drivers/buzzer.js';
import { Gate } from '../../drivers/gate.js';
import { Lamps } from '../../drivers/lamps.js';
import { ManualClock } from '../../platform/clock.js';
import { createLog } from '../../platform/log.js';
import type { Credential } from '../../protocol/credential.js';
import { Personal } from '../../protocol/personal.js';
import { RecordedLine } from '../drivers/recordedLine.js';
import { MemoryDisk } from '../support/memoryDisk.js';
import { settle } from '../support/waiting.js';
import { drain, NUMBER, openOn } from './journal/bench.js';

const credential: Credential = {
  medium: 'id-card',
  token: new Personal(NUMBER),
  assurance: 'sam',
  validity: 'valid',
};
const facts = { schemes: ['health-code@1'], site: 'gz-bus', lane: 'A1', direction: 'entry' } as const;

async function bench({ bare = false } = {}) {
  const clock = new ManualClock();
  const disk = new MemoryDisk();
  const { journal } = await openOn(disk, clock);
  const line = (name: string) => new RecordedLine(name, clock);
  const lines = { green: line('green'), yellow: line('yellow'), red: line('red') };
  const [gate, buzzer, staff] = [line('gate'), line('buzzer'), line('staff')];
  const calls: string[] = [];
  const asked: unknown[] = [];
  const inputs: LaneInput[] = [];
  const logged: string[] = [];
  const effects = new Effects({
    lamps: new Lamps(lines, clock),
    buzzer: bare ? undefined : new Buzzer(buzzer, clock),
    staff: bare ? undefined : staff,
    gate: new Gate(gate, clock),
    journal,
    ask: (tap, question, deadlineMs) => {
      calls.push(`ask ${tap} ${deadlineMs}`);
      asked.push(question);
    },
    forget: (tap, timedOut) => calls.push(`forget ${tap} ${timedOut}`),
    pauseUploads: (paused) => calls.push(`pause ${paused}`),
    onAlarm: (alarm) => calls.push(`alarm ${alarm}`),
    facts: { ...facts, schemes: [...facts.schemes] },
    clock,
    dispatch: (input) => inputs.push(input),
    log: createLog((text) => logged.push(text), 'debug'),
  });
  return { clock, disk, journal, lines, gate, buzzer, staff, calls, asked, inputs, logged, effects };
}

const verdict = {
  type: 'append-verdict',
  tap: 1,
  outcome: 'undetermined',
  reasons: ['sys.offline'],
  action: 'open',
  decidedBy: 'local',
  tookMs: 12.345,
} as const;

t.test('open is one pulse of the gate', async (t) => {
  const { effects, gate, clock } = await bench();
  effects.perform({ type: 'open', tap: 1 });
  clock.advance(1_000);
  t.equal(gate.drawn, '+0 -300');
});

t.test('a hold is as long as it lasts, and no pulse', async (t) => {
  const { effects, gate, clock } = await bench();
  effects.perform({ type: 'hold', isHeld: true });
  effects.perform({ type: 'open', tap: 1 });
  clock.advance(60_000);
  effects.perform({ type: 'hold', isHeld: false });
  clock.advance(1_000);
  t.equal(gate.drawn, '+0 -60000');
});

t.test('a signal is lamp and tone together, and a lamp dark that does not belong to it', async (t) => {
  const { effects, lines, buzzer, clock } = await bench();
  effects.perform({ type: 'signal', signal: 'refuse' });
  clock.advance(5_000);
  t.equal(lines.red.drawn, '+0');
  t.equal(buzzer.drawn, '+0 -500 +800 -1300 +1600 -2100');
  effects.perform({ type: 'signal', signal: 'registered' });
  clock.advance(1_000);
  t.equal(lines.red.drawn, '+0 -5000');
  t.equal(lines.green.drawn, '+5000');
  effects.perform({ type: 'signal', signal: 'undetermined' });
  t.equal(lines.yellow.isOn, true, 'without a white lamp');
  effects.perform({ type: 'signal', signal: 'reading' });
  t.equal(lines.yellow.isOn, true, 'a tone alone leaves the lamps');
  effects.perform({ type: 'signal', signal: 'checking' });
  t.same(
    Object.values(lines).map(({ isOn }) => isOn),
    [false, false, false],
  );
});

t.test('a called person stays called until the lane is idle', async (t) => {
  const { effects, staff, logged } = await bench();
  effects.perform({ type: 'call-staff', reason: 'card.unreadable' });
  effects.perform({ type: 'signal', signal: 'attend' });
  t.equal(staff.isOn, true);
  effects.perform({ type: 'signal', signal: 'idle' });
  t.equal(staff.isOn, false);
  t.match(logged[0], /call staff reason=card.unreadable/);
});

t.test('who is called by the help button stays called beyond the rest of the lane', async (t) => {
  const { effects, staff } = await bench();
  effects.perform({ type: 'call-staff', reason: 'help.pressed', isLasting: true });
  effects.perform({ type: 'call-staff', reason: 'refuse', tap: 1 });
  effects.perform({ type: 'signal', signal: 'idle' });
  t.equal(staff.isOn, true);
  effects.perform({ type: 'call-over' });
  t.equal(staff.isOn, false);
  effects.perform({ type: 'call-staff', reason: 'refuse', tap: 1 });
  effects.perform({ type: 'call-over' });
  t.equal(staff.isOn, true, 'a call for a tap ends with the rest of the lane');
  effects.perform({ type: 'signal', signal: 'door-open' });
  t.equal(staff.isOn, false);
});

t.test('an alarm of an input is logged, recorded and passed on', async (t) => {
  const { effects, journal, logged, calls } = await bench();
  effects.perform({ type: 'alarm', alarm: 'help.pressed' });
  effects.perform({ type: 'alarm', alarm: 'door.forced', more: 7 });
  t.match(logged, [/warn +alarm alarm=help\.pressed$/, /warn +alarm alarm=door\.forced more=7$/]);
  t.same(calls, ['alarm help.pressed', 'alarm door.forced']);
  await journal.idle();
  t.equal(hasRecord((await drain(journal)).names, 'alarm'), 2);
});

t.test('a passage is recorded with the place of its tap, though that has its verdict already', async (t) => {
  const { effects, journal, logged } = await bench();
  effects.perform({ type: 'append-tap', tap: 1, credential });
  await settle();
  effects.perform({ type: 'open', tap: 1 });
  effects.perform(verdict);
  effects.perform({ type: 'append-passage', tap: 1 });
  effects.perform({ type: 'append-passage' });
  await journal.idle();
  t.same((await drain(journal)).names.slice(2), ['1/3 tap', '1/4 verdict', '1/5 passage', '1/6 passage']);
  t.match(logged.slice(-2), [/passage tap=1\/3$/, /passage$/]);
});

t.test('a journal that is full keeps no alarm from the log, and nothing throws', async (t) => {
  const { effects, disk, logged, journal } = await bench();
  disk.fail = (what) => (what === 'append' ? 'ENOSPC' : undefined);
  for (let tap = 1; tap <= 2_000; tap++) effects.perform({ type: 'append-tap', tap, credential });
  await journal.idle();
  effects.perform({ type: 'alarm', alarm: 'fire.active' });
  t.match(logged.join('\n'), /warn +alarm alarm=fire\.active/);
});

t.test('a lane without buzzer and staff line does all else', async (t) => {
  const { effects, lines } = await bench({ bare: true });
  effects.perform({ type: 'call-staff', reason: 'x' });
  effects.perform({ type: 'signal', signal: 'pass' });
  effects.perform({ type: 'signal', signal: 'idle' });
  t.equal(lines.green.drawn, '+0 -0');
});

t.test('a tap is told durable when it is, and not before', async (t) => {
  const { effects, disk, inputs, clock } = await bench();
  disk.holdSyncs();
  clock.advance(70);
  effects.perform({ type: 'append-tap', tap: 1, credential });
  await settle();
  t.same(inputs, []);
  clock.advance(7);
  disk.releaseSyncs();
  await settle();
  t.same(inputs, [{ type: 'durable', nowMs: 77, tap: 1 }]);
});

t.test('a question names the tap by its journal place', async (t) => {
  const { effects, calls, asked } = await bench();
  effects.perform({ type: 'append-tap', tap: 1, credential });
  effects.perform({ type: 'ask', tap: 1, credential, deadlineMs: 1_500 });
  t.same(calls, ['ask 1 1500']);
  t.same(asked, [
    {
      tap: { epoch: 1, seq: 3 },
      medium: 'id-card',
      assurance: 'sam',
      validity: 'valid',
      token: NUMBER,
      ...facts,
    },
  ]);
});

t.test('a tap, its verdict and a void lie in the journal one behind the other', async (t) => {
  const { effects, journal, logged } = await bench();
  effects.perform({ type: 'append-tap', tap: 1, credential });
  effects.perform({ type: 'append-tap', tap: 2, credential });
  effects.perform({ type: 'append-void', tap: 2, reason: 'card.checksum' });
  effects.perform(verdict);
  await journal.idle();
  t.same((await drain(journal)).names.slice(2), ['1/3 tap', '1/4 tap', '1/5 tap-void', '1/6 verdict']);
  t.match(
    logged.at(-1),
    /tap=1\/3 outcome=undetermined reasons=sys.offline action=open by=local tookMs=12.3/,
  );
  effects.perform(verdict);
  effects.perform({ type: 'append-void', tap: 2, reason: 'card.checksum' });
  await journal.idle();
  t.equal((await drain(journal)).records.length, 6, 'each once');
  t.notOk(logged.join().includes(NUMBER));
});

t.test("a tap's line says how long it took, and how much of that the question was under way", async (t) => {
  const { effects, logged } = await bench();
  effects.perform({ ...verdict, outcome: 'pass', decidedBy: 'central', networkMs: 1.26 });
  t.match(logged.at(-1), /by=central tookMs=12.3 networkMs=1.3$/);
  effects.perform(verdict);
  t.match(logged.at(-1), /by=local tookMs=12.3$/, 'where nobody answered, nothing is said of the way');
});

t.test('a debug line names each signal', async (t) => {
  const { effects, logged } = await bench();
  effects.perform({ type: 'signal', signal: 'registered' });
  t.match(logged.at(-1), /debug signal name=registered$/);
});

t.test('forget and uploads are passed on', async (t) => {
  const { effects, calls } = await bench();
  effects.perform({ type: 'forget', tap: 4, timedOut: true });
  effects.perform({ type: 'uploads', paused: true });
  effects.perform({ type: 'uploads', paused: false });
  t.same(calls, ['forget 4 true', 'pause true', 'pause false']);
});

t.test('a disk that fails is told as not durable, and the question is asked all the same', async (t) => {
  const { effects, disk, inputs, calls } = await bench();
  disk.fail = (what) => (what === 'sync' ? 'EIO' : undefined);
  effects.perform({ type: 'append-tap', tap: 1, credential });
  effects.perform({ type: 'ask', tap: 1, credential, deadlineMs: 1_500 });
  await settle();
  t.same(inputs, [{ type: 'not-durable', nowMs: 0, tap: 1 }]);
  t.same(calls, ['ask 1 1500']);
});

t.test('a journal that is full makes central unavailable for the tap, and nothing throws', async (t) => {
  const { effects, disk, inputs, calls, journal, logged } = await bench();
  disk.fail = (what) => (what === 'append' ? 'ENOSPC' : undefined);
  for (let tap = 1; tap <= 2_000; tap++) {
    effects.perform({ type: 'append-tap', tap, credential });
    // SM2 wraps the next key meanwhile.
    await Promise.resolve();
  }
  await journal.idle();
  inputs.length = 0;
  effects.perform({ type: 'append-tap', tap: 9_001, credential });
  effects.perform({ type: 'ask', tap: 9_001, credential, deadlineMs: 1_500 });
  effects.perform({ ...verdict, tap: 9_001 });
  effects.perform(verdict);
  t.same(inputs, [
    { type: 'not-durable', nowMs: 0, tap: 9_001 },
    { type: 'unavailable', nowMs: 0, tap: 9_001, reason: 'sys.journal' },
  ]);
  t.same(calls, []);
  t.match(logged.join('\n'), /record not written problem=journal.full/);
});

const hasRecord = (names: readonly string[], kind: string) =>
  names.filter((name) => name.endsWith(` ${kind}`)).length;

for (const code of ['ENOSPC', 'EROFS']) {
  t.test(
    `${code}: openings without a record are told at once, and recorded when the disk is back`,
    async (t) => {
      const { effects, disk, journal, logged, clock } = await bench();
      disk.fail = () => code;
      for (let tap = 1; tap <= 3; tap++) {
        effects.perform({ type: 'append-tap', tap, credential });
        await settle();
        if (tap < 3) effects.perform({ type: 'open', tap });
        effects.perform({ ...verdict, tap, action: tap < 3 ? 'open' : 'call-staff' });
      }
      t.match(logged.join('\n'), /warn {2}opened for a tap that is not on disk openings=2/);
      disk.fail = () => undefined;
      clock.advance(1_000);
      await journal.idle();
      effects.writingAgain();
      await journal.idle();
      const { names } = await drain(journal);
      t.equal(hasRecord(names, 'tap'), 3, 'what waited in memory is there as well');
      t.equal(hasRecord(names, 'alarm'), 1);
      effects.writingAgain();
      await journal.idle();
      t.equal(hasRecord((await drain(journal)).names, 'alarm'), 1, 'told once');
    },
  );
}

t.test('an opening for a tap that is on disk is no matter', async (t) => {
  const { effects, journal, logged } = await bench();
  effects.perform({ type: 'append-tap', tap: 1, credential });
  await settle();
  effects.perform({ type: 'open', tap: 1 });
  effects.writingAgain();
  await journal.idle();
  t.notMatch(logged.join('\n'), /not on disk/);
  t.equal(hasRecord((await drain(journal)).names, 'alarm'), 0);
});

t.test('a disk that is slow all day is an alarm now and then, and not at every card', async (t) => {
  const { effects, disk, journal, clock } = await bench();
  for (let tap = 1; tap <= 4; tap++) {
    if (tap === 4) clock.advance(600_000);
    disk.holdSyncs();
    effects.perform({ type: 'append-tap', tap, credential });
    await settle();
    effects.perform({ type: 'open', tap });
    effects.perform({ ...verdict, tap });
    disk.releaseSyncs();
    await journal.idle();
    await settle();
  }
  t.equal(hasRecord((await drain(journal)).names, 'alarm'), 2);
});
