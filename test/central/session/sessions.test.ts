import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { enroll, enrolledKey, enrolmentsPath, openEnrolments, revoke } from '../../../central/enrolments.js';
import { publicPath } from '../../../central/keys.js';
import { ManualClock } from '../../../platform/clock.js';
import { sm2Verify } from '../../../protocol/sm/sm2.js';
import { parseCentralPublic } from '../../../protocol/wire/enrolment.js';
import { encodeHello, parseHello } from '../../../protocol/wire/session.js';
import { encodeSigned, parseSigned, signedBytes } from '../../../protocol/wire/signed.js';
import { question as aQuestion, TestDevice } from '../device.js';
import { openScene } from '../harness.js';

t.test('a hello is answered by a welcome that the public file vouches for', async (t) => {
  const { device, exchange, folder } = await openScene(t, { sessionLifetimeMs: 60_000 }, false);
  const payload = await exchange('hello', device.hello(), 'welcome');
  const signed = parseSigned(payload);
  const known = parseCentralPublic(await readFile(publicPath(folder)));
  if (!signed.ok || !known.ok) throw new Error('unreadable');
  const key = known.value.keys.session.find(({ id }) => id === signed.value.key);
  t.ok(sm2Verify(signedBytes('welcome', signed.value.body), signed.value.signature, key?.publicKey ?? ''));
  t.match(device.welcome(payload), { place: null, lifetimeMs: 60_000, version: 1, device: 'gz-bus-a1' });
});

t.test('what is wrong with a hello is counted by its reason, and gets no answer', async (t) => {
  const { device, dropped, exchange, network } = await openScene(t, {}, false);
  const stranger = new TestDevice('gz-bus-b2');
  await dropped('hello', stranger.hello(), 'not-enrolled', 'gz-bus-b2');
  await dropped('hello', new TestDevice().hello(), 'other-key');
  await dropped('hello', device.hello({ device: 'gz-bus-b2' }), 'foreign');
  await dropped('hello', device.hello({ versions: [2, 3] }), 'no-common-version');
  const publicKey = device.key.publicKey;
  const offCurve = `${publicKey.slice(0, -1)}${publicKey.endsWith('0') ? '1' : '0'}`;
  await dropped('hello', device.hello({ sessionKey: offCurve }), 'session-key');
  await dropped('hello', Buffer.from('{}'), 'wrong-shape');
  await dropped('hello', randomBytes(90), 'not-json');
  await dropped('hello', device.signed(Buffer.from('{"device":7}')), 'wrong-shape');
  const signed = parseSigned(device.hello());
  if (!signed.ok) throw new Error('unreadable');
  const { key, body, signature } = signed.value;
  await dropped('hello', encodeSigned(key, Buffer.concat([body, Buffer.from(' ')]), signature), 'forged');
  t.notOk(network.sent.some(({ topic }) => topic.includes('/down/')));
  await exchange('hello', device.hello(), 'welcome');
});

t.test('a hello that was recorded and played again is dropped', async (t) => {
  const { device, dropped, exchange } = await openScene(t, {}, false);
  const payload = device.hello();
  await exchange('hello', payload, 'welcome');
  await dropped('hello', payload, 'replayed');
  const signed = parseSigned(payload);
  const hello = signed.ok ? parseHello(signed.value.body) : signed;
  if (!hello.ok) throw new Error('unreadable');
  await dropped('hello', device.signed(encodeHello({ ...hello.value, wallMs: 1 })), 'replayed');
});

t.test(
  'a ledger that cannot be read keeps nobody from a session: the gate is asked for all it has',
  async (t) => {
    const { device, exchange, folder, logged } = await openScene(t, {}, false);
    await rm(join(folder, 'ledger'), { recursive: true });
    await writeFile(join(folder, 'ledger'), 'no folder');
    t.match(device.welcome(await exchange('hello', device.hello(), 'welcome')), { place: null });
    t.match(logged.join('\n'), /ledger unreadable, .*ENOTDIR/);
    t.ok(await exchange('verify', device.ask(aQuestion()), 'verdict'), 'and it is answered');
  },
);

t.test('a hello of more than 4 KiB is dropped unread', async (t) => {
  const { device, dropped } = await openScene(t, {}, false);
  await dropped('hello', device.signed(Buffer.alloc(4_096, 0x20)), 'too-long');
});

t.test('central goes on answering whatever the year is', async (t) => {
  for (const wallMs of [0, Date.UTC(2016, 0, 1), Date.UTC(2199, 0, 1), Date.UTC(9999, 0, 1)]) {
    const clock = new ManualClock(wallMs);
    const { device, exchange } = await openScene(t, { clock });
    const answer = device.open('verdict', await exchange('verify', device.ask(aQuestion()), 'verdict'));
    t.match(answer, { tap: { epoch: 1, seq: 3 } }, new Date(wallMs).toISOString());
  }
});

t.test('an enrolment is taken within a second, and one replaced ends the old session', async (t) => {
  const scene = await openScene(t);
  const { device, folder, clock, dropped } = scene;
  const question = aQuestion();
  t.ok(await scene.exchange('verify', device.ask(question), 'verdict'));
  const successor = new TestDevice();
  await enroll(folder, successor.enrolment(), { replace: true, nowMs: 1 });
  clock.advance(250);
  await scene.line(/file taken file=enrolments\.json$/);
  await dropped('verify', device.ask(question), 'revoked');
  await dropped('hello', device.hello(), 'other-key');
  successor.welcome(await scene.exchange('hello', successor.hello(), 'welcome'));
  t.ok(successor.keys);
});

t.test('enrolling: again, with another key, revoked', async (t) => {
  const { folder } = await openScene(t, {}, false);
  const device = new TestDevice('constructor');
  const nowMs = 1;
  t.equal(enrolledKey((await openEnrolments(folder)).data, 'constructor'), undefined);
  t.equal(await enroll(folder, device.enrolment(), { replace: false, nowMs }), 'enrolled');
  t.equal(await enroll(folder, device.enrolment(), { replace: false, nowMs }), 'unchanged');
  const other = new TestDevice('constructor').enrolment();
  await t.rejects(enroll(folder, other, { replace: false, nowMs }), { code: 'enrolment.other-key' });
  t.equal(await enroll(folder, other, { replace: true, nowMs }), 'replaced');
  t.equal(await revoke(folder, 'constructor'), 'revoked');
  t.equal(await revoke(folder, 'constructor'), 'unchanged');
  t.equal(enrolledKey((await openEnrolments(folder)).data, 'constructor'), undefined);
  await t.rejects(enroll(folder, other, { replace: false, nowMs }), { code: 'enrolment.revoked' });
  t.equal(await enroll(folder, other, { replace: true, nowMs }), 'replaced');
  for (const name of ['gz-bus-z9', 'toString', '__proto__']) {
    await t.rejects(revoke(folder, name), { code: 'enrolment.unknown', help: /names are exact/ });
  }
});

t.test('a damaged list brings no revoked key back, and says that its copy is used', async (t) => {
  const { folder } = await openScene(t, {}, false);
  await revoke(folder, 'gz-bus-a1');
  writeFileSync(enrolmentsPath(folder), '{');
  const told: string[] = [];
  const { data } = await openEnrolments(folder, (path) => told.push(path));
  t.equal(enrolledKey(data, 'gz-bus-a1'), undefined);
  t.same(told, [enrolmentsPath(folder)]);
});
