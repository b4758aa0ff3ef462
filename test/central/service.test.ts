import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { enroll } from '../../central/enrolments.js';
import { keyPath, readKeyPair } from '../../central/keys.js';
import { readAnchors } from '../../central/ledger/anchors.js';
import { EventReader } from '../../central/ledger/events.js';
import { unwrapWith } from '../../central/ledger/reading.js';
import { verifyLedger } from '../../central/ledger/verify.js';
import { People } from '../../central/rules/people.js';
import { startCentral } from '../../central/service.js';
import { systemClock } from '../../platform/clock.js';
import { createLog, silentLog } from '../../platform/log.js';
import { mqttOpener } from '../../platform/mqtt/link.js';
import { createSm2Pool } from '../../platform/sm2/pool.js';
import { sm2Decrypt } from '../../protocol/sm/sm2.js';
import { encodeState, parseState, type State } from '../../protocol/wire/messages.js';
import { centralStateTopic, downTopic, parseTopic, upTopic } from '../../protocol/wire/topics.js';
import { startMosquitto } from '../support/mosquitto.js';
import { ID_NUMBER, question, TestDevice, TestJournal } from './device.js';
import { makeFolder, openScene } from './harness.js';

const NAME = '欧阳修';
const PEOPLE = JSON.stringify([{ idNumber: ID_NUMBER, name: NAME, healthCode: 'green' }]);

function filesIn(folder: string): Buffer[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesIn(path) : [readFileSync(path)];
  });
}

/** Every way in which a text could have come into a file by accident. */
function disguises(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'utf8');
  const inner = [0, 1, 2].map((skip) => {
    const whole = bytes.subarray(skip, skip + Math.floor((bytes.length - skip) / 3) * 3);
    return Buffer.from(whole.toString('base64'));
  });
  return [bytes, Buffer.from(text, 'utf16le'), Buffer.from(bytes.toString('hex')), ...inner];
}

t.test(
  'a day at a gate: hello, question, journal, and nothing personal on the disk or in the log',
  async (t) => {
    const folder = await makeFolder(t, { 'people.json': PEOPLE });
    const peopleFile = join(folder, '..', 'people.json');
    const scene = await openScene(t, { folder, peopleFile });
    const { device, exchange, central, logged, ledgerKey } = scene;
    const journal = new TestJournal(device.name, 1, null, ledgerKey);
    const tap = journal.tap();
    const verdict = device.open('verdict', await exchange('verify', device.ask(question(tap)), 'verdict'));
    t.match(verdict, { outcome: 'pass', tap: { epoch: 1, seq: tap } });
    journal.verdict(tap);
    const ack = device.open('ack', await exchange('events', device.send(journal.batch()), 'ack'));
    t.same(ack, { re: 2, place: journal.place });
    const again = device.open('ack', await exchange('events', device.send(journal.batch()), 'ack'));
    t.same(again, { re: 3, place: journal.place }, 'a resend is acknowledged again');
    t.match(central.stats(), {
      sessions: 1,
      answered: 1,
      stored: 4,
      unbacked: 0,
      wronglyAdmitted: 0,
      dropped: {},
    });
    t.match(device.welcome(await exchange('hello', device.hello(), 'welcome')), { place: journal.place });
    const kept = [...filesIn(folder), Buffer.from(logged.join('\n'))];
    for (const secret of [ID_NUMBER, ID_NUMBER.slice(0, 12), NAME]) {
      for (const form of disguises(secret))
        t.notOk(
          kept.some((bytes) => bytes.includes(form)),
          form.toString('hex'),
        );
    }
  },
);

t.test('a hole is answered with our place, and what is no journal with nothing', async (t) => {
  const { device, exchange, dropped, ledgerKey } = await openScene(t);
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  journal.add('config');
  journal.add('config');
  const ack = device.open('ack', await exchange('events', device.send(journal.batch(2)), 'ack'));
  t.same(ack, { re: 1, place: null });
  await dropped('events', device.send({ ...journal.batch(), epoch: 2 }), 'record-number');
  await dropped('events', device.ask(question()), 'forged');
  await dropped('events', Buffer.from('x'), 'not-enrolled', 'gz-bus-b2');
});

t.test('an admission without a verdict is judged on arrival', async (t) => {
  const people = JSON.stringify([{ idNumber: ID_NUMBER, healthCode: 'red' }]);
  const folder = await makeFolder(t, { 'people.json': people });
  const scene = await openScene(t, { folder, peopleFile: join(folder, '..', 'people.json') });
  const { device, exchange, ledgerKey, line } = scene;
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  const tap = journal.tap();
  await exchange('events', device.send(journal.batch()), 'ack');
  const first = journal.seq + 1;
  journal.verdict(tap, { outcome: 'undetermined', reasons: ['sys.timeout'], decidedBy: 'local' });
  journal.verdict(journal.tap());
  await exchange('events', device.send(journal.batch(first)), 'ack');
  t.match(
    await line(/would not have passed/),
    /tap=1\/3 outcome=refuse reasons=health\.red lane=A1 direction=entry/,
  );
  t.equal(scene.central.stats().wronglyAdmitted, 1);
});

t.test('a question without a tap in the journal is reported', async (t) => {
  const { device, exchange, ledgerKey, central, clock, line } = await openScene(t);
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  await exchange('verify', device.ask(question(2)), 'verdict');
  const tap = journal.tap();
  await exchange('verify', device.ask(question(tap)), 'verdict');
  await exchange('verify', device.ask(question(900)), 'verdict');
  await exchange('events', device.send(journal.batch()), 'ack');
  t.match(await line(/question without a tap/), /tap=1\/2 why="the journal has no tap there"/);
  t.equal(central.stats().unbacked, 1, 'the one that has a tap, and the one to come, are none');
  await exchange('verify', device.ask(question(tap)), 'verdict');
  clock.advance(15 * 60_000);
  const next = journal.add('config');
  await exchange('events', device.send(journal.batch(next)), 'ack');
  t.match(await line(/without a tap.*tap=1\/900/), /no record in 15 minutes/);
  t.equal(central.stats().unbacked, 2, 'a question may come after its record');
});

t.test(
  'presence: ready when all is up, degraded without questions, lost by the will, disconnected at the end',
  async (t) => {
    const { network, central } = await openScene(t);
    const topic = centralStateTopic('w1');
    const state = () => {
      const parsed = parseState(network.retained.get(topic) ?? Buffer.alloc(0));
      return parsed.ok ? [parsed.value.state, parsed.value.connection] : parsed.reason;
    };
    t.same(state(), ['ready', 1]);
    network.cut('cardpad-central-w1-questions');
    t.same(state(), ['degraded', 1]);
    network.connect('cardpad-central-w1-questions');
    t.same(state(), ['ready', 1]);
    network.cut('cardpad-central-w1-records');
    t.same(state(), ['lost', 1], 'the will is of its own connection');
    network.connect('cardpad-central-w1-records');
    t.same(state(), ['ready', 2]);
    await central.close();
    t.same(state(), ['disconnected', 2]);
  },
);

t.test('at a stop central says what it has dropped in all, once', async (t) => {
  const { central, dropped, logged } = await openScene(t);
  for (let n = 0; n < 3; n++) await dropped('events', Buffer.from('x'), 'not-enrolled', 'gz-bus-b2');
  await Promise.all([central.close(), central.close()]);
  const said = logged.filter((line) => /dropped in all/.test(line));
  t.match(said, [/ info {2}dropped in all events\.not-enrolled=3$/]);
  t.equal(said.length, 1);
});

t.test('verdicts and welcomes go at QoS 0, acks at QoS 1, and nothing of a device is retained', async (t) => {
  const { device, exchange, network, ledgerKey } = await openScene(t);
  await exchange('verify', device.ask(question()), 'verdict');
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  await exchange('events', device.send(journal.batch()), 'ack');
  const qosOf = (kind: 'welcome' | 'verdict' | 'ack') =>
    network.sent.filter(({ topic }) => topic === downTopic(device.name, kind)).map(({ qos }) => qos);
  t.same([qosOf('welcome'), qosOf('verdict'), qosOf('ack')], [[0], [0], [1]]);
  t.same([...network.retained.keys()], [centralStateTopic('w1')]);
});

t.test('the role that answers questions never reads the ledger key', async (t) => {
  const folder = await makeFolder(t);
  rmSync(keyPath(folder, 'ledger'));
  rmSync(keyPath(folder, 'site'));
  const { device, exchange, network, central } = await openScene(t, { folder, roles: ['verify'] });
  await exchange('verify', device.ask(question()), 'verdict');
  network.publish(upTopic(device.name, 'events'), Buffer.from('x'));
  await new Promise((resolve) => setImmediate(resolve));
  t.match(central.stats(), { answered: 1, stored: 0, dropped: {} });
});

t.test('the same over a real broker and SM2 on threads', async (t) => {
  const broker = await startMosquitto(t);
  const folder = await makeFolder(t, { 'people.json': PEOPLE });
  const device = new TestDevice();
  await enroll(folder, device.enrolment(), { replace: false, nowMs: 0 });
  const sm2 = createSm2Pool({ size: 1 });
  t.teardown(() => sm2.close());
  const events = new EventEmitter();
  const openMqtt = mqttOpener(systemClock, () => 0, silentLog);
  const ready = once(events, 'ready');
  const central = await startCentral({
    folder,
    broker: { url: broker.url },
    worker: 'w1',
    peopleFile: join(folder, '..', 'people.json'),
    openMqtt,
    clock: systemClock,
    sm2,
    random: randomBytes,
    log: createLog((line) => events.emit('line', line)),
    onReady: (facts) => events.emit('ready', facts),
  });
  t.teardown(() => central.close());
  t.same(await ready, [{ devices: 1, people: 1 }]);
  const gateUp = once(events, 'gate');
  const state = once(events, 'state');
  const gate = openMqtt({
    url: broker.url,
    clientId: 'gate',
    subscriptions: [
      { topic: 'cardpad/v1/d/gz-bus-a1/down/+', qos: 1 },
      { topic: 'cardpad/v1/central/+/state', qos: 1 },
    ],
    onMessage: (topic, payload) => {
      const parsed = parseTopic(topic);
      events.emit(parsed?.to === 'down' ? parsed.kind : 'state', payload);
    },
    onUp: () => events.emit('gate'),
    onDown: () => {},
  });
  t.teardown(() => gate.close());
  await gateUp;
  t.match(parseState((await state)[0] as Buffer), { ok: true, value: { state: 'ready' } });
  const exchange = async (kind: 'hello' | 'verify' | 'events', payload: Buffer, down: string) => {
    const answer = once(events, down);
    gate.send(upTopic(device.name, kind), payload);
    return (await answer)[0] as Buffer;
  };
  device.welcome(await exchange('hello', device.hello(), 'welcome'));
  const journal = new TestJournal(device.name, 1, null, await readKeyPair(folder, 'ledger'));
  const tap = journal.tap();
  t.match(device.open('verdict', await exchange('verify', device.ask(question(tap)), 'verdict')), {
    outcome: 'pass',
  });
  t.same(device.open('ack', await exchange('events', device.send(journal.batch()), 'ack')), {
    re: 2,
    place: journal.place,
  });
  const last = once(events, 'state');
  await central.close();
  t.match(parseState((await last)[0] as Buffer), { ok: true, value: { state: 'disconnected' } });
});

t.test('an alarm is told in the log, printed as an event, and checked like every record', async (t) => {
  const { device, exchange, central, line, folder, ledgerKey } = await openScene(t);
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  const detail = { boot: 'aa'.repeat(8), other: 'bb'.repeat(8) };
  const seq = journal.alarm('identity.duplicate', detail);
  journal.alarm('central.silent');
  await exchange('events', device.send(journal.batch()), 'ack');
  await line(/warn +alarm device=gz-bus-a1 record=1\/3 alarm=identity\.duplicate/);
  await line(/warn +alarm device=gz-bus-a1 record=1\/4 alarm=central\.silent/);
  t.equal(central.stats().alarms, 2);

  const unwrap = unwrapWith(await readKeyPair(folder, 'ledger'), async (bytes, key) =>
    sm2Decrypt(bytes, key),
  );
  const reader = new EventReader({ folder, siteKey: randomBytes(32), unwrap, people: People.nobody });
  const printed: unknown[] = [];
  for await (const event of reader.poll()) printed.push(event);
  const [, , first, second] = printed;
  t.match(first, { device: device.name, epoch: 1, seq, kind: 'alarm', alarm: 'identity.duplicate', detail });
  t.match(second, { kind: 'alarm', alarm: 'central.silent', detail: undefined });
  for await (const report of verifyLedger(folder, undefined, unwrap)) {
    t.match(report, { records: 4, taps: 0, verdicts: 0, sealsChecked: true, faults: [] });
  }
});

t.test('a passage is printed with its tap, also one of an earlier start; or without one', async (t) => {
  const { device, exchange, folder, ledgerKey } = await openScene(t);
  const journal = new TestJournal(device.name, 2, null, ledgerKey);
  const tap = journal.tap();
  for (const passed of [{ epoch: 2, seq: tap }, { epoch: 1, seq: 7 }, undefined]) journal.passage(passed);
  await exchange('events', device.send(journal.batch()), 'ack');
  const unwrap = unwrapWith(await readKeyPair(folder, 'ledger'), async (bytes, key) =>
    sm2Decrypt(bytes, key),
  );
  const reader = new EventReader({ folder, siteKey: randomBytes(32), unwrap, people: People.nobody });
  const printed = [];
  for await (const { at, trusted, seq, ...event } of reader.poll()) {
    if (event.kind === 'passage') printed.push(event);
  }
  const passage = { device: device.name, epoch: 2, kind: 'passage', direction: 'exit' };
  t.same(printed, [{ ...passage, tap }, { ...passage, tap: 7, tapEpoch: 1 }, passage]);
  for await (const report of verifyLedger(folder, undefined, unwrap)) {
    t.match(report, { taps: 1, sealsChecked: true, faults: [] });
  }
});

t.test('who is there: the role that takes journals watches, and an old will changes nothing', async (t) => {
  const { device, network, central, line, logged } = await openScene(t);
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const say = async (state: State['state'], connection: number, boot = 'aa') => {
    const payload = encodeState({ state, connection, boot: boot.repeat(8) });
    network.publish(upTopic(device.name, 'state'), payload, 1);
    await turn();
    await turn();
  };
  await say('ready', 2);
  await line(/info +device up device=gz-bus-a1 state=ready connection=2 boot=(aa){8}/);
  t.equal(central.stats().up, 1);
  await say('lost', 1);
  t.match(central.stats(), { up: 1, dropped: { 'state.old': 1 } });
  await say('ready', 1, 'bb');
  t.equal(central.stats().duplicates, 0);
  await say('ready', 3);
  t.equal(central.stats().duplicates, 1);
  await line(/error two gates run with the keys of gz-bus-a1/);
  await say('lost', 3);
  t.equal(central.stats().up, 0);
  t.notMatch(logged.join(), /message failed/);

  const asks = await openScene(t, { roles: ['verify'] }, false);
  asks.network.publish(
    upTopic(device.name, 'state'),
    encodeState({ state: 'ready', connection: 1, boot: 'aa'.repeat(8) }),
  );
  await turn();
  await turn();
  t.equal(asks.central.stats().up, 0);
});

t.test(
  'a broker that confirms nothing any more holds up no stop, and what it passed on is remembered',
  async (t) => {
    const { device, exchange, network, central, clock, folder, ledgerKey } = await openScene(t);
    const journal = new TestJournal(device.name, 1, null, ledgerKey);
    network.mute();
    await exchange('events', device.send(journal.batch()), 'ack');
    const closed = central.close();
    clock.advance(500);
    await closed;
    t.same((await readAnchors(folder)).get(device.name), journal.place);
  },
);

t.test('a damaged list of devices is an error in the log, though its copy serves', async (t) => {
  const folder = await makeFolder(t);
  const path = join(folder, 'enrolments.json');
  await enroll(folder, new TestDevice('gz-bus-b2').enrolment(), { replace: false, nowMs: 0 });
  const { line, clock } = await openScene(t, { folder }, false);
  writeFileSync(path, '{');
  clock.advance(250);
  t.match(await line(/error file damaged, its copy is in force/), /enrolments\.json/);
});

t.test('what a crash left half-written is removed at the start: a destroyed key may be in it', async (t) => {
  const folder = await makeFolder(t);
  const left = [
    join(folder, '.enrolments.json.0011223344ff.tmp'),
    join(folder, '.enrolments.json.bak.0011223344ff.tmp'),
    join(folder, 'keys', '.tickets.json.0011223344ff.tmp'),
  ];
  for (const path of left) {
    writeFileSync(path, 'half');
    utimesSync(path, 1, 1);
  }
  await openScene(t, { folder }, false);
  t.same(left.filter(existsSync), []);
});
