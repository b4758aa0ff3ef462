import t from 'tap';
import { Intake } from '../../../central/ledger/intake.js';
import type { Stored } from '../../../central/ledger/ledger.js';
import type { Envelopes } from '../../../central/session/envelopes.js';
import { ManualClock } from '../../../platform/clock.js';
import { Drops } from '../../../platform/drops.js';
import { createLog } from '../../../platform/log.js';
import { encodeBatch, parseAck } from '../../../protocol/wire/messages.js';

const DEVICE = 'gz-bus-a1';
const PLACE = { epoch: 1, seq: 3, head: '11'.repeat(32) };
const BATCH = encodeBatch({ epoch: 1, first: 1, previous: '00'.repeat(32), records: [Buffer.from('{}')] });
const KEY = { id: '00'.repeat(8), publicKey: `04${'00'.repeat(64)}` };

/** An intake whose envelopes are open and whose ledger says what a test tells it to. */
function open(answer: () => Promise<Stored>, isUp = true, onStep: (step: string) => unknown = () => {}) {
  const clock = new ManualClock();
  const lines: string[] = [];
  const acks: unknown[] = [];
  const judged: number[] = [];
  const anchored: unknown[] = [];
  const beforeAck: number[] = [];
  const log = createLog((line) => lines.push(line.replace(/^\S+ /, '')));
  const drops = new Drops(clock, log);
  const envelopes: Pick<Envelopes, 'open' | 'seal'> = {
    open: async (_device, _kind, plaintext) => {
      onStep('open');
      return {
        ok: true,
        value: { session: {} as never, counter: 1, plaintext: Buffer.from(plaintext) },
      };
    },
    seal: (_session, _kind, plaintext) => Buffer.from(plaintext),
  };
  const intake = new Intake({
    envelopes: envelopes as Envelopes,
    enrolments: () => ({ devices: { [DEVICE]: { key: KEY, enrolledMs: 0 } } }),
    ledger: { store: answer },
    clock,
    log,
    drops,
    sendAck: (_device, payload) => {
      const ack = parseAck(payload);
      onStep('ack');
      if (isUp) acks.push(ack.ok && 'place' in ack.value ? ack.value.place : ack);
      return isUp;
    },
    onAcknowledged: (_device, place) => void anchored.push(acks.length, place),
    onStoring: async () => void beforeAck.push(acks.length),
    onStored: async (_device, records) => {
      judged.push(records.length);
      await onStep(`told of ${records.length}`);
    },
  });
  return { intake, drops, lines, acks, judged, anchored, beforeAck, clock };
}

t.test(
  'what was stored is looked through for alarms before the ack, which ends the gate’s own care',
  async (t) => {
    const { intake, beforeAck, acks } = open(async () => ({
      kind: 'stored',
      place: PLACE,
      fork: 0,
      records: [],
    }));
    await intake.handle(DEVICE, BATCH);
    t.same([beforeAck, acks.length], [[0], 1]);
  },
);

t.test(
  'a batch is opened while the disk has the one before it, and stored and told of behind it',
  async (t) => {
    const steps: string[] = [];
    const answers: ((stored: Stored) => void)[] = [];
    const store = () => {
      steps.push('store');
      return new Promise<Stored>((resolve) => answers.push(resolve));
    };
    const { intake } = open(store, true, (step) => steps.push(step));
    const stored = (count: number): Stored => ({
      ...{ kind: 'stored', place: PLACE, fork: 0 },
      records: Array.from({ length: count }, () => ({}) as never),
    });
    const both = [intake.handle(DEVICE, BATCH), intake.handle(DEVICE, BATCH)];
    await new Promise((resolve) => setImmediate(resolve));
    t.same(steps, ['open', 'open', 'store']);
    answers[0]?.(stored(1));
    await both[0];
    t.same(steps.slice(3), ['ack', 'store', 'told of 1'], 'the second one is with the disk');
    answers[1]?.(stored(2));
    await Promise.all(both);
    t.equal(steps.at(-1), 'told of 2');
  },
);

t.test('what is told of slowly slows the acks, and no batch is dropped for it', async (t) => {
  const told: (() => void)[] = [];
  const records = [{} as never];
  const { intake, acks, drops } = open(
    async () => ({ kind: 'stored', place: PLACE, fork: 0, records }),
    true,
    (step) => (step === 'told of 1' ? new Promise<void>((resolve) => told.push(resolve)) : undefined),
  );
  const turns = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  let asked = 0;
  // As a gate does it: two batches out, the next one at an ack.
  const all: Promise<void>[] = [];
  const goOn = () => {
    for (; asked < acks.length + 2; asked++) all.push(intake.handle(DEVICE, BATCH));
  };
  for (let batch = 0; batch < 20; batch++) {
    goOn();
    await turns();
    t.ok(acks.length <= told.length + 1, 'one batch ahead at most');
    told[batch]?.();
    await turns();
  }
  t.same(drops.counts(), {});
  t.ok(acks.length >= 20, `${acks.length} acknowledged`);
});

t.test('what was stored, known or missing is acknowledged with our place', async (t) => {
  const cases: [Stored, unknown[], number[]][] = [
    [{ kind: 'stored', place: PLACE, fork: 0, records: [] }, [PLACE], [0]],
    [{ kind: 'known', place: PLACE, fork: 0 }, [PLACE], []],
    [{ kind: 'hole', place: null }, [null], []],
  ];
  for (const [stored, expected, judgedThen] of cases) {
    const { intake, acks, judged, drops } = open(async () => stored);
    await intake.handle(DEVICE, BATCH);
    t.same([acks, judged, drops.counts()], [expected, judgedThen, {}], stored.kind);
  }
});

t.test(
  'how far the main line is acknowledged is told after the ack; of a fork or a hole nothing is',
  async (t) => {
    const cases: [Stored, unknown[]][] = [
      [{ kind: 'stored', place: PLACE, fork: 0, records: [] }, [1, PLACE]],
      [{ kind: 'known', place: PLACE, fork: 0 }, [1, PLACE]],
      [{ kind: 'stored', place: PLACE, fork: 1, records: [] }, []],
      [{ kind: 'known', place: PLACE, fork: 2 }, []],
      [{ kind: 'hole', place: PLACE }, []],
      [{ kind: 'rejected', reason: 'record-seal' }, []],
    ];
    for (const [stored, expected] of cases) {
      const { intake, anchored } = open(async () => stored);
      await intake.handle(DEVICE, BATCH);
      t.same(anchored, expected, JSON.stringify(stored));
    }
  },
);

t.test('a batch that is rejected gets no ack, and an error says so once a minute a device', async (t) => {
  for (const reason of ['too-many-forks', 'gap-in-the-past', 'gap-too-wide', 'record-seal']) {
    const { intake, acks, lines, clock, drops } = open(async () => ({ kind: 'rejected', reason }));
    for (let n = 0; n < 3; n++) await intake.handle(DEVICE, BATCH);
    t.same(lines, [`error dropped kind=events who=${DEVICE} reason=${reason}`]);
    clock.advance(60_000);
    await intake.handle(DEVICE, BATCH);
    t.equal(lines.length, 2);
    t.same([acks, drops.counts()], [[], { [`events.${reason}`]: 4 }]);
  }
  const { intake, lines } = open(async () => ({ kind: 'known', place: PLACE, fork: 0 }));
  await intake.handle(DEVICE, Buffer.from('{}'));
  t.same(lines, [`error dropped kind=events who=${DEVICE} reason=wrong-shape`], 'no batch at all');
});

t.test('a device that leaves holes all the time is a few lines a minute', async (t) => {
  const { intake, acks, lines, clock } = open(async () => ({ kind: 'hole', place: PLACE }));
  for (let n = 0; n < 50; n++) await intake.handle(DEVICE, BATCH);
  t.same([acks.length, lines.length], [50, 6]);
  t.match(lines, [/warn {2}records missing, the gate is asked to go back device=gz-bus-a1/]);
  clock.advance(60_000);
  await intake.handle(DEVICE, BATCH);
  t.equal(lines.length, 7);
});

t.test('a disk that fails is an error, no ack, and the next batch is taken', async (t) => {
  let fails = true;
  const { intake, acks, lines, drops } = open(async () => {
    if (fails) throw new Error('EIO');
    return { kind: 'known', place: PLACE, fork: 0 };
  });
  await intake.handle(DEVICE, BATCH);
  t.match(lines.join(), /error batch not stored/);
  t.same([acks, drops.counts()], [[], { 'events.not-stored': 1 }]);
  fails = false;
  await intake.handle(DEVICE, BATCH);
  t.same(acks, [PLACE]);
});

t.test('a disk that stays full is said every ten seconds, not for each batch of each gate', async (t) => {
  const full = Object.assign(new Error('no space left'), { code: 'ENOSPC' });
  const { intake, lines, acks, clock } = open(() => Promise.reject(full));
  for (let second = 0; second < 25; second++) {
    for (let batch = 0; batch < 4; batch++) await intake.handle(DEVICE, BATCH);
    clock.advance(1_000);
  }
  t.equal(lines.filter((line) => /batch not stored .*ENOSPC/.test(line)).length, 3);
  t.same(acks, []);
});

t.test('an ack that cannot be sent does no harm: the batch comes again', async (t) => {
  const { intake, lines, drops, judged } = open(
    async () => ({ kind: 'stored', place: PLACE, fork: 0, records: [] }),
    false,
  );
  await intake.handle(DEVICE, BATCH);
  t.match(lines.join(), /warn {2}ack not sent/);
  t.same([judged, drops.counts()], [[0], {}]);
});

t.test('a device is served one batch after another, and eight wait at most', async (t) => {
  let running = 0;
  let most = 0;
  const { intake, acks, drops } = open(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return { kind: 'known', place: PLACE, fork: 0 };
  });
  for (let n = 0; n < 10; n++) void intake.handle(DEVICE, BATCH);
  await intake.idle();
  t.same([most, acks.length, drops.counts()], [1, 8, { 'events.busy': 2 }]);
});

t.test('a device that nobody enrolled has no queue', async (t) => {
  const { intake, drops } = open(async () => ({ kind: 'known', place: PLACE, fork: 0 }));
  await intake.handle('gz-bus-b2', BATCH);
  t.same(drops.counts(), { 'events.not-enrolled': 1 });
});
