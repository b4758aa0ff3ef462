import t from 'tap';
import { sm3 } from '../../../protocol/sm/sm3.js';
import { encodeAlarmMessage } from '../../../protocol/wire/alarm.js';
import { TestDevice, TestJournal } from '../device.js';
import { openScene, type Scene } from '../harness.js';

const TOLD = /warn +alarm device=/;
const told = ({ logged }: Scene): string[] =>
  logged.filter((line) => TOLD.test(line)).map((line) => line.replace(/^.*warn +/, ''));

/** What a gate sends ahead of a record that its journal holds. */
function ahead(journal: TestJournal, seq: number, alarm = 'central.silent') {
  const digest = sm3(journal.bodies[seq - 1] ?? Buffer.alloc(0)).toString('hex');
  return { epoch: journal.epoch, seq, digest, alarm };
}

t.test('an alarm is told of and acknowledged before its record, or its key, is here', async (t) => {
  const scene = await openScene(t);
  const { device, exchange, central, ledgerKey } = scene;
  const journal = new TestJournal(device.name, 3, null, ledgerKey);
  const seq = journal.alarm('identity.duplicate');
  const message = { ...ahead(journal, seq, 'identity.duplicate'), detail: { boot: 'aa' } };
  const ack = device.open('ack', await exchange('alarm', device.alarm(message), 'ack'));
  t.same(ack, { alarm: { epoch: 3, seq } });
  const line = `alarm device=${device.name} record=3/${seq} alarm=identity.duplicate detail=boot:aa`;
  t.same(told(scene), [line]);
  t.equal(central.stats().stored, 0, 'the ledger takes it in its turn');

  const stored = device.open('ack', await exchange('events', device.send(journal.batch()), 'ack'));
  t.match(stored, { place: journal.place });
  t.same(told(scene), [line], 'not told of again');
  t.equal(central.stats().alarms, 1);
});

t.test(
  'an alarm that comes again, since its answer was lost, is answered again and told of once',
  async (t) => {
    const scene = await openScene(t);
    const { device, exchange, ledgerKey } = scene;
    const journal = new TestJournal(device.name, 1, null, ledgerKey);
    const message = ahead(journal, journal.alarm('central.silent'));
    const first = device.open('ack', await exchange('alarm', device.alarm(message), 'ack'));
    t.same(device.open('ack', await exchange('alarm', device.alarm(message), 'ack')), first);
    await exchange('events', device.send(journal.batch()), 'ack');
    t.same(
      device.open('ack', await exchange('alarm', device.alarm(message), 'ack')),
      first,
      'after its record, too',
    );
    t.equal(told(scene).length, 1);
  },
);

t.test('an alarm whose record came first is told of once', async (t) => {
  const scene = await openScene(t);
  const { device, exchange, ledgerKey } = scene;
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  const message = ahead(journal, journal.alarm('central.silent'));
  await exchange('events', device.send(journal.batch()), 'ack');
  await exchange('alarm', device.alarm(message), 'ack');
  t.equal(told(scene).length, 1);
});

t.test('of two histories in the same place both alarms are told of', async (t) => {
  const scene = await openScene(t);
  const { device, exchange, ledgerKey } = scene;
  for (let history = 0; history < 2; history++) {
    const journal = new TestJournal(device.name, 1, null, ledgerKey);
    await exchange('alarm', device.alarm(ahead(journal, journal.alarm('central.silent'))), 'ack');
  }
  t.equal(told(scene).length, 2);
});

t.test('what is forged, replayed, foreign or no alarm is counted and dropped', async (t) => {
  const scene = await openScene(t);
  const { device, exchange, dropped, central, ledgerKey } = scene;
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  const message = ahead(journal, journal.alarm('central.silent'));
  const payload = device.alarm(message);
  await exchange('alarm', payload, 'ack');
  await dropped('alarm', payload, 'replayed');
  await dropped('alarm', payload, 'not-enrolled', 'gz-bus-b7');
  const { ticket, sealed } = JSON.parse(payload.toString());
  const bytes = Buffer.from(sealed, 'base64');
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
  const altered = Buffer.from(JSON.stringify({ ticket, sealed: bytes.toString('base64') }));
  await dropped('alarm', altered, 'forged');
  await dropped('alarm', device.send(journal.batch()), 'forged');
  await dropped('events', device.alarm(message), 'forged');
  await dropped('alarm', Buffer.from('fire'), 'not-json');
  await dropped(
    'alarm',
    device.sealed('alarm', encodeAlarmMessage({ ...message, content: { alarm: 'F!' } })),
    'wrong-shape',
  );
  await dropped('alarm', device.sealed('alarm', Buffer.from('{"alarm":"central.silent"}')), 'wrong-shape');
  t.equal(told(scene).length, 1);
  t.equal(central.stats().alarms, 1);
});

t.test('another device’s session carries no alarm of this one', async (t) => {
  const scene = await openScene(t);
  const { device, dropped, ledgerKey } = scene;
  const journal = new TestJournal(device.name, 1, null, ledgerKey);
  const other = new TestDevice('gz-bus-b7');
  other.keys = device.keys;
  other.ticket = device.ticket;
  await dropped('alarm', other.alarm(ahead(journal, journal.alarm('central.silent'))), 'forged');
  t.same(told(scene), []);
});

t.test('a gate that raises nothing but alarms fills neither the log nor the memory', async (t) => {
  const scene = await openScene(t);
  const { device, exchange, central } = scene;
  const digest = '00'.repeat(32);
  for (let seq = 1; seq <= 200; seq++) {
    await exchange('alarm', device.alarm({ epoch: 1, seq, digest, alarm: 'central.silent' }), 'ack');
  }
  t.equal(central.stats().alarms, 200);
  t.equal(told(scene).length, 6);
});
