import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { ledgerFolder, readKeyPair } from '../../central/keys.js';
import { Anchors } from '../../central/ledger/anchors.js';
import { Ledger } from '../../central/ledger/ledger.js';
import { systemClock } from '../../platform/clock.js';
import { silentLog } from '../../platform/log.js';
import { TestDevice, TestJournal } from '../central/device.js';
import { startMosquitto } from '../support/mosquitto.js';

const MAIN = fileURLToPath(new URL('../../scripts/cli/main.js', import.meta.url));

function start(args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, 'central', ...args]);
}

async function run(args: readonly string[], input = ''): Promise<{ code: number; out: string; err: string }> {
  const child = start(args);
  let out = '';
  let err = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  child.stdin?.end(input);
  const [code] = await once(child, 'close');
  return { code, out, err };
}

/** Waits for a line on standard error. */
function says(child: ChildProcess, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      if (pattern.test(said)) resolve();
    });
    child.once('close', () => reject(new Error(said)));
  });
}

t.test('init: makes the folder once, completes a half-made one, prints the same', async (t) => {
  const data = join(t.testdir({}), 'C');
  const first = await run(['init', '--data', data]);
  t.equal(first.code, 0);
  t.match(JSON.parse(first.out), {
    public: join(data, 'central.public.json'),
    keys: { session: /^[0-9a-f]{16}$/ },
  });
  t.match(first.err, /Next:/);
  t.equal(statSync(data).mode & 0o777, 0o700);
  t.equal(statSync(join(data, 'central.public.json')).mode & 0o777, 0o644);
  for (const name of ['session', 'authority', 'ledger', 'site', 'tickets']) {
    t.equal(statSync(join(data, 'keys', `${name}.json`)).mode & 0o777, 0o600, name);
  }
  writeFileSync(join(data, 'rules.json'), '{"edited":true}');
  rmSync(join(data, 'central.public.json'));
  t.same(await run(['init', '--data', data]), first);
  t.equal(readFileSync(join(data, 'rules.json'), 'utf8'), '{"edited":true}', 'what the operator wrote stays');
});

t.test('enroll: once, again, another key, garbage', async (t) => {
  const data = join(t.testdir({}), 'C');
  await run(['init', '--data', data]);
  const enrolment = new TestDevice().enrolment();
  const one = JSON.stringify(enrolment);
  const other = JSON.stringify(new TestDevice().enrolment());
  const enroll = (input: string, ...more: string[]) => run(['enroll', '--data', data, ...more], input);
  t.match(await enroll(one), { code: 0, out: /"status":"enrolled"/ });
  t.match(await enroll(one), { code: 0, out: /"status":"unchanged"/ });
  t.match(await enroll(other), { code: 1, out: '', err: /--replace/ });
  t.match(await enroll(other, '--replace'), { code: 0, out: /"status":"replaced"/ });
  t.match(await enroll('{}'), { code: 1, err: /not an enrolment/ });
  t.match(await enroll(JSON.stringify({ ...enrolment, device: 'gz-bus-b2' })), { code: 1, err: /signature/ });
  t.match(await run(['enroll', '--data', `${data}x`], one), { code: 1, err: /central init/ });
});

t.test('enroll --revoke: once, again, a device that nobody knows, and taken in anew', async (t) => {
  const data = join(t.testdir({}), 'C');
  await run(['init', '--data', data]);
  const one = JSON.stringify(new TestDevice().enrolment());
  const enroll = (input: string, ...more: string[]) => run(['enroll', '--data', data, ...more], input);
  await enroll(one);
  t.match(await enroll('', '--revoke', 'gz-bus-a1'), { code: 0, out: /"gz-bus-a1","status":"revoked"/ });
  t.match(await enroll('', '--revoke', 'gz-bus-a1'), { code: 0, out: /"status":"unchanged"/ });
  t.match(await enroll('', '--revoke', 'gz-bus-a2'), {
    code: 1,
    out: '',
    err: /gz-bus-a2.*\n.*lists the devices/,
  });
  t.match(await enroll('', '--revoke', 'gz-bus-a1', '--replace'), { code: 2, err: /stands alone/ });
  t.match(await enroll(one), { code: 1, err: /revoked.*\n.*--replace/ });
  writeFileSync(join(data, 'enrolments.json'), '{');
  const again = await enroll(one, '--replace');
  t.match(again, { code: 0, out: /"status":"replaced"/, err: /was damaged; its copy is used/ });
});

t.test('enroll: two installers at the same moment lose nobody', async (t) => {
  const data = join(t.testdir({}), 'C');
  await run(['init', '--data', data]);
  const names = ['gz-bus-a1', 'gz-bus-a2', 'gz-bus-a3', 'gz-bus-a4'];
  const results = await Promise.all(
    names.map((name) => run(['enroll', '--data', data], JSON.stringify(new TestDevice(name).enrolment()))),
  );
  t.same(
    results.map(({ code }) => code),
    [0, 0, 0, 0],
  );
  const { devices } = JSON.parse(readFileSync(join(data, 'enrolments.json'), 'utf8'));
  t.same(Object.keys(devices).sort(), names);
});

t.test('wrong usage is 2 and says what was meant', async (t) => {
  t.match(await run(['evnts']), { code: 2, err: /events/ });
  t.match(await run(['init']), { code: 2, err: /--data/ });
  t.match(await run(['init', '--dta', 'x']), { code: 2 });
  const rate = ['run', '--data', 'x', '--broker', 'mqtt://127.0.0.1', '--question-rate', '0'];
  t.match(await run(rate), { code: 2, err: /--question-rate .*from 1/ });
  t.match(await run([...rate.slice(0, 5), '--question-burst', '4']), { code: 2, err: /from 5/ });
  t.match(await run(['run', '--data', 'x', '--broker', 'http://127.0.0.1']), { code: 2, err: /mqtt:/ });
  for (const name of ['init', 'enroll', 'run', 'events', 'verify', 'rules']) {
    t.match(await run([name, '--help']), { code: 0, out: /example: cardpad central/, err: '' }, name);
  }
});

t.test('rules, events and verify of a new central', async (t) => {
  const data = join(t.testdir({ 'bad.json': '{"x@1":[]}' }), 'C');
  await run(['init', '--data', data]);
  t.match(JSON.parse((await run(['rules', '--data', data])).out), { 'health-code@1': [], 'visitor@1': [] });
  t.match(await run(['rules', '--check', join(data, 'rules.json')]), { code: 0 });
  t.match(await run(['rules', '--check', join(data, '../bad.json')]), {
    code: 1,
    out: /x@1: rules\.open-end/,
  });
  t.match(await run(['events', '--data', data]), { code: 0, out: '' });
  t.match(await run(['verify', '--data', data]), { code: 0, out: '' });
  t.match(await run(['verify', '--data', data, '--device', 'gz-bus-a1']), { code: 1, err: /gz-bus-a1/ });
  t.match(await run(['events', '--data', data, '--device', 'gz-bus-a1']), { code: 1, err: /gz-bus-a1/ });
  t.match(await run(['events', '--data', data]), { code: 0, err: /The ledger is empty/ });
});

t.test('run: waits for a broker that is away, says ready, ends well when told to', async (t) => {
  const data = join(t.testdir({}), 'C');
  await run(['init', '--data', data]);
  const gone = await startMosquitto(t);
  await gone.stop();
  const child = start(['run', '--data', data, '--broker', gone.url]);
  t.teardown(() => child.kill('SIGKILL'));
  const ready = says(
    child,
    /central ready broker=mqtt:\/\/127\.0\.0\.1:\d+ worker=central devices=0 people=0/,
  );
  await says(child, /cannot connect/);
  await startMosquitto(t, gone.port);
  await ready;
  child.kill('SIGTERM');
  t.same(await once(child, 'close'), [0, null]);
});

t.test('run: ends within 2 s, and well, with a broker that is frozen or never answers', async (t) => {
  const data = join(t.testdir({}), 'C');
  await run(['init', '--data', data]);
  const end = async (child: ChildProcess) => {
    const startMs = performance.now();
    child.kill('SIGTERM');
    t.same(await once(child, 'exit'), [0, null]);
    t.ok(performance.now() - startMs < 2_000, `took ${Math.round(performance.now() - startMs)} ms`);
  };
  const broker = await startMosquitto(t);
  const served = start(['run', '--data', data, '--broker', broker.url]);
  t.teardown(() => served.kill('SIGKILL'));
  await says(served, /central ready/);
  t.teardown(broker.freeze());
  await end(served);
  const { server, url, came } = await silentBroker();
  t.teardown(() => server.close());
  const waiting = start(['run', '--data', data, '--broker', url]);
  t.teardown(() => waiting.kill('SIGKILL'));
  await came;
  await end(waiting);
});

/** Takes connections and what they send, and says nothing: no CONNACK ever comes. */
async function silentBroker(): Promise<{ server: Server; url: string; came: Promise<unknown> }> {
  const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, url: `mqtt://127.0.0.1:${address.port}`, came: once(server, 'connection') };
}

t.test('verify: what was acknowledged and is gone is named, in words and in JSON', async (t) => {
  const data = join(t.testdir({}), 'C');
  await run(['init', '--data', data]);
  const journal = new TestJournal('gz-bus-a1', 1, null, await readKeyPair(data, 'ledger'));
  journal.verdict(journal.tap());
  const ledger = new Ledger({ folder: ledgerFolder(data), log: silentLog, writes: true });
  await ledger.store('gz-bus-a1', journal.batch());
  const anchors = await Anchors.open({ folder: data, clock: systemClock, log: silentLog });
  anchors.note('gz-bus-a1', journal.place);
  await anchors.close();
  t.match(await run(['verify', '--data', data]), { code: 0, out: /gz-bus-a1 ok: 4 records/ });
  const gone = /removed at 1\/1 .*records up to 1\/4 were acknowledged, the ledger holds nothing/;
  const path = join(ledgerFolder(data), 'gz-bus-a1.cpj');
  truncateSync(path);
  t.match(await run(['verify', '--data', data]), { code: 1, out: gone });
  rmSync(path);
  t.match(await run(['verify', '--data', data, '--device', 'gz-bus-a1']), { code: 1, out: gone });
  const json = await run(['verify', '--data', data, '--json']);
  t.equal(json.code, 1);
  t.match(JSON.parse(json.out), {
    whole: false,
    records: 0,
    faults: [{ kind: 'removed', epoch: 1, seq: 1 }],
  });
});
