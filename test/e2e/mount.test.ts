import t, { type Test } from 'tap';
import { startProxy } from '../support/faultyProxy.js';
import { whyNotApart } from './support/apart.js';
import { leaveBacklog } from './support/backlog.js';
import type { Capture } from './support/capture.js';
import { type Decided, TestGate } from './support/gate.js';
import { whyNoLoopDevice } from './support/mountedDisk.js';
import { elder, type Person } from './support/people.js';
import { type EventLine, Site } from './support/site.js';

/** A full disk still takes what fits into the pages that it has given away before. */
const MOST_UNTIL_FAILING = 12;
const CANNOT_WRITE = /error journal: cannot write/;
const NOT_IN_THIS_TEST = { what: 'delay', delayMs: 3_600_000 } as const;
const SIZE_KB = 1_024;
/** More than a segment: the first is closed. */
const BACKLOG = 400;

const crowd = Array.from({ length: 80 }, (_, index) => elder(400 + index, { healthCode: 'green' }));
const site = await Site.open(t, { people: crowd });
const waiting = [...crowd];
const onlooker = await site.lookOn();
const skip = whyNotApart();

function somebody(): Person {
  const person = waiting.shift();
  if (person === undefined) throw new Error('nobody is left to come');
  return person;
}

interface Passed extends Decided {
  readonly rose: boolean;
  readonly lamps: readonly string[];
}

/** One person comes, is decided on and goes. */
async function pass(gate: TestGate): Promise<Passed> {
  const [said, from] = [gate.process.written, gate.edges.count];
  gate.put(somebody());
  const decided = await gate.decided(said);
  await gate.edges.edge(decided.action === 'open' ? 'green' : 'yellow', 1, from);
  if (decided.action === 'open') await gate.edges.edge('gate', 1, from);
  gate.lift();
  await gate.edges.becomes('gate', '0');
  const rose = gate.edges.since(from, 'gate').some(({ value }) => value === 1);
  return { ...decided, rose, lamps: gate.lamps(from) };
}

/** People come, and somebody takes the room that is left, until the disk takes no more; gives those who came. */
async function passUntilFailing(gate: TestGate, fill = true): Promise<Passed[]> {
  const said = gate.process.written;
  const isFailing = () =>
    gate.process.stderr
      .split('\n')
      .slice(said)
      .some((line) => CANNOT_WRITE.test(line));
  const passed: Passed[] = [];
  while (!isFailing() && passed.length < MOST_UNTIL_FAILING) {
    if (fill) await gate.disk.fill();
    passed.push(await pass(gate));
  }
  await gate.process.line(CANNOT_WRITE, said);
  return passed;
}

const ready = (capture: Capture, device: string, state: RegExp) =>
  capture.retained(`cardpad/v1/d/${device}/up/state`, state);

const placeOf = ({ epoch, seq }: Pick<EventLine, 'epoch' | 'seq'>) => `${epoch}/${seq}`;

/** Central has each of these taps once, each with one verdict, which says what the gate did; in order; and it is whole. */
async function isAccountedFor(t: Test, gate: TestGate, taps: readonly Passed[]): Promise<EventLine[]> {
  const last = taps.at(-1);
  await site.record(
    gate.device,
    (lines) =>
      lines.find(({ kind, epoch, tap }) => kind === 'verdict' && epoch === last?.epoch && tap === last.seq),
    'the last verdict',
  );
  const lines = await site.events(gate.device);
  const found = taps.map((tap) => {
    const isTap = (line: EventLine) => line.kind === 'tap' && placeOf(line) === placeOf(tap);
    const isEnd = (line: EventLine) =>
      line.kind === 'verdict' && line.tap === tap.seq && (line.tapEpoch ?? line.epoch) === tap.epoch;
    return [lines.filter(isTap).length, ...lines.filter(isEnd).map(({ action }) => action)];
  });
  t.same(
    found,
    taps.map(({ action }) => [1, action]),
    'each tap once, with one verdict that says what was done',
  );
  const places = lines.map(({ epoch, seq }) => ({ epoch, seq }));
  t.same(
    places,
    [...places].sort((a, b) => a.epoch - b.epoch || a.seq - b.seq),
    'in order',
  );
  const { code, stdout } = await site.verify();
  t.equal(code, 0, stdout);
  return lines;
}

interface Policy {
  readonly whenNotDurable: 'call-staff' | 'open';
  readonly device: string;
  /** What becomes of somebody whom central lets pass, while the disk takes nothing. */
  readonly meanwhile: Partial<Passed>;
}

const POLICIES: readonly Policy[] = [
  {
    whenNotDurable: 'call-staff',
    device: 'gate-1',
    meanwhile: {
      action: 'call-staff',
      reasons: ['health.green', 'journal.not-durable'],
      rose: false,
      lamps: ['yellow'],
    },
  },
  {
    whenNotDurable: 'open',
    device: 'gate-2',
    meanwhile: { action: 'open', reasons: ['health.green'], rose: true, lamps: ['green'] },
  },
];

for (const { whenNotDurable, device, meanwhile } of POLICIES) {
  t.test(`a disk that is full, then read-only, and "${whenNotDurable}"`, { skip }, async (t) => {
    const disk = { kind: 'tmpfs', sizeKb: SIZE_KB } as const;
    const proxy = await startProxy(t, site.broker.port);
    // What central has may go from a full disk, which then is full no more.
    const hold = () =>
      proxy.onPublish({ way: 'down', filter: `cardpad/v1/d/${device}/down/ack` }, NOT_IN_THIS_TEST);
    const release = hold();
    const brokerPort = proxy.port;
    const gate = await TestGate.open(site, { device, disk, brokerPort, journal: { whenNotDurable } });
    const taps = [await pass(gate)];
    t.match(taps, [{ action: 'open', rose: true }]);

    taps.push(...(await passUntilFailing(gate)));
    t.match(gate.process.stderr, /error journal: cannot write .*ENOSPC/);
    await gate.process.line(/ state state=degraded because=journal\.failing/);
    await ready(onlooker, device, /"degraded"/);
    for (let people = 0; people < 3; people++) {
      const tap = await pass(gate);
      t.match(tap, { ...meanwhile, outcome: 'pass', by: 'central' }, 'no room: it goes on by its policy');
      taps.push(tap);
    }

    // A disk can be made read-only while nobody has a file open to write, which is so between two tries.
    const { pid = 0 } = gate.process;
    let thaw = gate.process.freeze();
    while (await gate.disk.isWrittenBy(pid)) {
      thaw();
      thaw = gate.process.freeze();
    }
    await gate.disk.empty();
    await gate.disk.remount('ro');
    thaw();
    const readOnlyFrom = gate.process.written;
    for (let people = 0; people < 3; people++) {
      const tap = await pass(gate);
      t.match(tap, { ...meanwhile, outcome: 'pass', by: 'central' }, 'read-only: the same');
      taps.push(tap);
    }
    t.notMatch(gate.process.stderr, /writing again/, 'and it has taken nothing meanwhile');

    await gate.disk.remount('rw');
    await gate.process.line(/info {2}journal: writing again/, readOnlyFrom);
    await gate.process.line(/ state state=ready/, readOnlyFrom);
    await onlooker.until(
      (messages) =>
        messages
          .filter(({ topic }) => topic === `cardpad/v1/d/${device}/up/state`)
          .map(({ payload }) => JSON.parse(payload.toString()).state)
          .at(-1) === 'ready',
      'the word that it is well',
    );
    release();
    proxy.cut();
    await gate.process.line(/broker: connected/, readOnlyFrom);
    const after = await pass(gate);
    t.match(after, { action: 'open', rose: true }, 'it recovers by itself');
    taps.push(after);

    const lines = await isAccountedFor(t, gate, taps);
    const unwritten = gate.process.stderr.match(/warn {2}opened for a tap that is not on disk/g)?.length ?? 0;
    const alarms = lines.filter(({ alarm }) => alarm === 'journal.unwritten');
    const told = [...site.service.stderr.matchAll(new RegExp(`warn +alarm device=${device} .*`, 'g'))];
    if (whenNotDurable === 'open') {
      t.ok(unwritten >= 6, `opened ${unwritten} times for taps that were not on disk`);
      t.match(alarms, [{ detail: { openings: String(unwritten), records: '0' } }], 'counted, told of once');
      t.equal(alarms.length, 1);
      t.equal(told.length, 1);
      t.match(told[0]?.[0], /alarm=journal\.unwritten/);
    } else {
      t.equal(unwritten, 0);
      t.same([alarms, told], [[], []], 'nobody went through unwritten, so there is nothing to count');
    }
    const opened = taps.filter(({ rose }) => rose).length;
    t.equal(gate.edges.since(0, 'gate').filter(({ value }) => value === 1).length, opened);

    t.comment(`${taps.length} taps, ${unwritten} unwritten`);
    // And stopped in the middle of it: what was never on disk is named as lost, and nothing else is.
    const releaseAgain = hold();
    const promised = await passUntilFailing(gate);
    const struck = [...promised.splice(-1), await pass(gate)];
    t.match(struck.at(-1), meanwhile);
    t.same(await gate.process.end('SIGTERM'), { code: 0, signal: null });
    t.match(gate.process.stderr, /error journal: records lost records=\d+/);
    releaseAgain();
    await gate.disk.empty();
    gate.startAgain();
    await gate.ready();
    promised.push(await pass(gate));
    t.match(promised.at(-1), { action: 'open', rose: true, epoch: 2 });
    await isAccountedFor(t, gate, [...taps, ...promised]);
  });
}

t.test(
  'a disk that is full because of others: what central has makes room, and no card notices',
  { skip },
  async (t) => {
    let queuedTo = 0;
    const gate = await TestGate.open(site, {
      device: 'gate-3',
      disk: { kind: 'tmpfs', sizeKb: SIZE_KB },
      prepare: async (data) => {
        queuedTo = await leaveBacklog(site, 'gate-3', data, crowd, BACKLOG);
      },
    });
    await site.arrived('gate-3', 1, queuedTo);
    await gate.disk.fill();
    const taps: Passed[] = [];
    const isRelieved = () => /disk full: acknowledged segments removed early/.test(gate.process.stderr);
    while (!isRelieved() && taps.length < MOST_UNTIL_FAILING) taps.push(await pass(gate));
    taps.push(await pass(gate));
    t.ok(isRelieved());
    for (const tap of taps) t.match(tap, { action: 'open', rose: true, by: 'central' });
    t.notMatch(gate.process.stderr, /cannot write|not on disk|degraded/);
    await isAccountedFor(t, gate, taps);
  },
);

const noLoop = skip || (await whyNoLoopDevice(t, site.folder));

t.test(
  'a file system that the kernel sets read-only: what was on disk comes after the repair',
  { skip: noLoop },
  async (t) => {
    const gate = await TestGate.open(site, { device: 'gate-4', disk: { kind: 'ext4', sizeKb: 8_192 } });
    const taps = [await pass(gate), await pass(gate)];
    await gate.disk.break();
    const [struck] = await passUntilFailing(gate, false);
    const barred = { action: 'call-staff', rose: false, reasons: ['health.green', 'journal.not-durable'] };
    t.match(struck, barred);
    t.match(await pass(gate), { ...barred, lamps: ['yellow'] });
    await gate.process.line(/ state state=degraded because=journal\.failing/);
    await ready(onlooker, 'gate-4', /"degraded"/);
    t.same(await gate.process.end('SIGTERM'), { code: 0, signal: null });
    t.match(gate.process.stderr, /error journal: records lost records=\d+/);

    await gate.disk.repair();
    gate.startAgain();
    await gate.ready();
    taps.push(await pass(gate));
    t.match(taps.at(-1), { action: 'open', rose: true, epoch: 2 });
    await isAccountedFor(t, gate, taps);
  },
);
