import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { parseDown } from '../../../protocol/wire/envelope.js';
import { ID_NUMBER, question, TestDevice } from '../device.js';
import { makeFolder, openScene } from '../harness.js';

/** Central looks at its files so often: when one is looked at, the disk says how long that takes. */
const LOOK_EVERY_MS = 250;

const file = (healthCode: string) => JSON.stringify([{ idNumber: ID_NUMBER, name: '王小明', healthCode }]);

async function withPeople(t: Parameters<typeof openScene>[0], healthCode = 'green', more = {}) {
  const folder = await makeFolder(t, { 'people.json': file(healthCode) });
  const peopleFile = join(dirname(folder), 'people.json');
  return { ...(await openScene(t, { folder, peopleFile, ...more })), peopleFile };
}

t.test('a question gets its verdict, with what the attendant may see and no more', async (t) => {
  const { device, exchange, logged } = await withPeople(t);
  const verdict = device.open('verdict', await exchange('verify', device.ask(question(), 7), 'verdict'));
  t.match(verdict, {
    re: 7,
    tap: { epoch: 1, seq: 3 },
    outcome: 'pass',
    reasons: ['health.green'],
    validForMs: 0,
    show: { name: '王*', tail: '002X' },
  });
  const line = logged.find((text) => text.includes('answered')) ?? '';
  t.match(
    line,
    /device=gz-bus-a1 tap=1\/3 outcome=pass reasons=health\.green medium=id-card direction=entry lane=A1/,
  );
});

t.test('a question and a verdict are as long whatever they say', async (t) => {
  const { device, exchange } = await withPeople(t, 'red');
  const length = async (changes: Parameters<typeof question>[1]) => {
    const payload = await exchange('verify', device.ask(question(3, changes)), 'verdict');
    return payload.length;
  };
  t.equal(await length({}), await length({ medium: 'social-security', assurance: 'uid', token: '1234' }));
});

t.test('one resend is answered, a replay is not', async (t) => {
  const { device, exchange, dropped } = await withPeople(t);
  const payload = device.ask(question());
  await exchange('verify', payload, 'verdict');
  await exchange('verify', payload, 'verdict');
  await dropped('verify', payload, 'replayed');
});

t.test('a replay stays one after many more questions', async (t) => {
  const { device, exchange, dropped, clock } = await withPeople(t);
  const payload = device.ask(question());
  await exchange('verify', payload, 'verdict');
  for (let n = 0; n < 70; n++) {
    clock.advance(500);
    await exchange('verify', device.ask(question(4 + n)), 'verdict');
  }
  await dropped('verify', payload, 'replayed');
});

t.test('one question answered twice with different verdicts shares no key stream', async (t) => {
  const { device, exchange, peopleFile, clock, line } = await withPeople(t, 'green');
  const payload = device.ask(question());
  const first = await exchange('verify', payload, 'verdict');
  writeFileSync(peopleFile, file('red'));
  const ciphertext = (message: Buffer) => {
    const down = parseDown(message);
    return down.ok ? down.value.sealed.subarray(53) : Buffer.alloc(0);
  };
  const plaintext = (message: Buffer) => Buffer.from(JSON.stringify(device.open('verdict', message)));
  clock.advance(LOOK_EVERY_MS);
  await line(/info {2}file taken file=people\.json$/);
  const second = await exchange('verify', payload, 'verdict');
  t.match(device.open('verdict', second), { outcome: 'refuse', reasons: ['health.red'] });
  const xor = (a: Buffer, b: Buffer) => Buffer.from(a.map((byte, at) => byte ^ (b[at] ?? 0)));
  const prefix = 40;
  const cipherXor = xor(ciphertext(first), ciphertext(second)).subarray(0, prefix);
  const plainXor = xor(plaintext(first), plaintext(second)).subarray(0, prefix);
  t.notOk(cipherXor.equals(plainXor), 'the difference of the plaintexts is not to be seen');
});

t.test('a bad people file leaves the old one in force, and says so', async (t) => {
  const { device, exchange, peopleFile, clock, line } = await withPeople(t, 'red');
  writeFileSync(peopleFile, '[{');
  clock.advance(LOOK_EVERY_MS);
  t.match(await line(/file not taken/), /people/);
  const verdict = device.open('verdict', await exchange('verify', device.ask(question()), 'verdict'));
  t.equal(verdict.outcome, 'refuse');
});

t.test('no more questions than a lane can pass; a resend costs none', async (t) => {
  const { device, exchange, dropped, clock } = await withPeople(t, 'green', {
    questionRate: { perSecond: 1, burst: 5 },
  });
  const last = device.ask(question(9));
  for (let n = 0; n < 4; n++) await exchange('verify', device.ask(question(n + 1)), 'verdict');
  await exchange('verify', last, 'verdict');
  const over = device.ask(question(20));
  await dropped('verify', over, 'rate');
  await dropped('verify', over, 'rate');
  await exchange('verify', last, 'verdict');
  clock.advance(1000);
  await exchange('verify', over, 'verdict');
});

t.test('a rate below the floor is raised to it', async (t) => {
  const { device, exchange } = await withPeople(t, 'green', { questionRate: { perSecond: 0, burst: 0 } });
  for (let n = 0; n < 5; n++) await exchange('verify', device.ask(question(n + 1)), 'verdict');
  t.pass('a burst of five');
});

t.test('what is not a question of this device is dropped by its reason', async (t) => {
  const { device, dropped, clock, network } = await withPeople(t);
  const before = network.sent.filter(({ topic }) => topic.includes('/down/')).length;
  await dropped('verify', device.ask(question()), 'ticket-foreign', 'gz-bus-b2');
  await dropped('verify', randomBytes(300), 'not-json');
  await dropped('verify', Buffer.from('{"ticket":"AAAA","sealed":"AAAA"}'), 'ticket-unknown');
  const impostor = new TestDevice();
  impostor.ticket = device.ticket;
  const seal = { cipherKey: randomBytes(16), macKey: randomBytes(32) };
  impostor.keys = { up: seal, down: seal };
  await dropped('verify', impostor.ask(question()), 'forged');
  await dropped(
    'verify',
    device.send({ epoch: 1, first: 1, previous: '00'.repeat(32), records: [] }),
    'forged',
  );
  const odd = question();
  await dropped('verify', device.ask({ ...odd, extra: 1 } as never), 'wrong-shape');
  clock.advance(12 * 3_600_000);
  await dropped('verify', device.ask(question()), 'ticket-expired');
  t.equal(network.sent.filter(({ topic }) => topic.includes('/down/')).length, before, 'nothing was sent');
});

t.test('a flood is one line of the log', async (t) => {
  const { dropped, logged } = await withPeople(t);
  for (let n = 0; n < 30; n++) await dropped('verify', randomBytes(30), 'not-json');
  t.equal(logged.filter((text) => text.includes('reason=not-json')).length, 1);
});
